/* What the loader tells debuggers of the libraries that it loaded, and ELF as far as functions are found with
 * it: the interfaces of <link.h> and <elf.h> for 64 bits, which are not where the library is cross-compiled.
 */
#ifndef CROSSMILL_WORKER_PRELOAD_LOADER_H_
#define CROSSMILL_WORKER_PRELOAD_LOADER_H_

#include <stdint.h>

struct dynamic_entry {
  int64_t tag;
  uint64_t value;
};
enum {
  kTagEnd = 0,
  kTagHash = 4,
  kTagNames = 5,
  kTagSymbols = 6,
  kTagGnuHash = 0x6ffffef5,
  kTagVersions = 0x6ffffff0,
};

struct elf_symbol {
  uint32_t name;
  unsigned char info;
  unsigned char other;
  uint16_t section;
  uint64_t value;
  uint64_t size;
};
enum { kTypeMask = 15, kTypeFunction = 2, kNoSection = 0, kHiddenVersion = 0x8000 };

struct loaded_library {
  uint64_t address;
  char* path;
  struct dynamic_entry* dynamic;
  struct loaded_library* next;
  struct loaded_library* previous;
};

struct loader_state {
  int version;
  struct loaded_library* first;
};

#endif
