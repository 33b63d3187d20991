#include "worker/accelerators/stub/fitting.h"

#include "worker/accelerators/stub/kernel.h"
#include "worker/accelerators/stub/sha256.h"

enum { kPiece = 32768, kMostPath = 4096 };

static int begins(const char* text, const char* prefix) {
  while (*prefix) {
    if (*text++ != *prefix++) return 0;
  }
  return 1;
}

static int same(const char* one, const char* other) {
  while (*one && *one == *other) {
    ++one;
    ++other;
  }
  return *one == *other;
}

static int has_digest(const struct accelerated_file* file, int fd) {
  uint8_t piece[kPiece];
  uint8_t digest[32];
  struct sha256 hash;
  sha256_begin(&hash);
  while (hash.bytes < file->size) {
    const long count = kernel_pread(fd, piece, sizeof(piece), hash.bytes);
    if (count <= 0) return 0;
    sha256_add(&hash, piece, (size_t)count);
  }
  sha256_end(&hash, digest);
  for (int i = 0; i < 32; ++i) {
    if (digest[i] != file->sha256[i]) return 0;
  }
  return 1;
}

int is_file(const struct accelerated_file* file, int fd) {
  struct stat state;
  if (kernel_fstat(fd, &state) != 0 || (uint64_t)state.st_size != file->size) return 0;
  // The kernel sets the time of change itself, and no step sets the clock.
  if (file->known && state.st_dev == file->device && state.st_ino == file->inode &&
      (int64_t)state.st_ctime == file->ctime_seconds && state.st_ctime_nsec == file->ctime_nanoseconds) {
    return 1;
  }
  return has_digest(file, fd);
}

int has_needs(const struct table* table, const struct accelerated_program* program) {
  for (uint32_t i = 0; i < program->needs_count; ++i) {
    const struct accelerated_file* file = &table->files[program->needs + i];
    const int fd = kernel_open(table_text(table, file->path));
    if (fd < 0) return 0;
    const int found = is_file(file, fd);
    kernel_close(fd);
    if (!found) return 0;
  }
  return 1;
}

// A header that is read as it is: a precompiled one is of the emulated program's own making.
static int is_plain_header(const char* path) {
  char precompiled[kMostPath];
  size_t length = 0;
  if (!path) return 0;
  while (path[length]) {
    if (length >= sizeof(precompiled) - 5) return 0;
    precompiled[length] = path[length];
    ++length;
  }
  precompiled[length] = '.';
  precompiled[length + 1] = 'g';
  precompiled[length + 2] = 'c';
  precompiled[length + 3] = 'h';
  precompiled[length + 4] = 0;
  return kernel_exists(path) && !kernel_exists(precompiled);
}

static int fits_argument(const struct table* table, const struct accelerated_program* program,
                         char** argument) {
  for (uint32_t i = 0; i < program->rules_count; ++i) {
    const struct accelerated_rule* rule = &table->rules[program->rules + i];
    const char* text = table_text(table, rule->text);
    switch (rule->kind) {
      case ACCELERATED_FINE_PREFIX:
        if (begins(*argument, text)) return 1;
        break;
      case ACCELERATED_EMULATED_PREFIX:
        if (begins(*argument, text)) return 0;
        break;
      case ACCELERATED_EMULATED_WORD:
        if (same(*argument, text)) return 0;
        break;
      case ACCELERATED_INCLUDED_FILE:
        if (same(*argument, text)) return is_plain_header(argument[1]);
        break;
      case ACCELERATED_REPLACED_FILE:
        if (same(*argument, text))
          return argument[1] && same(argument[1], table_text(table, rule->from)) &&
                 is_read_only(table_text(table, rule->to));
        break;
      case ACCELERATED_NEEDED_VARIABLE:
      case ACCELERATED_EMULATED_VARIABLE:
        break;
      default:
        return 0;
    }
  }
  return 1;
}

// What stands in for the argument after this one; null for most.
static const char* replacement_for(const struct table* table, const struct accelerated_program* program,
                                   const char* argument) {
  for (uint32_t i = 0; i < program->rules_count; ++i) {
    const struct accelerated_rule* rule = &table->rules[program->rules + i];
    if (rule->kind == ACCELERATED_REPLACED_FILE && same(argument, table_text(table, rule->text)))
      return table_text(table, rule->to);
  }
  return 0;
}

