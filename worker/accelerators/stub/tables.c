#include "worker/accelerators/stub/tables.h"

#include <asm/statfs.h>

#include "worker/accelerators/stub/kernel.h"

enum { kReadOnly = 1, kFlagsValid = 0x20, kGroupOrOthersWrite = 022 };

static int is_worker_file(int fd, struct stat* state) {
  struct statfs file_system;
  if (kernel(__NR_fstatfs, fd, (long)&file_system, 0, 0, 0, 0) != 0) return 0;
  if ((file_system.f_flags & kFlagsValid) == 0 || (file_system.f_flags & kReadOnly) == 0) return 0;
  return kernel_fstat(fd, state) == 0 && state->st_uid == 0 && (state->st_mode & kGroupOrOthersWrite) == 0;
}

int is_read_only(const char* path) {
  struct stat state;
  const int fd = kernel_open(path);
  if (fd < 0) return 0;
  const int found = is_worker_file(fd, &state);
  kernel_close(fd);
  return found;
}

static int is_text(const struct accelerated_table* header, uint32_t place) {
  return place >= sizeof(*header) && place < header->bytes;
}

static int is_range(uint32_t first, uint32_t count, uint32_t all) {
  return first <= all && count <= all - first;
}

static int same_magic(const char* one, const char* other) {
  for (int i = 0; i < 16; ++i) {
    if (one[i] != other[i]) return 0;
  }
  return 1;
}

static int is_whole(struct table* table, uint64_t size) {
  const struct accelerated_table* header = table->header;
  if (size < sizeof(*header) || !same_magic(header->magic, CROSSMILL_TABLE_MAGIC) || header->bytes != size)
    return 0;
  const uint64_t needed = sizeof(*header) + (uint64_t)header->programs_count * sizeof(*table->programs) +
                          (uint64_t)header->files_count * sizeof(*table->files) +
                          (uint64_t)header->rules_count * sizeof(*table->rules);
  if (needed >= size || ((const char*)header)[size - 1] != 0) return 0;
  // Files first: they have the widest numbers.
  table->files = (const struct accelerated_file*)(header + 1);
  table->programs = (const struct accelerated_program*)(table->files + header->files_count);
  table->rules = (const struct accelerated_rule*)(table->programs + header->programs_count);
  for (uint32_t i = 0; i < header->files_count; ++i) {
    if (!is_text(header, table->files[i].path)) return 0;
  }
  for (uint32_t i = 0; i < header->rules_count; ++i) {
    const struct accelerated_rule* rule = &table->rules[i];
    if (!is_text(header, rule->text) || !is_text(header, rule->from) || !is_text(header, rule->to)) return 0;
  }
  for (uint32_t i = 0; i < header->programs_count; ++i) {
    const struct accelerated_program* program = &table->programs[i];
    if (program->file >= header->files_count || !is_text(header, program->native) ||
        !is_range(program->needs, program->needs_count, header->files_count) ||
        !is_range(program->rules, program->rules_count, header->rules_count)) {
      return 0;
    }
  }
  return 1;
}

int table_open(struct table* table) {
  const int fd = kernel_open(CROSSMILL_ACCELERATORS_TABLE);
  if (fd < 0) return 0;
  struct stat state;
  long mapped = -1;
  if (is_worker_file(fd, &state) && state.st_size > 0 && state.st_size <= (long)CROSSMILL_TABLE_MOST_BYTES) {
    const int read = 1, private_mapping = 2;
    mapped = kernel(__NR_mmap, 0, state.st_size, read, private_mapping, fd, 0);
  }
  kernel_close(fd);
  if (mapped < 0 && mapped > -4096) return 0;
  table->header = (const struct accelerated_table*)mapped;
  if (is_whole(table, (uint64_t)state.st_size)) return 1;
  kernel(__NR_munmap, mapped, state.st_size, 0, 0, 0, 0);
  return 0;
}

void table_close(const struct table* table) {
  kernel(__NR_munmap, (long)table->header, table->header->bytes, 0, 0, 0, 0);
}
