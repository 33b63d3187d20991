/* Finding the program's own functions. dlsym is not everywhere: before glibc 2.34 it is in a library of its
 * own, which many programs don't load. The loader's list of what is loaded (_r_debug, made for debuggers) is.
 */
#include "libc.h"

#include "loader.h"

const volatile struct preload_settings crossmill_settings
    __attribute__((section(".data"), used)) = {.magic = CROSSMILL_PRELOAD_MAGIC, .shift = 0, .flags = 0};

/* Weak: without them the library does nothing rather than fail. */
extern struct loader_state _r_debug __attribute__((weak, visibility("default")));
extern int* __errno_location(void) __attribute__((weak, visibility("default")));
extern struct dynamic_entry _DYNAMIC[] __attribute__((visibility("hidden")));

int SameText(const char* one, const char* other) {
  while (*one != '\0' && *one == *other) {
    ++one;
    ++other;
  }
  return *one == *other;
}

void CopyBytes(void* to, const void* from, unsigned long size) {
  char* target = to;
  const char* source = from;
  /* The compiler would make a call of memcpy of the plain loop. */
  for (unsigned long i = 0; i < size; ++i) {
    target[i] = source[i];
    __asm__ volatile("" : : : "memory");
  }
}

/* Compilers may use these in freestanding programs, too. */
void* memset(void* to, int byte, unsigned long size) __attribute__((visibility("hidden")));
void* memset(void* to, int byte, unsigned long size) {
  char* target = to;
  for (unsigned long i = 0; i < size; ++i) {
    target[i] = (char)byte;
    __asm__ volatile("" : : : "memory");
  }
  return to;
}
void* memcpy(void* to, const void* from, unsigned long size) __attribute__((visibility("hidden")));
void* memcpy(void* to, const void* from, unsigned long size) {
  CopyBytes(to, from, size);
  return to;
}

void SetError(int number) {
  if (__errno_location) *__errno_location() = number;
}

int GetError(void) { return __errno_location ? *__errno_location() : 0; }

long RawCall(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                   : "memory", "cc");
  return x0;
#else
#error "no system calls for this architecture"
#endif
}

/* The tables of one loaded library. */
struct tables {
  const struct elf_symbol* symbols;
  const char* names;
  const uint32_t* gnu_hash;
  const uint32_t* sysv_hash;
  const uint16_t* versions;
};

/* The loader writes addresses into most libraries' dynamic sections, and leaves those that can't be written.
 */
static const void* TableAt(const struct loaded_library* library, uint64_t value) {
  return (const void*)(value < library->address ? value + library->address : value);
}

static struct tables TablesOf(const struct loaded_library* library) {
  struct tables tables = {0, 0, 0, 0, 0};
  for (const struct dynamic_entry* entry = library->dynamic; entry->tag != kTagEnd; ++entry) {
    const uint64_t value = entry->value;
    if (entry->tag == kTagSymbols) tables.symbols = TableAt(library, value);
    if (entry->tag == kTagNames) tables.names = TableAt(library, value);
    if (entry->tag == kTagGnuHash) tables.gnu_hash = TableAt(library, value);
    if (entry->tag == kTagHash) tables.sysv_hash = TableAt(library, value);
    if (entry->tag == kTagVersions) tables.versions = TableAt(library, value);
  }
  return tables;
}

/* Whether symbol `i` is a function of that name in the version that programs are linked with today. An
 * indirect one (chosen when it is first called) is not taken. */
static int IsFunction(const struct tables* tables, uint32_t i, const char* name) {
  const struct elf_symbol* symbol = &tables->symbols[i];
  if (symbol->section == kNoSection || symbol->value == 0) return 0;
  if ((symbol->info & kTypeMask) != kTypeFunction) return 0;
  if (tables->versions != 0 && (tables->versions[i] & kHiddenVersion) != 0) return 0;
  return SameText(tables->names + symbol->name, name);
}

static void* AddressOf(const struct loaded_library* library, const struct tables* tables, uint32_t i) {
  return (void*)(library->address + tables->symbols[i].value);
}

static void* FindByGnuHash(const struct loaded_library* library, const struct tables* tables,
                           const char* name) {
  uint32_t hash = 5381;
  for (const char* at = name; *at != '\0'; ++at) hash = hash * 33 + (unsigned char)*at;
  const uint32_t buckets = tables->gnu_hash[0];
  const uint32_t first = tables->gnu_hash[1];
  const uint32_t filter_words = tables->gnu_hash[2];
  if (buckets == 0) return 0;
  const uint32_t* bucket =
      (const uint32_t*)((const uint64_t*)(const void*)(tables->gnu_hash + 4) + filter_words);
  const uint32_t* chain = bucket + buckets;
  uint32_t i = bucket[hash % buckets];
  if (i < first) return 0;
  for (;; ++i) {
    const uint32_t known = chain[i - first];
    if ((known | 1) == (hash | 1) && IsFunction(tables, i, name)) return AddressOf(library, tables, i);
    if ((known & 1) != 0) return 0;
  }
}

static void* FindInAll(const struct loaded_library* library, const struct tables* tables, const char* name) {
  const uint32_t count = tables->sysv_hash[1];
  for (uint32_t i = 0; i < count; ++i) {
    if (IsFunction(tables, i, name)) return AddressOf(library, tables, i);
  }
  return 0;
}

void* NextFunction(const char* name, void** known) {
  void* found = __atomic_load_n(known, __ATOMIC_RELAXED);
  if (found != 0) return found;
  if (&_r_debug == 0) return 0;
  int behind = 0;
  for (const struct loaded_library* library = _r_debug.first; library != 0 && found == 0;
       library = library->next) {
    if (library->dynamic == _DYNAMIC) {
      behind = 1;
      continue;
    }
    if (!behind) continue;
    const struct tables tables = TablesOf(library);
    if (tables.symbols == 0 || tables.names == 0) continue;
    if (tables.gnu_hash != 0) {
      found = FindByGnuHash(library, &tables, name);
    } else if (tables.sysv_hash != 0) {
      found = FindInAll(library, &tables, name);
    }
  }
  __atomic_store_n(known, found, __ATOMIC_RELAXED);
  return found;
}
