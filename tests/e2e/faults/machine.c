// What one process is shown of its machine, for the fault driver (machine.py): preloaded into coordinator and workers.
//
// Clock: CLOCK_REALTIME is shifted by so much as the shared file says now, so it jumps when the driver writes there.
// Monotonic clocks stay real, as they do when an administrator or NTP sets a machine's clock. Waits until a time of the
// wall clock end when the kernel's clock gets there: a jump moves what is asked for afterwards, not a wait that has begun.
//
// Disk: what the record's files were given since their last sync is noted, as that is what a power cut may lose. A sync
// can be made to take long, so that a kill hits one.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define FILES 2
#define RANGES 2000

struct range {
  int64_t offset, length;
};

// machine.py has the same layout.
struct shared {
  _Atomic int64_t shift_ns;
  _Atomic int64_t sync_takes_ns;
  _Atomic int64_t counts[FILES];
  struct range ranges[FILES][RANGES];
};

static struct shared *shared;
static atomic_flag noting = ATOMIC_FLAG_INIT;
static const char *const kNames[FILES] = {"/record.db", "/record.db-wal"};

__attribute__((constructor)) static void Open(void) {
  const char *path = getenv("CROSSMILL_FAULTS_MACHINE");
  if (path == NULL) return;
  // Workers may only read it; they have no record.
  int fd = open(path, O_RDWR | O_CLOEXEC);
  int protection = PROT_READ | PROT_WRITE;
  if (fd < 0) {
    fd = open(path, O_RDONLY | O_CLOEXEC);
    protection = PROT_READ;
  }
  if (fd < 0) return;
  void *found = mmap(NULL, sizeof(struct shared), protection, MAP_SHARED, fd, 0);
  close(fd);
  if (found != MAP_FAILED) shared = found;
}

static int64_t Shift(void) { return shared == NULL ? 0 : atomic_load(&shared->shift_ns); }

static void Move(struct timespec *time, int64_t by) {
  const int64_t whole = (int64_t)time->tv_sec * 1000000000 + time->tv_nsec + by;
  time->tv_sec = whole / 1000000000;
  time->tv_nsec = whole % 1000000000;
}

// ---- the clock ----

int clock_gettime(clockid_t clock, struct timespec *time) {
  static int (*real)(clockid_t, struct timespec *);
  if (real == NULL) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  const int result = real(clock, time);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) Move(time, Shift());
  return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  (void)zone;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != NULL) *out = now.tv_sec;
  return now.tv_sec;
}

// abseil and gRPC wait for times of the wall clock by themselves.
long syscall(long number, ...) {
  static long (*real)(long, ...);
  if (real == NULL) real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  va_list list;
  va_start(list, number);
  long a[6];
  for (int i = 0; i < 6; ++i) a[i] = va_arg(list, long);
  va_end(list);
  struct timespec until;
  if (number == SYS_futex && (a[1] & FUTEX_CLOCK_REALTIME) != 0 && a[3] != 0) {
    until = *(const struct timespec *)a[3];
    Move(&until, -Shift());
    if (until.tv_sec < 0 || until.tv_nsec < 0) memset(&until, 0, sizeof until);
    a[3] = (long)&until;
  }
  return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

// ---- the disk ----

static int FileOf(int fd) {
  char name[64], path[4096];
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(name, path, sizeof path - 1);
  if (size <= 0) return -1;
  path[size] = '\0';
  for (int file = 0; file < FILES; ++file) {
    const size_t length = strlen(kNames[file]);
    if ((size_t)size >= length && strcmp(path + size - length, kNames[file]) == 0) return file;
  }
  return -1;
}

static void Note(int file, int64_t offset, int64_t length) {
  while (atomic_flag_test_and_set(&noting)) {
  }
  const int64_t count = atomic_load(&shared->counts[file]);
  struct range *last = count > 0 ? &shared->ranges[file][count - 1] : NULL;
  if (last != NULL && last->offset + last->length == offset) {
    last->length += length;
  } else if (count < RANGES) {
    shared->ranges[file][count] = (struct range){offset, length};
    atomic_store(&shared->counts[file], count + 1);
  }
  atomic_flag_clear(&noting);
}

// What is noted may not be written yet: then older bytes are there, which a power cut may as well leave.
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
  static ssize_t (*real)(int, const void *, size_t, off64_t);
  if (real == NULL) real = (ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
  const int file = shared == NULL ? -1 : FileOf(fd);
  if (file >= 0) Note(file, offset, (int64_t)size);
  return real(fd, data, size, offset);
}

static int Sync(int fd, int (*real)(int)) {
  const int file = shared == NULL ? -1 : FileOf(fd);
  if (file >= 0) {
    const int64_t takes = atomic_load(&shared->sync_takes_ns);
    if (takes > 0) nanosleep(&(struct timespec){takes / 1000000000, takes % 1000000000}, NULL);
  }
  const int result = real(fd);
  const int error = errno;
  if (file >= 0 && result == 0) atomic_store(&shared->counts[file], 0);
  errno = error;
  return result;
}

int fdatasync(int fd) {
  static int (*real)(int);
  if (real == NULL) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  return Sync(fd, real);
}

int fsync(int fd) {
  static int (*real)(int);
  if (real == NULL) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  return Sync(fd, real);
}
