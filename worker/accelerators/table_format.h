// The table that a step's emulator looks into: which programs of the step's root have a native stand-in, when
// it may be used, and which processor the emulator is. Written by the worker (root_table.h), read by the stub
// in the emulator (stub/), which is C.
//
// One file: header, programs, files, rules, texts. Numbers are those of this machine (x86_64), places of
// texts count from the begin of the file, texts end with a zero byte. It is at a place where a step can
// change nothing.
#pragma once

#include <stdint.h>

#define CROSSMILL_ACCELERATORS_FOLDER "/dev/accelerators"
#define CROSSMILL_ACCELERATORS_TABLE "/dev/accelerators.table"
#define CROSSMILL_TABLE_MAGIC "crossmill-accel4"
#define CROSSMILL_TABLE_MOST_BYTES 65536u
// The processor of quick_processor.h, in qemu's words.
#define CROSSMILL_QUICK_PROCESSOR "max,pauth-impdef=on"
// The name that an emulator has when it is told so.
#define CROSSMILL_TOLD_EMULATOR "qemu"

// What a file of the root has to be.
struct accelerated_file {
  uint8_t sha256[32];
  uint64_t size;
  // With `known`: a file that is still this one, by what stat says in the step, has the digest.
  uint64_t device;
  uint64_t inode;
  int64_t ctime_seconds;
  uint32_t ctime_nanoseconds;
  uint32_t known;
  // Text: absolute in the step.
  uint32_t path;
  uint32_t unused;
};

// Of rules of arguments, and of variables, in their order the first that one meets counts. An argument that
// meets none is fine; what a variable that meets none means is the same for every program (stub/variables.h).
enum accelerated_rule_kind {
  ACCELERATED_FINE_PREFIX = 1,
  ACCELERATED_EMULATED_PREFIX = 2,
  ACCELERATED_EMULATED_WORD = 3,
  // The argument after it names a file: fine if it is there and no precompiled one (FILE.gch) beside it.
  ACCELERATED_INCLUDED_FILE = 4,
  // The argument after it has to be `from`, and is `to` for the native program. Exactly once in a call.
  ACCELERATED_REPLACED_FILE = 5,
  // "NAME=VALUE": the environment has the variable, with this value.
  ACCELERATED_NEEDED_VARIABLE = 6,
  // No variable of the environment begins so.
  ACCELERATED_EMULATED_VARIABLE = 7,
  // Unless the first argument begins with `text`, or another one is it or it with a value ("TEXT=..."), the
  // native program gets `from` and `to` in front of its arguments; `to` may be empty.
  ACCELERATED_ADDED_ARGUMENTS = 8,
  // Where an argument is `text`, one is `from`.
  ACCELERATED_NEEDED_ARGUMENT = 9,
  // argv[0], looked for as a shell does, is the program itself: the native one learns from it where it lies.
  // Without folder and version ("-19") it is one of the words of `text`, if that has any: by its name a
  // program also learns what it is.
  ACCELERATED_OWN_NAME = 10,
  // No crate of rustc's call is a shared object, as procedural macros are (stub/crates.h).
  ACCELERATED_NATIVE_CRATES = 11,
  // Such a variable is fine.
  ACCELERATED_FINE_VARIABLE = 12,
  // The folders that such a variable lists, separated by colons, have no file with one of the names in
  // `from`, which are separated by spaces.
  ACCELERATED_LIBRARY_FOLDERS = 13,
  // The folder `text` has no other entries than those whose names are in `from`, separated by spaces.
  ACCELERATED_FOLDER_ENTRIES = 14,
  // The program lies at the place that the table has for it, where it looks for what lies beside it.
  ACCELERATED_OWN_PLACE = 15,
  // rustc's call writes no metadata: it makes programs, or libraries for other languages (stub/crates.h).
  ACCELERATED_NO_METADATA = 16,
  // No name in the folder `text` ends with `from`.
  ACCELERATED_FOLDER_WITHOUT = 17,
  // Go's programs write no telemetry (stub/telemetry.h).
  ACCELERATED_TELEMETRY_OFF = 18,
};

struct accelerated_rule {
  uint32_t kind;
  uint32_t text;
  // Texts; the same as `text` where the kind has none. `to` of a replaced file is absolute in the step.
  uint32_t from;
  uint32_t to;
};

struct accelerated_program {
  // The emulated program, and what it reads besides, as places in the table's files.
  uint32_t file;
  uint32_t needs;
  uint32_t needs_count;
  uint32_t rules;
  uint32_t rules_count;
  // Text: the native program, absolute in the step.
  uint32_t native;
};

struct accelerated_table {
  char magic[16];
  uint32_t bytes;
  uint32_t programs_count;
  uint32_t files_count;
  uint32_t rules_count;
  // Not 0: what is emulated runs on CROSSMILL_QUICK_PROCESSOR, unless its environment chooses one.
  uint32_t quick_processor;
  uint32_t unused;
};
