// A program without a C library, compiled for two architectures: says which one executes it, and does to
// files what a step's programs might do.
//   say WORD...          "ARCHITECTURE argv[0] WORD..."
//   copy FROM TO WORD... copies a program, then executes the copy with `TO WORD...`
//   write PATH           "refused" if it cannot be opened for writing, else "written"
//   take FROM TO         copies a file
//   note PATH WORD...    writes which one it is into a file, then says WORD...
//   become ID TO WORD... executes TO as another user
//   as TO NAME WORD...   executes TO with NAME as its argv[0]
//   signs WORD...        says WORD..., and how the emulated processor signs addresses: "qarma", "own" or
//   "not"
enum { kMostText = 4096 };

#if defined(__x86_64__)
#define ARCHITECTURE "native"
enum {
  kRead = 0,
  kWrite = 1,
  kExecve = 59,
  kExit = 60,
  kOpenAt = 257,
  kSetUid = 105,
  kSetGid = 106,
  kClose = 3
};
static long call(long number, long a, long b, long c, long d) {
  long result;
  register long r10 __asm__("r10") = d;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                   : "rcx", "r11", "memory");
  return result;
}
__asm__(".globl _start\n_start:\n mov %rsp, %rdi\n and $-16, %rsp\n call begin\n");
#else
#define ARCHITECTURE "emulated"
enum {
  kRead = 63,
  kWrite = 64,
  kExecve = 221,
  kExit = 93,
  kOpenAt = 56,
  kSetUid = 146,
  kSetGid = 144,
  kClose = 57
};
static long call(long number, long a, long b, long c, long d) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return x0;
}
__asm__(".globl _start\n_start:\n mov x0, sp\n bl begin\n");
#endif

enum { kHere = -100, kForWriting = 01, kCreate = 0100, kMode = 0755 };

static int same(const char* one, const char* other) {
  while (*one && *one == *other) {
    ++one;
    ++other;
  }
  return *one == *other;
}

static long length_of(const char* text) {
  long length = 0;
  while (text[length]) ++length;
  return length;
}

// What is said, in one write at the end: a console takes what comes within a moment as one piece, and on a
// busy machine something else could come between the words of a line.
static char said[kMostText];
static long said_length;

static void say(const char* text) {
  const long length = length_of(text);
  if (length > kMostText - said_length) return;
  for (long i = 0; i < length; ++i) said[said_length++] = text[i];
}

static void leave(int code) {
  if (said_length > 0) call(kWrite, 1, (long)said, said_length, 0);
  for (;;) call(kExit, code, 0, 0, 0);
}

static void copy(const char* from, const char* to) {
  char piece[kMostText];
  const long in = call(kOpenAt, kHere, (long)from, 0, 0);
  const long out = call(kOpenAt, kHere, (long)to, kForWriting | kCreate, kMode);
  if (in < 0 || out < 0) leave(3);
  for (long count; (count = call(kRead, in, (long)piece, sizeof(piece), 0)) > 0;) {
    if (call(kWrite, out, (long)piece, count, 0) != count) leave(4);
  }
  call(kClose, in, 0, 0, 0);
  call(kClose, out, 0, 0, 0);
}

static long number_in(const char* text) {
  long number = 0;
  while (*text) number = number * 10 + (*text++ - '0');
  return number;
}

static void execute(char** arguments, char** environment) {
  call(kExecve, (long)arguments[0], (long)arguments, (long)environment, 0);
  leave(5);
}

#if defined(__x86_64__)
static const char* signatures(void) { return "not"; }
#else
static const char* signatures(void) {
  long features;
  __asm__("mrs %0, id_aa64isar1_el1" : "=r"(features));
  if ((features >> 4) & 0xf) return "qarma";
  return (features >> 8) & 0xf ? "own" : "not";
}
#endif

__attribute__((used)) void begin(long* stack) {
  const long count = *stack;
  char** words = (char**)(stack + 1);
  char** environment = words + count + 1;
  if (count < 2) leave(2);
  if (same(words[1], "copy") && count > 3) {
    copy(words[2], words[3]);
    execute(words + 3, environment);
  }
  if (same(words[1], "become") && count > 3) {
    call(kSetGid, number_in(words[2]), 0, 0, 0);
    call(kSetUid, number_in(words[2]), 0, 0, 0);
    execute(words + 3, environment);
  }
  if (same(words[1], "as") && count > 3) {
    call(kExecve, (long)words[2], (long)(words + 3), (long)environment, 0);
    leave(5);
  }
  if (same(words[1], "take") && count > 3) copy(words[2], words[3]);
  if (same(words[1], "note") && count > 2) {
    const long file = call(kOpenAt, kHere, (long)words[2], kForWriting | kCreate, kMode);
    if (file < 0) leave(3);
    call(kWrite, file, (long)ARCHITECTURE, length_of(ARCHITECTURE), 0);
    call(kClose, file, 0, 0, 0);
  }
  if (same(words[1], "write") && count > 2) {
    const long file = call(kOpenAt, kHere, (long)words[2], kForWriting | kCreate, kMode);
    say(file < 0 ? "refused\n" : "written\n");
    leave(0);
  }
  say(ARCHITECTURE);
  for (long i = 0; i < count; ++i) {
    // What was asked for; an option there was added in front of it.
    if (i == 1 && words[i][0] != '-') continue;
    say(" ");
    say(words[i]);
  }
  if (same(words[1], "signs")) {
    say(" ");
    say(signatures());
  }
  say("\n");
  leave(0);
}
