// Whether a native program would do exactly what the emulated one would: by the files, the arguments and the
// variables.
#pragma once

#include "worker/accelerators/stub/tables.h"

// Whether the open file is the one that the table means, by what is known of it or else by its digest.
int is_file(const struct accelerated_file* file, int fd);
// Whether what the emulated program would read besides is what the native one brings.
int has_needs(const struct table* table, const struct accelerated_program* program);
int fits_arguments(const struct table* table, const struct accelerated_program* program, char** arguments);
// Of arguments that fit: where the one is that the native program gets another one for, which is given in
// `replacement`; null if there is none.
char** replaced_argument(const struct table* table, const struct accelerated_program* program,
                         char** arguments, const char** replacement);
// What the program's own rules say of variables.
int fits_variables(const struct table* table, const struct accelerated_program* program, char** envp);
int has_prefix(const char* prefix, char** envp);
// What counts for every program, or for every linker.
int fits_environment(const struct table* table, const struct accelerated_program* program, char** envp);
