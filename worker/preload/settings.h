/* What the worker tells the library: a block in the library's bytes that the worker fills in before a program
 * sees the file. Variables and further files would be visible to recipes. The C++ side is preload_library.h.
 */
#ifndef CROSSMILL_WORKER_PRELOAD_SETTINGS_H_
#define CROSSMILL_WORKER_PRELOAD_SETTINGS_H_

#include <stdint.h>

/* The library's name where a program could see it. */
#define CROSSMILL_PRELOAD_NAME ".crossmill-preload.so"

/* Once in the library: the worker finds the block by it. */
#define CROSSMILL_PRELOAD_MAGIC "crossmill preload settings 1\n\n\n"

enum {
  /* Folders are read backwards. */
  CROSSMILL_PRELOAD_REVERSE = 1,
  /* The root has no /etc/ld.so.preload of its own: readers of /etc are not shown ours. */
  CROSSMILL_PRELOAD_HIDE_LIST = 2,
};

/* 48 bytes, in the byte order of both architectures, which is little-endian. */
struct preload_settings {
  char magic[32];
  /* What is added to the wall clock, in seconds; 0: nothing. */
  int64_t shift;
  int64_t flags;
};

#endif
