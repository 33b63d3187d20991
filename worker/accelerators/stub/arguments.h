// Whether a native program would do with the arguments of a call what the emulated one would, and its own.
#pragma once

#include <asm/stat.h>

#include "worker/accelerators/stub/tables.h"

// `arguments` ends with a null, as execve takes it. `file` is the program's own, as it was executed.
int fits_arguments(const struct table* table, const struct accelerated_program* program, char** arguments,
                   char** envp, const struct stat* file);

// The native program's arguments: some are added, some replaced. Memory of its own, of `bytes`; null: there
// is none.
struct native_arguments {
  char** words;
  long bytes;
};
struct native_arguments make_native_arguments(const struct table* table,
                                              const struct accelerated_program* program, char** arguments);
void drop_native_arguments(const struct native_arguments* made);
