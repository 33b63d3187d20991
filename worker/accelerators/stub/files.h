// Files and folders of the step's root: whether they are what the table means.
#pragma once

#include "worker/accelerators/stub/tables.h"

enum { kMostPath = 4096 };

// Whether the open file is the one that the table means, by what is known of it or else by its digest.
int is_file(const struct accelerated_file* file, int fd);
// Whether what the emulated program would read besides is what the native one brings.
int has_needs(const struct table* table, const struct accelerated_program* program);
// Whether folders have no other entries than those that the program's rules name. One that is not there has
// none.
int has_known_folders(const struct table* table, const struct accelerated_program* program);
