"""The units of the corpus that ar, ranlib, strip, objcopy and nm are calibrated with (scripts/make-accelerator-corpus --binutils).

Each part compiles a few sources in several ways, and makes archives, shared objects and a program of them, all of it with gcc and
binutils themselves: what a unit is given is of the same bytes both ways only if what made it is equal, too, which other corpora prove.
"""
import shlex

PARTS = 4
# They are compiled in a second. One of C++, for its names.
SOURCES = {'zlib': ('adler32.c', 'zutil.c'), 'bzip2': ('huffman.c', 'randtable.c'), 'lua5.4': ('src/lzio.c', 'src/lctype.c'),
           'own': ('names.cc',)}
NAMES = '''namespace outer { template <typename T> struct Box { T value; T get() const; static int count; };
template <typename T> T Box<T>::get() const { return value; } template <typename T> int Box<T>::count = 3;
template struct Box<int>; template struct Box<char*>;
struct Base { virtual ~Base(); virtual int size() const; }; Base::~Base() {} int Base::size() const { return 7; } }
thread_local int of_thread = 4; int common_one; __attribute__((weak)) int weak_one() { return 2; } static int kept[40]; int* all() { return kept; }
__attribute__((section(".own"))) int of_section = 9; extern int undefined_one; int uses() { return undefined_one + of_thread; }
'''
# Ways to compile them, of which a part has two and LTO: the name is a folder of objects.
PLAIN = (('g', '-O2 -g'), ('o', '-O1'), ('sections', '-Os -g -ffunction-sections -fdata-sections'), ('pic', '-O2 -fPIC -gdwarf-4'))
LTO = (('lto', '-O2 -flto'), ('fat', '-O2 -g -flto -ffat-lto-objects'))
COUNT = 22

# {objects} several, {object} one, {lto}, {fat}, {archive}, {shared}, {program}, {thin}; {out} is what the unit makes.
ARCHIVES = (
    'ar rcsD {out} {objects}', 'ar rcD {out} {objects}', 'ar rcDS {out} {objects}', 'ar rcsDT {out} {objects}', 'ar qcD {out} {objects}',
    'ar qcsD {out} {lto}', 'ar rcsD {out} {fat}', 'ar t {archive}', 'ar tv {archive}', 'ar tO {archive}', 'ar p {archive} {member}',
    'ar --thin -rcsD {out} {objects}', 'ar rcsDv {out} {object} {shared}', 'ar rcsDP {out} {objects}', 'ar rcsDf {out} {objects}',
    'ar pv {archive}', 'ar -rcsD --target=elf64-littleaarch64 {out} {objects}', 'ar t {thin}', 'ar p {thin}', 'ar rcsD {out} {program} {object}',
    'ar cruD {out} {objects}',
)
# What changes the archive that is there; `copy` says of what it is one.
CHANGED_ARCHIVES = (
    'ar dD {out} {member}', 'ar rD {out} {lto}', 'ar mD {out} {member}', 'ar sD {out}', 'ar rbD {member} {out} {fat}', 'ar qD {out} {object}',
    'ar dDv {out} {member} nothing.o', 'ar raDv {member} {out} {shared}', 'ar rDo {out} {object}',
)
# Into the folder of what it makes.
EXTRACTED = ('ar x {archive}', 'ar xo {archive} {member}', 'ar xv {archive}')
RANLIB = ('ranlib -D {out}', 'ranlib {out}', 'ranlib -tD {out}')
STRIP = (
    '-g', '-s', '--strip-unneeded', '-x', '-X', '--keep-symbol=adler32', '-d -R .comment', '--only-keep-debug', '-S -p', '-w -K weak*',
    '--strip-dwo', '-N all', '-R .text.*', '--merge-notes', '-D -g', '--keep-file-symbols -s', '--remove-relocations=.rela.eh_frame',
    '-M', '-g -R .comment', '--strip-debug --keep-section=.debug_line', '-R .note.GNU-stack -R .eh_frame',
)
OBJCOPY = (
    '--only-keep-debug', '-O binary', '-j .text -j .data', '--rename-section .text=.other', '--redefine-sym adler32=renamed', '--weaken',
    '--compress-debug-sections', '--compress-debug-sections=zlib-gnu', '--decompress-debug-sections', '--set-section-flags .data=alloc,readonly',
    '--add-section .added=/corpus/own/names.cc', '--prefix-symbols=own_', '--localize-symbol=adler32', '--globalize-symbol=kept -w',
    '--strip-all', '-O srec', '-O ihex', '--add-symbol added=.text:0x10,function,global', '--set-section-alignment .text=64', '-R .comment -N all',
    '--keep-global-symbol=adler32', '--dump-section .text={out}.dumped', '--prefix-alloc-sections=.pre', '--change-section-address .own=0x1000',
    '-O verilog', '--extract-symbol', '--compress-debug-sections=zstd', '--update-section .own=/corpus/own/names.cc', '-S -g --strip-dwo',
    '--weaken-symbol=adler32', '--gap-fill=0xff --pad-to=0x100 -O binary', '--add-gnu-debuglink=/tmp/objects/debug',
    '-I binary -O elf64-littleaarch64 -B aarch64', '--interleave=2 --byte=0 -O binary', '--writable-text', '--verilog-data-width=4 -O verilog',
)
NM = (
    '', '-A', '-C', '-D', '-u', '-S', '-n', '-g', '-a', '-l', '-P', '-f sysv', '-f just-symbols', '--defined-only', '-s', '-S --size-sort', '-r',
    '-p', '-t d', '--special-syms', '-W', '--synthetic', '-A -C -S -n', '--with-symbol-versions -D', '-o -j', '-U -g', '--quiet -f posix -t o',
    '--ifunc-chars=F', '--no-recurse-limit -C', '-X 32_64', '--unicode=hex',
)
GIVEN = ('{object}', '{lto}', '{fat}', '{archive}', '{shared}', '{program}', '{names}')


