/* The wall clock, later than it is by the settings' shift: what reads it is told more, and what waits until a
 * time of it waits until that time less. Only the wall clock: clocks that count from the machine's start,
 * times of files and everything relative stay as they are. Freestanding; thread safe. */
#include <stdint.h>

#include "kernel.h"
#include "libc.h"

enum {
  kRealtime = 0,
  kRealtimeCoarse = 5,
  kRealtimeAlarm = 8,
  kTai = 11,
  kTimeUtc = 1,
  /* Of timers and sleeps; of timerfd it is the same bit. */
  kAbsolute = 1,
  kNotImplemented = 38,
};

static int IsWallClock(int clock) {
  return clock == kRealtime || clock == kRealtimeCoarse || clock == kRealtimeAlarm || clock == kTai;
}

/* As the kernel has it: 0 or an errno. */
static int ReadClock(int clock, struct time_value* now) {
  typedef int (*Function)(int, struct time_value*);
  const Function next = NEXT(Function, "clock_gettime");
  if (next != 0) return next(clock, now) == 0 ? 0 : GetError();
  return (int)-RawCall(kCallClockGettime, clock, (long)now, 0, 0, 0, 0);
}

/* -1 with errno set. Our own functions call this one, and never each other by their names: those may be
 * another preloaded library's, which calls us and changes the time once more. */
static int ReadShifted(int clock, struct time_value* now) {
  const int error = ReadClock(clock, now);
  if (error != 0) {
    SetError(error);
    return -1;
  }
  if (IsWallClock(clock)) now->seconds += crossmill_settings.shift;
  return 0;
}

EXPORTED int clock_gettime(int clock, struct time_value* now) { return ReadShifted(clock, now); }

struct micros_value {
  int64_t seconds;
  int64_t micros;
};

static int ReadMicros(struct micros_value* now, int* zone) {
  struct time_value value;
  if (now != 0) {
    if (ReadShifted(kRealtime, &value) != 0) return -1;
    now->seconds = value.seconds;
    now->micros = value.nanos / 1000;
  }
  /* The kernel's zone, which nobody sets. */
  if (zone != 0) {
    zone[0] = 0;
    zone[1] = 0;
  }
  return 0;
}

EXPORTED int gettimeofday(struct micros_value* now, void* zone) { return ReadMicros(now, zone); }

/* The coarse clock, as the kernel's own time() has it and as it stamps files. */
static int64_t ReadSeconds(int64_t* now) {
  struct time_value value;
  if (ReadShifted(kRealtimeCoarse, &value) != 0) return -1;
  if (now != 0) *now = value.seconds;
  return value.seconds;
}

EXPORTED int64_t time(int64_t* now) { return ReadSeconds(now); }

EXPORTED int timespec_get(struct time_value* now, int base) {
  typedef int (*Function)(struct time_value*, int);
  if (base == kTimeUtc) return ReadShifted(kRealtime, now) == 0 ? base : 0;
  const Function next = NEXT(Function, "timespec_get");
  return next != 0 ? next(now, base) : 0;
}

struct ftime_value {
  int64_t seconds;
  unsigned short millis;
  short zone;
  short summer;
};

EXPORTED int ftime(struct ftime_value* now) {
  struct time_value value;
  if (ReadShifted(kRealtime, &value) != 0) return -1;
  now->seconds = value.seconds;
  now->millis = (unsigned short)(value.nanos / 1000000);
  now->zone = 0;
  now->summer = 0;
  return 0;
}

/* `until` less the shift if it is a time of the wall clock, in `*changed`; else `until` itself. Whether it is
 * one cannot be asked of a condition or a timer in every version of glibc; it follows from the number. Times
 * of the wall clock that matter are near now. Times of other clocks count from the machine's start, decades
 * below; one as large as the wall clock's means "for ever", and a few days less of that are the same. */
static const struct time_value* Earlier(const struct time_value* until, struct time_value* changed) {
  struct time_value now;
  if (until == 0 || crossmill_settings.shift == 0) return until;
  if (ReadClock(kRealtimeCoarse, &now) != 0 || until->seconds < now.seconds / 2) return until;
  changed->seconds = until->seconds - crossmill_settings.shift;
  changed->nanos = until->nanos;
  return changed;
}

static const struct time_value* EarlierOn(int clock, const struct time_value* until,
                                          struct time_value* changed) {
  return IsWallClock(clock) ? Earlier(until, changed) : until;
}

