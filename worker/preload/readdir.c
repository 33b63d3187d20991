/* Folders read backwards: the first read of an open folder takes all of it, and gives it from its end; "."
 * and ".." come first. What the farm itself put into the root for this library is left out. Freestanding.
 * Safe for threads that read different folders (as readdir itself), and after fork: nothing is locked. */
#include <stdint.h>

#include "kernel.h"
#include "libc.h"

/* struct dirent of glibc for 64 bits; readdir64 has the same. */
struct entry {
  uint64_t inode;
  int64_t position;
  uint16_t size;
  unsigned char type;
  char name[256];
};

/* Of one open folder: a mapping that begins with this, then the entries as they came, then where each begins,
 * in the order in which they are given. */
struct reading {
  uint64_t capacity;
  uint64_t used;
  uint64_t count;
  uint64_t given;
  /* Why reading ended, an errno; told after the last entry. 0: at the folder's end. */
  int error;
};

enum { kOutOfMemory = 12, kReadWrite = 3, kPrivateAnonymous = 34, kMayMove = 1 };
/* A larger folder is given as it comes. */
static const uint64_t kLargest = 1ul << 31;
static const uint64_t kFirstCapacity = 64 << 10;
static const uint64_t kEntryAlignment = 8;

/* Which reading belongs to which open folder: buckets of a few places each. A folder that finds none is given
 * as it comes. A place is taken with one exchange, so no lock can be held by a thread that a fork leaves
 * behind. */
struct place {
  void* folder;
  struct reading* reading;
};
enum { kBuckets = 1024, kPlaces = 8 };
static struct place places[kBuckets][kPlaces];
/* In place of a reading: this folder is given as it comes. */
#define AS_IT_COMES ((struct reading*)1)

static struct place* BucketOf(const void* folder) {
  const uint64_t mixed = ((uint64_t)folder >> 4) * 0x9e3779b97f4a7c15u;
  return places[mixed >> 54];
}

static struct place* FindPlace(const void* folder) {
  struct place* bucket = BucketOf(folder);
  for (int i = 0; i < kPlaces; ++i) {
    if (__atomic_load_n(&bucket[i].folder, __ATOMIC_ACQUIRE) == folder) return &bucket[i];
  }
  return 0;
}

static struct place* TakePlace(void* folder) {
  struct place* bucket = BucketOf(folder);
  for (int i = 0; i < kPlaces; ++i) {
    void* nobody = 0;
    if (__atomic_compare_exchange_n(&bucket[i].folder, &nobody, folder, 0, __ATOMIC_ACQ_REL,
                                    __ATOMIC_RELAXED)) {
      return &bucket[i];
    }
  }
  return 0;
}

/* The folder is given anew when it is read again, or is closed. */
static void Forget(const void* folder) {
  struct place* place = FindPlace(folder);
  if (place == 0) return;
  struct reading* reading = place->reading;
  if (reading != 0 && reading != AS_IT_COMES) {
    RawCall(kCallMunmap, (long)reading, (long)reading->capacity, 0, 0, 0, 0);
  }
  place->reading = 0;
  __atomic_store_n(&place->folder, (void*)0, __ATOMIC_RELEASE);
}

static int IsDots(const char* name) { return SameText(name, ".") || SameText(name, ".."); }

/* Whether a folder, open as `file`, is this root's /etc. */
static int IsEtc(int file) {
  struct {
    uint64_t device;
    uint64_t inode;
    char rest[256];
  } ours, etc;
  const long here = -100;
  return RawCall(kCallFstat, file, (long)&ours, 0, 0, 0, 0) == 0 &&
         RawCall(kCallFstatat, here, (long)"/etc", (long)&etc, 0, 0, 0) == 0 && ours.device == etc.device &&
         ours.inode == etc.inode;
}

/* Of the folder's own entries only names are looked at, so this costs nothing for any other. */
static int IsOurs(const char* name, int (*is_etc)(void*), void* folder) {
  if (SameText(name, CROSSMILL_PRELOAD_NAME)) return 1;
  return (crossmill_settings.flags & CROSSMILL_PRELOAD_HIDE_LIST) != 0 && SameText(name, "ld.so.preload") &&
         is_etc(folder);
}

static int IsOpenEtc(void* folder) {
  typedef int (*Function)(void*);
  const Function descriptor = NEXT(Function, "dirfd");
  return descriptor != 0 && IsEtc(descriptor(folder));
}

/* Makes room for `more` bytes; 0 if there is none. The reading may move. */
static int Grow(struct reading** reading, uint64_t more) {
  const uint64_t old = (*reading)->capacity;
  uint64_t capacity = old;
  while (capacity - (*reading)->used < more) capacity *= 2;
  if (capacity == old) return 1;
  if (capacity > kLargest) return 0;
  const long moved = RawCall(kCallMremap, (long)*reading, (long)old, (long)capacity, kMayMove, 0, 0);
  if (moved < 0 && moved > -4096) return 0;
  *reading = (struct reading*)moved;
  (*reading)->capacity = capacity;
  return 1;
}

static uint32_t* OrderOf(struct reading* reading) {
  return (uint32_t*)(void*)((char*)reading + reading->used);
}

