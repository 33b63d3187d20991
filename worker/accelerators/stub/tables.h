// The worker's table, mapped and checked: every place in it is inside of it.
#pragma once

#include <stdint.h>

#include "worker/accelerators/table_format.h"

struct table {
  const struct accelerated_table* header;
  const struct accelerated_program* programs;
  const struct accelerated_file* files;
  const struct accelerated_rule* rules;
};

// False where a step has none, or one that is not the worker's.
int table_open(struct table* table);
void table_close(const struct table* table);
// Whether a file is there, root's, and on a mount on which nothing can be written.
int is_read_only(const char* path);

static inline const char* table_text(const struct table* table, uint32_t place) {
  return (const char*)table->header + place;
}
