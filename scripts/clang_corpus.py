"""The units of the corpus that clang and lld are calibrated with (scripts/make-accelerator-corpus --compiler clang).

Emulated, clang takes a second and a half for the smallest file and half a minute for a large one. So the corpus is of small
sources, and each but musl's is compiled several times with other options.
"""
# Of sources that are no larger than this, in bytes.
LARGEST = {'lua5.4': 8500, 'zlib': 7500, 'bzip2': 7500, 'box2d': 3900, 'taglib': 2200, 'double-conversion': 10_000}
ROUNDS = {'lua5.4': 4, 'zlib': 4, 'bzip2': 4, 'own': 4}
EVERY_MUSL = 13
OWN = 'own'
HEADER = 'all.h'

LEVELS = ('-O2', '-O0', '-O3', '-Os', '-O1', '-Og', '-Oz', '-Ofast')
# No common divisor with the levels, so that each meets each.
EXTRAS = (
    '-g', '-fPIC', '-g1', '-gdwarf-4 -fPIC', '-Wall -Wextra', '-flto', '-ffunction-sections -fdata-sections', '-fsanitize=address -g',
    '{0}', '{1} -g1', '-pipe', '-mbranch-protection=standard', '-fprofile-instr-generate -fcoverage-mapping', '-fno-omit-frame-pointer -gz',
    '-flto=thin -g', '-fvisibility=hidden -fPIC', '-fsanitize=undefined', '-fverbose-asm -S', '{3} -mcpu=cortex-a72', '--coverage',
    '-save-temps=obj -g', '-MMD -g -gdwarf-5', '-Weverything', '-fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2',
    '-gsplit-dwarf', '-flto', '-E', '-emit-llvm -S -g', '-Rpass=.*', '-ftrivial-auto-var-init=zero -fwrapv',
    '-ffile-prefix-map=/corpus=/elsewhere -g', '-S -O1', '-flto=thin', '-fsanitize=address,undefined -fno-sanitize-recover=all -g1',
    '-emit-llvm', '-fno-plt -funroll-loops -fno-vectorize', '-fstack-protector-all -fno-strict-aliasing -fPIE',
    '-g3 -gno-column-info -fdebug-macro', '-gdwarf-5 -gz=zstd -fdebug-types-section', '-fsanitize=bounds -fsanitize-trap=all -M -MF {out}.d',
    '{5} -ffixed-x18 -fsanitize=shadow-call-stack', '-fno-integrated-cc1 -g -fno-inline', '-mno-outline -fno-math-errno -ffast-math',
)
# What comes of units with these is nothing that is linked.
NO_OBJECTS = ('-S', '-E', '-M', '-emit-llvm')
# Every other option that a precompiled header is sensitive to is that of the header.
USES_HEADER = '-include-pch'

EACH_PART = 18
UNRESOLVED = '-Wl,--unresolved-symbols=ignore-all'
LINKS = (
    '', '-pie', '-no-pie', '-shared -Wl,-Bsymbolic', '-static', '-static-pie', '-r', '-s', '-rdynamic', '-shared -Wl,-Bsymbolic -Wl,-soname,x.so.1',
    '-Wl,--gc-sections,--print-gc-sections', '-Wl,-z,now -Wl,-z,relro', '-Wl,-O2 -Wl,--as-needed', '-fprofile-instr-generate',
)
# {out} is the name of what is linked.
LINK_EXTRAS = (
    '', '-Wl,--build-id=sha1', '-Wl,--hash-style=both', '-Wl,-Map={out}.map', '-Wl,--icf=all -Wl,--print-icf-sections',
    '-Wl,--build-id=md5 -Wl,-S', '-Wl,-x', '-lm -lz', '-Wl,--icf=safe -Wl,--build-id=fast', '-Wl,-z,max-page-size=65536',
    '-Wl,--compress-debug-sections=zlib', '-Wl,-rpath,/opt/lib', '-Wl,--gdb-index', '-Wl,--compress-debug-sections=zstd',
    '-Wl,--pack-dyn-relocs=relr', '-Wl,--emit-relocs', '-Wl,-z,separate-code -Wl,--cref', '-Wl,--threads=1 -Wl,--trace',
    '-Wl,--no-rosegment -Wl,--sort-section=name', '-Wl,--defsym=defined=0x1234 -Wl,--wrap=malloc', '-Wl,--dependency-file={out}.d',
    '-Wl,-z,force-bti -Wl,-z,pac-plt', '-Wl,--pack-dyn-relocs=android', '-Wl,--warn-common -Wl,--fatal-warnings', '-Wl,--discard-none',
)
# What else the linker optimises by: of links in which objects are LTO's.
LTO_LINKS = ('-flto -O2', '-flto=thin -O2', '-flto=thin -O0', '-flto -Os -Wl,--lto-O1', '-flto=thin -O3 -Wl,--thinlto-jobs=1', '-flto -Wl,--icf=all')

