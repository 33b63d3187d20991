// The kernel's calls that the stub makes, without a C library. Negative results are errors.
#pragma once

#include <asm/stat.h>
#include <asm/unistd.h>
#include <stddef.h>
#include <stdint.h>

static inline long kernel(long number, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

static inline int kernel_open(const char* path) {
  const int read_only_cloexec = 02000000;
  return (int)kernel(__NR_open, (long)path, read_only_cloexec, 0, 0, 0, 0);
}
static inline void kernel_close(int fd) { kernel(__NR_close, fd, 0, 0, 0, 0, 0); }
static inline int kernel_fstat(int fd, struct stat* state) {
  return (int)kernel(__NR_fstat, fd, (long)state, 0, 0, 0, 0);
}
static inline int kernel_exists(const char* path) {
  return kernel(__NR_access, (long)path, 0, 0, 0, 0, 0) == 0;
}
static inline long kernel_pread(int fd, void* to, size_t size, uint64_t offset) {
  return kernel(__NR_pread64, fd, (long)to, (long)size, (long)offset, 0, 0);
}
