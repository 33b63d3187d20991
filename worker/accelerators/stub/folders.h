// Entries of a folder.
#pragma once

// Calls `see` with each name but "." and "..", until it returns 0. Returns whether there is such a folder and
// it never did.
int for_each_entry(const char* folder, int (*see)(const char* name, void* context), void* context);