# Without headers of the system, which are what takes clang's time.
SOURCES = {
    HEADER: '''#pragma once
namespace own {
template <typename T> struct List { T* first = nullptr; unsigned size = 0; T& operator[](unsigned i) { return first[i]; } };
template <typename T> T twice(T value) { return value + value; }
inline int unused(int x) { return x * 3; }
struct Base { virtual ~Base(); virtual int area() const = 0; int kept = 7; };
}
''',
    'virtual.cpp': '''#include "all.h"
own::Base::~Base() {}
struct Square : own::Base { int side; Square(int s) : side(s) {} int area() const override { return side * side + kept; } };
struct Both : virtual own::Base { int area() const override { return own::twice(kept); } };
int sum(own::Base** all, unsigned n) { int s = 0; for (unsigned i = 0; i < n; i++) s += all[i]->area(); return s; }
own::Base* make(int side) { static Square square(side); return side > 3 ? static_cast<own::Base*>(new Both) : &square; }
''',
    'templates.cpp': '''#include "all.h"
template <int N> struct Fibonacci { static constexpr long value = Fibonacci<N - 1>::value + Fibonacci<N - 2>::value; };
template <> struct Fibonacci<1> { static constexpr long value = 1; };
template <> struct Fibonacci<0> { static constexpr long value = 0; };
template <typename... T> constexpr auto total(T... all) { return (all + ... + 0); }
long fibonacci() { return Fibonacci<40>::value; }
double mixed(int a, double b, float c) { return total(a, b, c); }
auto adder(int n) { return [n](auto x) { return x + n; }; }
int added(own::List<int>& list) { int s = 0; for (unsigned i = 0; i < list.size; i++) s += adder(3)(list[i]); return s; }
''',
    'throws.cpp': '''#include "all.h"
struct Failure { int code; };
int call(int);
struct Guard { int& left; ~Guard() { left++; } };
int caught(int x, int& left) {
  Guard guard{left};
  try { return call(x); } catch (const Failure& failure) { return failure.code; } catch (...) { throw; }
}
void thrown(int x) { if (x > 2) throw Failure{x}; }
thread_local own::List<char> mine;
char* of_thread() { static thread_local char text[40]; return mine.first ? mine.first : text; }
''',
    'numbers.c': '''typedef int wide __attribute__((vector_size(16)));
wide both(wide a, wide b) { return a * b + (a > b); }
double dot(const double* a, const double* b, int n) { double s = 0; for (int i = 0; i < n; i++) s += a[i] * b[i]; return s; }
_Bool atomic(int* p, int old) { return __atomic_compare_exchange_n(p, &old, 7, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED); }
unsigned long long mix(unsigned long long x) { x ^= __builtin_bswap64(x); return x * 0x9e3779b97f4a7c15 + __builtin_popcountll(x); }
__int128 large(long a, long b) { return (__int128)a * b % 1000003; }
int branch(int x) {
  switch (x) { case 0: return 7; case 1: return 12; case 2: return 1; case 3: return 99; case 4: return -4; case 5: return 8; default: return x / 7; }
}
_Complex double turned(_Complex double z) { return z * z; }
''',
    'warnings.c': '''static int unused_function(int x) { return x; }
int shadow(int x) { int y; { int x = 3; y = x; } if (y = 4) return x; }
unsigned compare(int a, unsigned b) { return a < b ? a : b; }
void format(void) { __builtin_printf("%s %d\\n", 3, "four"); }
int overflow(void) { return 2147483647 + 1; }
struct old { char a; int b[0]; };
''',
    'inline.c': '''#define NAME(x) x##_twice
extern int counter;
int NAME(count)(int by) { int got; __asm__ volatile("add %w0, %w1, %w2" : "=r"(got) : "r"(counter), "r"(by)); return got + got; }
__attribute__((section(".own"), used)) static const char text[] = "a text of its own";
__attribute__((constructor)) static void begin(void) { counter = sizeof text; }
__attribute__((weak, noinline)) int weak(int a, ...) {
  __builtin_va_list list; __builtin_va_start(list, a); int s = 0; while (a--) s += __builtin_va_arg(list, int); __builtin_va_end(list); return s;
}
int recursive(int n) { char room[n + 1]; for (int i = 0; i <= n; i++) room[i] = (char)i; return n ? recursive(n - 1) + room[n] : 0; }
''',
}