/* Begins of entries, in the order in which they will be given. 0: no room. */
static int PutInOrder(struct reading** owner) {
  if (!Grow(owner, (*owner)->count * sizeof(uint32_t))) return 0;
  struct reading* reading = *owner;
  uint32_t* order = OrderOf(reading);
  uint64_t front = 0;
  uint64_t back = reading->count;
  for (uint64_t at = sizeof(struct reading); at < reading->used;) {
    const struct entry* entry = (const struct entry*)(void*)((char*)reading + at);
    order[IsDots(entry->name) ? front++ : --back] = (uint32_t)at;
    at += (entry->size + kEntryAlignment - 1) / kEntryAlignment * kEntryAlignment;
  }
  /* Dots that came late shift nothing: what is in front and what is behind meet. */
  for (uint64_t i = 0; i < reading->count; ++i) {
    ((struct entry*)(void*)((char*)reading + order[i]))->position = (int64_t)(i + 1);
  }
  return 1;
}

/* All entries that are left in the folder; 0: too many, or no memory. */
static int ReadAll(void* folder, struct entry* (*next)(void*), struct reading** owner) {
  for (;;) {
    SetError(0);
    const struct entry* entry = next(folder);
    if (entry == 0) break;
    if (IsOurs(entry->name, IsOpenEtc, folder)) continue;
    const uint64_t size = (entry->size + kEntryAlignment - 1) / kEntryAlignment * kEntryAlignment;
    if (!Grow(owner, size)) return 0;
    CopyBytes((char*)*owner + (*owner)->used, entry, entry->size);
    (*owner)->used += size;
    ++(*owner)->count;
  }
  (*owner)->error = GetError();
  return PutInOrder(owner);
}

/* The folder's reading, made if there is none; null: it is given as it comes. errno stays. */
static struct reading* ReadingOf(void* folder) {
  typedef struct entry* (*Next)(void*);
  typedef void (*Rewind)(void*);
  if ((crossmill_settings.flags & CROSSMILL_PRELOAD_REVERSE) == 0) return 0;
  struct place* place = FindPlace(folder);
  if (place != 0) return place->reading == AS_IT_COMES ? 0 : place->reading;
  const Next next = NEXT(Next, "readdir64");
  const Rewind rewind = NEXT(Rewind, "rewinddir");
  if (next == 0 || rewind == 0) return 0;
  place = TakePlace(folder);
  if (place == 0) return 0;
  place->reading = AS_IT_COMES;
  const long mapped = RawCall(kCallMmap, 0, (long)kFirstCapacity, kReadWrite, kPrivateAnonymous, -1, 0);
  if (mapped < 0 && mapped > -4096) return 0;
  struct reading* reading = (struct reading*)mapped;
  reading->capacity = kFirstCapacity;
  reading->used = sizeof(struct reading);
  const int error = GetError();
  const int complete = ReadAll(folder, next, &reading);
  SetError(error);
  if (complete) {
    place->reading = reading;
    return reading;
  }
  RawCall(kCallMunmap, (long)reading, (long)reading->capacity, 0, 0, 0, 0);
  rewind(folder);
  return 0;
}

static struct entry* GiveNext(struct reading* reading) {
  if (reading->given >= reading->count) return 0;
  return (struct entry*)(void*)((char*)reading + OrderOf(reading)[reading->given++]);
}

static struct entry* Read(void* folder) {
  typedef struct entry* (*Function)(void*);
  struct reading* reading = ReadingOf(folder);
  if (reading != 0) {
    struct entry* entry = GiveNext(reading);
    if (entry == 0 && reading->error != 0) SetError(reading->error);
    return entry;
  }
  const Function next = NEXT(Function, "readdir64");
  struct entry* entry = 0;
  do {
    entry = next == 0 ? 0 : next(folder);
  } while (entry != 0 && IsOurs(entry->name, IsOpenEtc, folder));
  return entry;
}

EXPORTED struct entry* readdir(void* folder) { return Read(folder); }
EXPORTED struct entry* readdir64(void* folder) { return Read(folder); }

static int ReadInto(void* folder, struct entry* entry, struct entry** result) {
  const int error = GetError();
  SetError(0);
  const struct entry* next = Read(folder);
  const int failure = next == 0 ? GetError() : 0;
  SetError(error);
  if (next != 0) CopyBytes(entry, next, next->size);
  *result = next != 0 ? entry : 0;
  return failure;
}

EXPORTED int readdir_r(void* folder, struct entry* entry, struct entry** result) {
  return ReadInto(folder, entry, result);
}
EXPORTED int readdir64_r(void* folder, struct entry* entry, struct entry** result) {
  return ReadInto(folder, entry, result);
}

EXPORTED void rewinddir(void* folder) {
  typedef void (*Function)(void*);
  const Function next = NEXT(Function, "rewinddir");
  Forget(folder);
  if (next != 0) next(folder);
}

EXPORTED long telldir(void* folder) {
  typedef long (*Function)(void*);
  const struct reading* reading = ReadingOf(folder);
  if (reading != 0) return (long)reading->given;
  const Function next = NEXT(Function, "telldir");
  return next != 0 ? next(folder) : -1;
}

EXPORTED void seekdir(void* folder, long position) {
  typedef void (*Function)(void*, long);
  struct reading* reading = ReadingOf(folder);
  if (reading != 0) {
    const uint64_t wanted = position < 0 ? 0 : (uint64_t)position;
    reading->given = wanted < reading->count ? wanted : reading->count;
    return;
  }
  const Function next = NEXT(Function, "seekdir");
  if (next != 0) next(folder, position);
}

EXPORTED int closedir(void* folder) {
  typedef int (*Function)(void*);
  const Function next = NEXT(Function, "closedir");
  /* Before: afterwards another thread may have the address. */
  Forget(folder);
  return next != 0 ? next(folder) : -1;
}
