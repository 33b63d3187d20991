// The stub in front of an emulator: puts a native program in the place of the emulated one that the kernel
// was asked to execute, if the worker's table has it and everything fits. Otherwise the emulator goes on, as
// the processor that the table asks for; where a step has no table, and whenever anything is unusual, as if
// the stub had never been.
//
// It runs with the rights of the step and trusts nothing that the step can write: the table and the native
// programs are on mounts that are read-only here, which no process of a step can make.
#include "worker/accelerators/stub/arguments.h"
#include "worker/accelerators/stub/files.h"
#include "worker/accelerators/stub/kernel.h"
#include "worker/accelerators/stub/tables.h"
#include "worker/accelerators/stub/variables.h"

enum { kAtExecFd = 2, kAtFlags = 8, kAtUid = 11, kAtEuid, kAtGid, kAtEgid, kAtSecure = 23, kAuxMost = 64 };
enum { kPreserveArgv0 = 1, kSetUidOrGid = 06000 };

// What the kernel laid down on the stack.
struct start {
  // Of the emulator: its name, the program's path, then the program's own arguments.
  char** argv;
  long argc;
  char** envp;
  long exec_fd;
  // AT_FLAGS of the auxiliary vector; null: there is none.
  unsigned long* flags;
  int usual;
};

static struct start read_start(long* stack) {
  struct start start = {(char**)(stack + 1), stack[0], 0, -1, 0, 0};
  start.envp = start.argv + start.argc + 1;
  char** after = start.envp;
  while (*after) ++after;
  long uid = -1, euid = -2, gid = -1, egid = -2, secure = 1;
  unsigned long* aux = (unsigned long*)(after + 1);
  for (int i = 0; i < kAuxMost && aux[0] != 0; ++i, aux += 2) {
    if (aux[0] == kAtExecFd) start.exec_fd = (long)aux[1];
    if (aux[0] == kAtFlags) start.flags = aux + 1;
    if (aux[0] == kAtUid) uid = (long)aux[1];
    if (aux[0] == kAtEuid) euid = (long)aux[1];
    if (aux[0] == kAtGid) gid = (long)aux[1];
    if (aux[0] == kAtEgid) egid = (long)aux[1];
    if (aux[0] == kAtSecure) secure = (long)aux[1];
  }
  // Registered with O and P (the open program, and its own argv[0]), and no program that changes who executes
  // it.
  start.usual = start.exec_fd >= 0 && start.flags && (*start.flags & kPreserveArgv0) && start.argc >= 3 &&
                secure == 0 && uid == euid && gid == egid;
  return start;
}

static int keeps_credentials(const struct stat* state) { return (state->st_mode & kSetUidOrGid) == 0; }

static void replace(const struct start* start, const struct table* table) {
  struct stat state;
  const int fd = (int)start->exec_fd;
  if (kernel_fstat(fd, &state) != 0 || !keeps_credentials(&state)) return;
  char** arguments = start->argv + 2;
  for (uint32_t i = 0; i < table->header->programs_count; ++i) {
    const struct accelerated_program* program = &table->programs[i];
    if (table->files[program->file].size != (uint64_t)state.st_size) continue;
    if (!fits_variables(table, program, start->envp) ||
        !fits_arguments(table, program, arguments, start->envp, &state) ||
        !is_file(&table->files[program->file], fd) || !has_needs(table, program) ||
        !has_known_folders(table, program)) {
      continue;
    }
    const char* native = table_text(table, program->native);
    if (!is_read_only(native)) return;
    const struct native_arguments made = make_native_arguments(table, program, arguments);
    if (!made.words) return;
    // Of the emulator only: the native program must not find it open.
    const int set_flags = 2, cloexec = 1;
    kernel(__NR_fcntl, fd, set_flags, cloexec, 0, 0, 0);
    kernel(__NR_execve, (long)native, (long)made.words, (long)start->envp, 0, 0, 0);
    kernel(__NR_fcntl, fd, set_flags, 0, 0, 0, 0);
    drop_native_arguments(&made);
    return;
  }
}

// Tells the emulator its processor in the words of its command line, which is the same for every version. The
// kernel's is NAME PATH ARGV0 ARGUMENT..., with a flag that says so, and Debian's qemu takes no options if
// its name ends with "-binfmt-P": so the name is another one, the flag is taken away, and ARGV0 becomes an
// option. The words are the stub's own, which stays where it is. Returns where the stack begins now: what the
// kernel laid down begins in the four words below (entry.S), so that nothing else moves.
static long* tell_processor(long* stack, const struct start* start) {
  const long path = stack[2], argv0 = stack[3];
  long* words = stack - 4;
  words[0] = stack[0] + 4;
  words[1] = (long)CROSSMILL_TOLD_EMULATOR;
  words[2] = (long)"-cpu";
  words[3] = (long)CROSSMILL_QUICK_PROCESSOR;
  words[4] = (long)"-0";
  words[5] = argv0;
  words[6] = (long)"--";
  words[7] = path;
  *start->flags &= ~(unsigned long)kPreserveArgv0;
  return words;
}

// Returns where the emulator's stack begins.
long* stub_main(long* stack) {
  struct table table;
  if (!table_open(&table)) return stack;
  const struct start start = read_start(stack);
  if (start.usual) replace(&start, &table);
  const int tells = start.usual && table.header->quick_processor && !has_prefix("QEMU_CPU=", start.envp);
  table_close(&table);
  return tells ? tell_processor(stack, &start) : stack;
}
