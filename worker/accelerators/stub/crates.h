// What a call of rustc reads of other crates, and what it writes for them.
#pragma once

// Whether none of them is a shared object: procedural macros are, which rustc loads into itself, and a native
// one cannot load what was made for the emulated machine. False as well where that cannot be told.
int has_native_crates(char** arguments);
// Whether it writes nothing that is read for other crates: what it makes are programs, or libraries for other
// languages. False as well where that cannot be told. The order of some things in metadata is that of a hash
// table, which lays itself out by the width of the processor's vectors.
int writes_no_metadata(char** arguments);
