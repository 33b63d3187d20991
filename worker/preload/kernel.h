/* Numbers of system calls, as far as they are used: the headers of another architecture are not where the
 * library is cross-compiled. */
#ifndef CROSSMILL_WORKER_PRELOAD_KERNEL_H_
#define CROSSMILL_WORKER_PRELOAD_KERNEL_H_

#if defined(__x86_64__)
enum {
  kCallFstat = 5,
  kCallMmap = 9,
  kCallMunmap = 11,
  kCallMremap = 25,
  kCallGettimeofday = 96,
  kCallTime = 201,
  kCallFutex = 202,
  kCallClockGettime = 228,
  kCallClockNanosleep = 230,
  kCallFstatat = 262,
};
#elif defined(__aarch64__)
enum {
  kCallFstatat = 79,
  kCallFstat = 80,
  kCallMmap = 222,
  kCallMunmap = 215,
  kCallMremap = 216,
  kCallGettimeofday = 169,
  /* There is none. */
  kCallTime = -1,
  kCallFutex = 98,
  kCallClockGettime = 113,
  kCallClockNanosleep = 115,
};
#else
#error "no system calls for this architecture"
#endif

#endif
