// Calls everything that the preloaded library replaces, and prints what it got. preload_probe clocks | waits
// | folder PATH | seek PATH
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timeb.h>
#include <sys/timerfd.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

// Programs have what is deprecated, too.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static struct timespec Now(clockid_t clock) {
  struct timespec now = {0, 0};
  if (clock_gettime(clock, &now) != 0) exit(3);
  return now;
}

static void PrintClocks(void) {
  struct timespec utc;
  struct timeval day;
  struct timeb old;
  time_t seconds = 0;
  timespec_get(&utc, TIME_UTC);
  gettimeofday(&day, NULL);
  ftime(&old);
  time(&seconds);
  struct timespec asked;
  syscall(SYS_clock_gettime, CLOCK_REALTIME, &asked);
  printf("realtime %lld\n", (long long)Now(CLOCK_REALTIME).tv_sec);
  printf("coarse %lld\n", (long long)Now(CLOCK_REALTIME_COARSE).tv_sec);
  printf("tai %lld\n", (long long)Now(CLOCK_TAI).tv_sec);
  printf("timespec_get %lld\n", (long long)utc.tv_sec);
  printf("gettimeofday %lld\n", (long long)day.tv_sec);
  printf("ftime %lld\n", (long long)old.time);
  printf("time %lld\n", (long long)seconds);
  printf("syscall %lld\n", (long long)asked.tv_sec);
  printf("monotonic %lld\n", (long long)Now(CLOCK_MONOTONIC).tv_sec);
  errno = 0;
  const int bad = clock_gettime(77, &utc);
  printf("bad %d %d\n", bad, errno == EINVAL);
}

// 200 ms from now.
static struct timespec Soon(clockid_t clock) {
  struct timespec until = Now(clock);
  until.tv_nsec += 200 * 1000 * 1000;
  if (until.tv_nsec >= 1000 * 1000 * 1000) {
    until.tv_nsec -= 1000 * 1000 * 1000;
    ++until.tv_sec;
  }
  return until;
}

static struct timespec begun;

static void Begin(void) { begun = Now(CLOCK_MONOTONIC); }

// The name, what the call gave, and how long it took in ms.
static void End(const char* name, int result) {
  const struct timespec now = Now(CLOCK_MONOTONIC);
  const long ms = (now.tv_sec - begun.tv_sec) * 1000 + (now.tv_nsec - begun.tv_nsec) / 1000000;
  printf("%s %d %ld\n", name, result, ms);
  fflush(stdout);
}

#define MEASURE(name, call) \
  do {                      \
    Begin();                \
    const int got = (call); \
    End(name, got);         \
  } while (0)

static void* Sleeper(void* argument) {
  usleep(2000 * 1000);
  return argument;
}

static void WaitForLocks(void) {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  struct timespec until;
  pthread_mutex_lock(&mutex);
  until = Soon(CLOCK_REALTIME);
  MEASURE("pthread_mutex_timedlock", pthread_mutex_timedlock(&mutex, &until));
  until = Soon(CLOCK_REALTIME);
  MEASURE("pthread_mutex_clocklock", pthread_mutex_clocklock(&mutex, CLOCK_REALTIME, &until));
  until = Soon(CLOCK_REALTIME);
  MEASURE("pthread_cond_timedwait", pthread_cond_timedwait(&condition, &mutex, &until));
  until = Soon(CLOCK_REALTIME);
  MEASURE("pthread_cond_clockwait", pthread_cond_clockwait(&condition, &mutex, CLOCK_REALTIME, &until));
  until = Soon(CLOCK_MONOTONIC);
  MEASURE("monotonic_clockwait", pthread_cond_clockwait(&condition, &mutex, CLOCK_MONOTONIC, &until));
  pthread_condattr_t attributes;
  pthread_cond_t monotonic;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&monotonic, &attributes);
  until = Soon(CLOCK_MONOTONIC);
  MEASURE("monotonic_timedwait", pthread_cond_timedwait(&monotonic, &mutex, &until));
  pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
  pthread_rwlock_rdlock(&lock);
  until = Soon(CLOCK_REALTIME);
  MEASURE("pthread_rwlock_timedwrlock", pthread_rwlock_timedwrlock(&lock, &until));
  pthread_t sleeper;
  pthread_create(&sleeper, NULL, Sleeper, NULL);
  until = Soon(CLOCK_REALTIME);
  MEASURE("pthread_timedjoin_np", pthread_timedjoin_np(sleeper, NULL, &until));
  mtx_t c11;
  cnd_t changed;
  mtx_init(&c11, mtx_timed);
  cnd_init(&changed);
  mtx_lock(&c11);
  until = Soon(CLOCK_REALTIME);
  MEASURE("cnd_timedwait", cnd_timedwait(&changed, &c11, &until) == thrd_timedout ? ETIMEDOUT : 0);
}