int fits_arguments(const struct table* table, const struct accelerated_program* program, char** arguments) {
  int wanted = 0, replaced = 0;
  for (uint32_t i = 0; i < program->rules_count; ++i)
    wanted += table->rules[program->rules + i].kind == ACCELERATED_REPLACED_FILE;
  if (!*arguments) return 0;
  for (char** argument = arguments + 1; *argument; ++argument) {
    if (!fits_argument(table, program, argument)) return 0;
    replaced += replacement_for(table, program, *argument) != 0;
  }
  return replaced == wanted;
}

char** replaced_argument(const struct table* table, const struct accelerated_program* program,
                         char** arguments, const char** replacement) {
  for (char** argument = arguments + 1; *argument; ++argument) {
    *replacement = replacement_for(table, program, *argument);
    if (*replacement) return argument + 1;
  }
  return 0;
}

// A locale whose messages are the programs' own.
static int is_plain_locale(const char* value) {
  return !*value || same(value, "C") || same(value, "POSIX") || same(value, "C.UTF-8") ||
         same(value, "C.utf8");
}

// Of all tools only the linker is given a file in another's place, its plugin.
static int is_linker(const struct table* table, const struct accelerated_program* program) {
  for (uint32_t i = 0; i < program->rules_count; ++i) {
    if (table->rules[program->rules + i].kind == ACCELERATED_REPLACED_FILE) return 1;
  }
  return 0;
}

static int fits_variable(const char* variable, int linker) {
  // Whoever builds sets it for the linker, and all compilers have it, which do not know it.
  if (begins(variable, "LD_RUN_PATH=")) return !linker;
  // What loaders, the emulator or the C library would do something with.
  if (begins(variable, "LD_") || begins(variable, "QEMU_") || begins(variable, "GLIBC_TUNABLES=") ||
      begins(variable, "GCC_EXEC_PREFIX=") || begins(variable, "LOCPATH=") ||
      begins(variable, "GCONV_PATH=") || begins(variable, "NLSPATH=") || begins(variable, "MALLOC_")) {
    return 0;
  }
  // Of the languages in its list these two end the search for translations (gettext); every configure script
  // of autoconf sets the first.
  if (begins(variable, "LANGUAGE=")) {
    const char* languages = variable + sizeof("LANGUAGE=") - 1;
    return !*languages || same(languages, "C") || same(languages, "POSIX");
  }
  if (!begins(variable, "LANG=") && !begins(variable, "LC_")) return 1;
  while (*variable && *variable != '=') ++variable;
  return *variable == '=' && is_plain_locale(variable + 1);
}

// With its '='.
static size_t name_length(const char* variable) {
  size_t length = 0;
  while (variable[length] && variable[length] != '=') ++length;
  return length + 1;
}

static int begins_alike(const char* one, const char* other, size_t length) {
  for (size_t i = 0; i < length; ++i) {
    if (one[i] != other[i]) return 0;
  }
  return 1;
}

// A variable that is there twice counts once for one program and once for another, so all have to be it.
static int has_variable(const char* wanted, char** envp) {
  const size_t length = name_length(wanted);
  int found = 0;
  for (; *envp; ++envp) {
    if (!begins_alike(*envp, wanted, length)) continue;
    if (!same(*envp, wanted)) return 0;
    found = 1;
  }
  return found;
}

int has_prefix(const char* prefix, char** envp) {
  for (; *envp; ++envp) {
    if (begins(*envp, prefix)) return 1;
  }
  return 0;
}

int fits_variables(const struct table* table, const struct accelerated_program* program, char** envp) {
  for (uint32_t i = 0; i < program->rules_count; ++i) {
    const struct accelerated_rule* rule = &table->rules[program->rules + i];
    const char* text = table_text(table, rule->text);
    if (rule->kind == ACCELERATED_NEEDED_VARIABLE && !has_variable(text, envp)) return 0;
    if (rule->kind == ACCELERATED_EMULATED_VARIABLE && has_prefix(text, envp)) return 0;
  }
  return 1;
}

int fits_environment(const struct table* table, const struct accelerated_program* program, char** envp) {
  const int linker = is_linker(table, program);
  for (; *envp; ++envp) {
    if (!fits_variable(*envp, linker)) return 0;
  }
  return !kernel_exists("/etc/ld.so.preload");
}
