#include "worker/accelerators/stub/files.h"

#include "worker/accelerators/stub/folders.h"
#include "worker/accelerators/stub/kernel.h"
#include "worker/accelerators/stub/sha256.h"
#include "worker/accelerators/stub/texts.h"

enum { kPiece = 32768 };

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

static int is_known_entry(const char* name, void* known) { return has_word((const char*)known, name); }

static int has_other_ending(const char* name, void* ending) { return !ends(name, (const char*)ending); }

int has_known_folders(const struct table* table, const struct accelerated_program* program) {
  for (uint32_t i = 0; i < program->rules_count; ++i) {
    const struct accelerated_rule* rule = &table->rules[program->rules + i];
    if (rule->kind != ACCELERATED_FOLDER_ENTRIES && rule->kind != ACCELERATED_FOLDER_WITHOUT) continue;
    const char* folder = table_text(table, rule->text);
    if (!for_each_entry(folder, rule->kind == ACCELERATED_FOLDER_ENTRIES ? is_known_entry : has_other_ending,
                        (void*)table_text(table, rule->from)) &&
        kernel_exists(folder))
      return 0;
  }
  return 1;
}