def write_own(sources):
    (sources / OWN).mkdir()
    for name, text in SOURCES.items():
        (sources / OWN / name).write_text(text)


def is_plus(file):
    return file.suffix in ('.cc', '.cpp')


def unit_of(number, package, file, needed, options):
    """One of the file, which is relative to the package's folder."""
    name = f'u{number:04}'
    assembler = file.suffix in ('.s', '.S')
    extra = EXTRAS[number % len(EXTRAS)].format(*options, out=f'/out/{name}')
    flags = [] if assembler else [LEVELS[number % len(LEVELS)], *extra.split()]
    # What is neither compiled nor assembled is told by the option itself.
    stop = [] if {'-S', '-E', '-M'} & set(flags) else ['-c']
    return {'name': name, 'language': 'clang-c++' if is_plus(file) else 'clang-assembler' if assembler else 'clang-c', 'folder': package,
            'command': ['clang++' if is_plus(file) else 'clang', *flags, *needed, *stop, file.as_posix(), '-o', f'/out/{name}.o']}


def units_of(package, folder, first, prepare, options):
    """`prepare` gives the options that all of the package need, and its files."""
    needed, sources = ([], sorted(folder.glob('*.c*'))) if package == OWN else prepare()
    largest = LARGEST.get(package, 1 << 30)
    chosen = [file for file in sources if file.stat().st_size <= largest] * ROUNDS.get(package, 1)
    return [unit_of(first + index, package, file.relative_to(folder), needed, options) for index, file in enumerate(chosen)]


def header_units(first, part, turns=2):
    """In each part a header is compiled, and used by what follows. With a level of its own, which both have to have."""
    units = []
    for turn in range(turns):
        level = LEVELS[(turns * part + turn) % len(LEVELS)]
        name, user = f'u{first + 2 * turn:04}', f'u{first + 2 * turn + 1:04}'
        source = ('virtual.cpp', 'templates.cpp')[turn % 2]
        debug = ['-g'] if part % 2 else []
        units += [{'name': name, 'language': 'clang-c++', 'folder': OWN,
                   'command': ['clang++', level, *debug, '-x', 'c++-header', HEADER, '-o', f'/out/{name}.pch']},
                  {'name': user, 'language': 'clang-c++', 'folder': OWN,
                   'command': ['clang++', level, *debug, USES_HEADER, f'/out/{name}.pch', '-c', source, '-o', f'/out/{user}.o']}]
    return units


def source_of(unit):
    return unit['folder'], unit['command'][-3]


def linkable(unit, sources):
    """Not musl's and Lua's, which refer to hidden symbols of one another, and nothing with a `main` of its own."""
    return unit['folder'] not in ('musl', 'lua5.4') and not set(NO_OBJECTS) & set(unit['command']) and unit['command'][-1].endswith('.o') and \
        'main' not in (sources / unit['folder'] / unit['command'][-3]).read_text(errors='replace')


def some_of(units, start, count, chosen):
    """Adds so many of the units to those that are chosen: of each source only one, as their symbols are the same."""
    had = {source_of(unit) for unit in chosen}
    for index in range(len(units)):
        unit = units[(start + index) % len(units)]
        if count > 0 and source_of(unit) not in had:
            had.add(source_of(unit))
            chosen.append(unit)
            count -= 1


def links_of(units, sources, part, first, every):
    """Units that link what the part's other units compiled; each fourth one optimises what was left for the linker."""
    usable = [unit for unit in units if linkable(unit, sources)]
    lto = [unit for unit in usable if any(word.startswith('-flto') for word in unit['command'])]
    plain = [unit for unit in usable if unit not in lto]
    made = []
    for number in range(0, EACH_PART if plain else 0, every):
        turn = part * EACH_PART + number
        name = f'u{first + len(made):04}'
        options = LINKS[turn % len(LINKS)].split()
        extra = LINK_EXTRAS[turn % len(LINK_EXTRAS)].format(out=f'/out/{name}').split()
        chosen = []
        if lto and number % 4 == 3:
            some_of(lto, number, 2, chosen)
            options = LTO_LINKS[turn // 4 % len(LTO_LINKS)].split() + options
        some_of(plain, 2 * number, 1 + number % 4, chosen)
        begin = [] if '-shared' in options or '-r' in options else ['/tmp/main.o']
        objects = sorted(unit['command'][-1] for unit in chosen)
        made.append({'name': name, 'language': 'clang-link', 'folder': '.',
                     'command': ['clang++', '-fuse-ld=lld', *options, *begin, *objects, *([] if '-r' in options else [UNRESOLVED, *extra]),
                                 '-o', f'/out/{name}.linked']})
    return made
