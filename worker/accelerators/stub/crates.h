// What a call of rustc reads of other crates.
#pragma once

// Whether none of them is a shared object: procedural macros are, which rustc loads into itself, and a native
// one cannot load what was made for the emulated machine. False as well where that cannot be told.
int has_native_crates(char** arguments);
