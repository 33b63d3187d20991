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
#define CROSSMILL_TABLE_MAGIC "crossmill-accel3"
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

// Of rules in their order the first that an argument meets counts; one that meets none is fine. Rules of
// variables have to hold all.
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
};

struct accelerated_rule {
  uint32_t kind;
  uint32_t text;
  // Texts, of a replaced file; else the same as `text`. `to` is absolute in the step.
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
