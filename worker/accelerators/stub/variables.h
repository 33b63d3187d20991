// Whether the environment of a call means to a native program what it means to the emulated one.
#pragma once

#include "worker/accelerators/stub/tables.h"

// By the program's own rules, and for what they do not name by those that count for every program: what
// loaders, the emulator and the C library read keeps it emulated.
int fits_variables(const struct table* table, const struct accelerated_program* program, char** envp);
int has_prefix(const char* prefix, char** envp);
// The value of the first variable of that name ("NAME="); null: there is none.
const char* value_of(const char* name, char** envp);
