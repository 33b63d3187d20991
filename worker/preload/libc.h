/* What the library uses of the program's C library: nothing when it is loaded, so that it fits every glibc,
 * and with the program's own functions found when they are first called. Freestanding. */
#ifndef CROSSMILL_WORKER_PRELOAD_LIBC_H_
#define CROSSMILL_WORKER_PRELOAD_LIBC_H_

#include <stdint.h>

#include "settings.h"

#define EXPORTED __attribute__((visibility("default")))

/* As glibc has it on x86_64 and aarch64. */
struct time_value {
  int64_t seconds;
  int64_t nanos;
};

/* The block as the worker filled it in. */
extern const volatile struct preload_settings crossmill_settings;

/* The next definition of a function after this library's own, in the order in which libraries were loaded, or
 * null. Keeps what it found in `*known`. Thread safe and safe after fork: it takes no lock. */
void* NextFunction(const char* name, void** known);

/* NEXT(type, "name"): the function of that name of whoever comes after us, as a pointer of that type; or
 * null. */
#define NEXT(type, name)                  \
  ({                                      \
    static void* known;                   \
    (type)(NextFunction((name), &known)); \
  })

/* A system call without the C library: negative is -errno. */
long RawCall(long number, long a, long b, long c, long d, long e, long f);

void SetError(int number);
int GetError(void);

int SameText(const char* one, const char* other);
void CopyBytes(void* to, const void* from, unsigned long size);

#endif