def objects_of(part):
    """([lines that make what a part's units are given], what the names in the units are)."""
    lines, objects = ['mkdir /tmp/objects'], {}
    for way, flags in (PLAIN[part % len(PLAIN)], PLAIN[(part + 1) % len(PLAIN)], *LTO):
        lines.append(f'mkdir /tmp/objects/{way}')
        for folder, files in SOURCES.items():
            for file in files:
                name = f'/tmp/objects/{way}/{file.rpartition("/")[2].rpartition(".")[0]}.o'
                compiler = 'g++' if file.endswith('.cc') else 'gcc'
                # Else LTO's sections have names by chance.
                lines.append(f'cd /corpus/{folder} && {compiler} {flags} -frandom-seed={way} -DHAVE_UNISTD_H -c {file} -o {name}')
                objects.setdefault(way, []).append(name)
    ways = list(objects)
    several, others = objects[ways[part % 2]], objects[ways[1 - part % 2]]
    lines += [
        'cd /tmp/objects', f'ar rcsD all.a {" ".join(several)}', f'ar rcsDT thin.a {" ".join(others)}', f'ar rcDS bare.a {" ".join(several)}',
        f'ar rcsD mixed.a {objects["lto"][0]} {objects["fat"][1]} {others[2]}', f'cp {several[0]} debug',
        f'gcc -shared -Wl,-Bsymbolic,--unresolved-symbols=ignore-all {" ".join(several)} -o shared.so',
        f'echo "int main(void) {{ return 0; }}" | gcc -g -x c - -x none -Wl,--unresolved-symbols=ignore-all {" ".join(others)} -o program',
    ]
    return lines, several, others, objects


def words_of(part, number):
    """What the names in a command are for the unit of this number."""
    _, several, others, objects = objects_of(part)
    archives = ('all.a', 'mixed.a', 'bare.a')
    one = (several + others)[number * 5 % (len(several) + len(others))]
    archive = f'/tmp/objects/{archives[number % len(archives)]}'
    return {'objects': ' '.join(several[number % 3:] + others[:number % 2]), 'object': one, 'lto': objects['lto'][number % len(objects['lto'])],
            'fat': objects['fat'][number % len(objects['fat'])], 'archive': archive, 'thin': '/tmp/objects/thin.a',
            'shared': '/tmp/objects/shared.so', 'program': '/tmp/objects/program', 'names': several[-1], 'member': 'adler32.o'}


class Units:
    def __init__(self):
        self.parts = [[] for _ in range(PARTS)]
        self.count = 0

    def add(self, language, command, before=''):
        """`command` and `before`, what is done in front of it, have names of what they are given."""
        name, part = f'u{self.count:04}', self.count % PARTS
        words = {**words_of(part, self.count // PARTS), 'out': f'/out/{name}.made'}
        self.count += 1
        self.parts[part].append({'name': name, 'language': language, 'folder': '.', 'before': before.format(**words),
                                 'command': command.format(**words).split()})


def archive_units(units, number):
    """Of archives, and of ranlib."""
    made = (ARCHIVES + CHANGED_ARCHIVES + EXTRACTED)
    command = made[number % len(made)]
    if command in CHANGED_ARCHIVES:
        units.add('archive', command, 'cp /tmp/objects/all.a {out}')
    elif command in EXTRACTED:
        units.add('archive', command, 'mkdir {out}; cd {out}')
    else:
        units.add('archive', command)
    # What is no archive, or has no table to be touched, fails.
    touched = number % len(RANLIB) == len(RANLIB) - 1
    given = '{object}' if number % 24 == 7 else ('/tmp/objects/all.a', '{thin}', '/tmp/objects/mixed.a', '/tmp/objects/bare.a')[number % (3 if touched else 4)]
    units.add('ranlib', RANLIB[number % len(RANLIB)], f'cp {given} {{out}}')


def other_units(units, number):
    given = GIVEN[number % len(GIVEN)]
    strip = STRIP[number % len(STRIP)]
    if number % 3:
        units.add('strip', f'strip {strip} -o {{out}} {given}')
    else:
        units.add('strip', f'strip {strip} {{out}}', f'cp {given} {{out}}')
    option, copied = OBJCOPY[number % len(OBJCOPY)], GIVEN[(number // 3 + number) % len(GIVEN)]
    # Of an archive there is no other format, and what fails leaves folders with names by chance.
    units.add('objcopy', f'objcopy {option} {"{object}" if "-O " in option and copied == "{archive}" else copied} {{out}}')
    given = ' '.join([given, *([GIVEN[(number + 2) % len(GIVEN)]] if number % 4 == 0 else [])])
    units.add('nm', f'nm {NM[number % len(NM)]} {given}')


def script(part, units):
    lines = ['# Made by scripts/make-accelerator-corpus.', *objects_of(part)[0]]
    for unit in units:
        name = unit['name']
        before = f'{unit["before"]}; ' if unit['before'] else ''
        lines.append(f'cd /corpus; {before}{shlex.join(unit["command"])} >/out/{name}.said 2>/out/{name}.err; echo $? >/out/{name}.code')
    return '\n'.join(lines) + '\n'


def write_parts(arguments, sources):
    (sources / 'own').mkdir()
    (sources / 'own' / 'names.cc').write_text(NAMES)
    units = Units()
    for number in range(0, COUNT * PARTS + 8, arguments.every):
        archive_units(units, number)
        other_units(units, number)
    for number, part in enumerate(units.parts):
        (sources / f'part-{number}.sh').write_text(script(number, part))
    return [unit for part in units.parts for unit in part]