static int WaitForTimer(clockid_t clock) {
  const int file = timerfd_create(clock, 0);
  const struct itimerspec timer = {{0, 0}, Soon(clock)};
  uint64_t count = 0;
  if (timerfd_settime(file, TFD_TIMER_ABSTIME, &timer, NULL) != 0) return errno;
  if (read(file, &count, sizeof(count)) != (ssize_t)sizeof(count)) return errno;
  return 0;
}

static int WaitForSignal(void) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR1);
  sigprocmask(SIG_BLOCK, &signals, NULL);
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
  timer_t timer;
  if (timer_create(CLOCK_REALTIME, &event, &timer) != 0) return errno;
  const struct itimerspec when = {{0, 0}, Soon(CLOCK_REALTIME)};
  if (timer_settime(timer, TIMER_ABSTIME, &when, NULL) != 0) return errno;
  const struct timespec limit = {5, 0};
  return sigtimedwait(&signals, NULL, &limit) == SIGUSR1 ? 0 : errno;
}

static void PrintWaits(void) {
  struct timespec until;
  sem_t semaphore;
  uint32_t word = 0;
  sem_init(&semaphore, 0, 0);
  WaitForLocks();
  until = Soon(CLOCK_REALTIME);
  MEASURE("sem_timedwait", sem_timedwait(&semaphore, &until) == 0 ? 0 : errno);
  until = Soon(CLOCK_REALTIME);
  MEASURE("clock_nanosleep", clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL));
  until = Soon(CLOCK_MONOTONIC);
  MEASURE("monotonic_nanosleep", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL));
  const struct timespec relative = {0, 200 * 1000 * 1000};
  MEASURE("relative_nanosleep", clock_nanosleep(CLOCK_REALTIME, 0, &relative, NULL));
  until = Soon(CLOCK_REALTIME);
  MEASURE("futex",
          syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &until, NULL, ~0u) == 0
              ? 0
              : errno);
  MEASURE("timerfd", WaitForTimer(CLOCK_REALTIME));
  MEASURE("monotonic_timerfd", WaitForTimer(CLOCK_MONOTONIC));
  MEASURE("timer", WaitForSignal());
}

// Nothing but names, to the end.
static void PrintFolder(const char* path) {
  DIR* folder = opendir(path);
  if (folder == NULL) exit(4);
  for (struct dirent* entry; (entry = readdir(folder)) != NULL;) printf("%s\n", entry->d_name);
  closedir(folder);
}

// Reads three, remembers the place, reads to the end, goes back to the place and reads to the end again; then
// all from the beginning, by readdir_r.
static void PrintSeeking(const char* path) {
  DIR* folder = opendir(path);
  if (folder == NULL) exit(4);
  for (int i = 0; i < 3; ++i) printf("%s\n", readdir(folder)->d_name);
  const long place = telldir(folder);
  for (struct dirent* entry; (entry = readdir(folder)) != NULL;) printf("%s\n", entry->d_name);
  printf("back\n");
  seekdir(folder, place);
  for (struct dirent* entry; (entry = readdir(folder)) != NULL;) printf("%s\n", entry->d_name);
  printf("anew\n");
  rewinddir(folder);
  struct dirent buffer;
  struct dirent* entry = NULL;
  while (readdir_r(folder, &buffer, &entry) == 0 && entry != NULL) printf("%s\n", entry->d_name);
  errno = 0;
  printf("errno %d %s\n", readdir(folder) == NULL ? errno : -1, "at the end");
  closedir(folder);
}

int main(int count, char** arguments) {
  if (count == 2 && strcmp(arguments[1], "clocks") == 0) {
    PrintClocks();
  } else if (count == 2 && strcmp(arguments[1], "waits") == 0) {
    PrintWaits();
  } else if (count == 3 && strcmp(arguments[1], "folder") == 0) {
    PrintFolder(arguments[2]);
  } else if (count == 3 && strcmp(arguments[1], "seek") == 0) {
    PrintSeeking(arguments[2]);
  } else {
    return 2;
  }
  return 0;
}