/* Waits of two shapes: (object..., until) and (object..., clock, until). */
#define WAIT_UNTIL(name)                                                         \
  EXPORTED int name(void* object, const struct time_value* until) {              \
    typedef int (*Function)(void*, const struct time_value*);                    \
    struct time_value changed;                                                   \
    const Function next = NEXT(Function, #name);                                 \
    return next == 0 ? kNotImplemented : next(object, Earlier(until, &changed)); \
  }

#define WAIT_UNTIL_WITH(name)                                                          \
  EXPORTED int name(void* object, void* with, const struct time_value* until) {        \
    typedef int (*Function)(void*, void*, const struct time_value*);                   \
    struct time_value changed;                                                         \
    const Function next = NEXT(Function, #name);                                       \
    return next == 0 ? kNotImplemented : next(object, with, Earlier(until, &changed)); \
  }

#define WAIT_ON_CLOCK(name)                                                                      \
  EXPORTED int name(void* object, int clock, const struct time_value* until) {                   \
    typedef int (*Function)(void*, int, const struct time_value*);                               \
    struct time_value changed;                                                                   \
    const Function next = NEXT(Function, #name);                                                 \
    return next == 0 ? kNotImplemented : next(object, clock, EarlierOn(clock, until, &changed)); \
  }

#define WAIT_ON_CLOCK_WITH(name)                                                                       \
  EXPORTED int name(void* object, void* with, int clock, const struct time_value* until) {             \
    typedef int (*Function)(void*, void*, int, const struct time_value*);                              \
    struct time_value changed;                                                                         \
    const Function next = NEXT(Function, #name);                                                       \
    return next == 0 ? kNotImplemented : next(object, with, clock, EarlierOn(clock, until, &changed)); \
  }

WAIT_UNTIL(pthread_mutex_timedlock)
WAIT_UNTIL(pthread_rwlock_timedrdlock)
WAIT_UNTIL(pthread_rwlock_timedwrlock)
WAIT_UNTIL(sem_timedwait)
WAIT_UNTIL(mtx_timedlock)
WAIT_UNTIL_WITH(pthread_cond_timedwait)
WAIT_UNTIL_WITH(pthread_timedjoin_np)
WAIT_UNTIL_WITH(cnd_timedwait)
WAIT_ON_CLOCK(pthread_mutex_clocklock)
WAIT_ON_CLOCK(pthread_rwlock_clockrdlock)
WAIT_ON_CLOCK(pthread_rwlock_clockwrlock)
WAIT_ON_CLOCK(sem_clockwait)
WAIT_ON_CLOCK_WITH(pthread_cond_clockwait)
WAIT_ON_CLOCK_WITH(pthread_clockjoin_np)

EXPORTED int clock_nanosleep(int clock, int flags, const struct time_value* until, struct time_value* rest) {
  typedef int (*Function)(int, int, const struct time_value*, struct time_value*);
  struct time_value changed;
  const Function next = NEXT(Function, "clock_nanosleep");
  if ((flags & kAbsolute) != 0) until = EarlierOn(clock, until, &changed);
  if (next != 0) return next(clock, flags, until, rest);
  return (int)-RawCall(kCallClockNanosleep, clock, flags, (long)until, (long)rest, 0, 0);
}

struct timer_value {
  struct time_value interval;
  struct time_value first;
};

/* A first time of nothing stops a timer, and it is below every time of the wall clock. */
static const struct timer_value* TimerEarlier(int flags, const struct timer_value* timer,
                                              struct timer_value* changed) {
  if (timer == 0 || (flags & kAbsolute) == 0) return timer;
  *changed = *timer;
  changed->first = *Earlier(&timer->first, &changed->first);
  return changed;
}

EXPORTED int timer_settime(void* id, int flags, const struct timer_value* timer, struct timer_value* old) {
  typedef int (*Function)(void*, int, const struct timer_value*, struct timer_value*);
  struct timer_value changed;
  const Function next = NEXT(Function, "timer_settime");
  if (next != 0) return next(id, flags, TimerEarlier(flags, timer, &changed), old);
  SetError(kNotImplemented);
  return -1;
}

EXPORTED int timerfd_settime(int file, int flags, const struct timer_value* timer, struct timer_value* old) {
  typedef int (*Function)(int, int, const struct timer_value*, struct timer_value*);
  struct timer_value changed;
  const Function next = NEXT(Function, "timerfd_settime");
  if (next != 0) return next(file, flags, TimerEarlier(flags, timer, &changed), old);
  SetError(kNotImplemented);
  return -1;
}

EXPORTED int mq_timedsend(int queue, const char* message, unsigned long size, unsigned priority,
                          const struct time_value* until) {
  typedef int (*Function)(int, const char*, unsigned long, unsigned, const struct time_value*);
  struct time_value changed;
  const Function next = NEXT(Function, "mq_timedsend");
  if (next != 0) return next(queue, message, size, priority, Earlier(until, &changed));
  SetError(kNotImplemented);
  return -1;
}

EXPORTED long mq_timedreceive(int queue, char* message, unsigned long size, unsigned* priority,
                              const struct time_value* until) {
  typedef long (*Function)(int, char*, unsigned long, unsigned*, const struct time_value*);
  struct time_value changed;
  const Function next = NEXT(Function, "mq_timedreceive");
  if (next != 0) return next(queue, message, size, priority, Earlier(until, &changed));
  SetError(kNotImplemented);
  return -1;
}

/* Whether a futex call waits until a time of the wall clock. */
static int WaitsUntilWallClock(long operation) {
  const long wall_clock = 256;
  const long plain = operation & 127;
  const long lock_pi = 6, wait_bitset = 9, requeue_pi = 11, lock_pi2 = 13;
  if (plain == lock_pi) return 1;
  return (operation & wall_clock) != 0 && (plain == wait_bitset || plain == requeue_pi || plain == lock_pi2);
}

/* Programs ask the kernel itself through this, too: libstdc++ for waits on futures. */
EXPORTED long syscall(long number, long a, long b, long c, long d, long e, long f) {
  struct time_value changed;
  if (number == kCallClockGettime) return ReadShifted((int)a, (struct time_value*)b);
  if (number == kCallGettimeofday) return ReadMicros((struct micros_value*)a, (int*)b);
  if (number == kCallTime) return ReadSeconds((int64_t*)a);
  if (number == kCallFutex && WaitsUntilWallClock(b)) {
    d = (long)Earlier((const struct time_value*)d, &changed);
  }
  if (number == kCallClockNanosleep && (b & kAbsolute) != 0) {
    c = (long)EarlierOn((int)a, (const struct time_value*)c, &changed);
  }
  const long result = RawCall(number, a, b, c, d, e, f);
  if (result >= 0 || result < -4095) return result;
  SetError((int)-result);
  return -1;
}
