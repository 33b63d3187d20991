"""Which calls of a tool stay emulated, and what a native program is told besides (docs/accelerators.md, "Files"): rules as tuples of
kind, text and, where a kind has them, `from` and `to`.
"""

COMPILER_RULES = [
    # What a name is for that is not known: the native one has another list.
    ('emulated-word', '-march=native'), *(('fine-prefix', '-march=' + name) for name in ('armv', 'rv', 'z', 'arch')), ('emulated-prefix', '-march='),
    # Of a source that was preprocessed with a precompiled header its memory image is read.
    ('emulated-word', '-fpreprocessed'),
    # The folder that these are below is another one, of another length.
    ('emulated-prefix', '-iwithprefix'),
    # -dD: the driver's word for -g3.
    ('fine-prefix', '-dumpbase'), ('fine-prefix', '-dumpdir'), ('fine-prefix', '-dD'),
    # The driver's -v: what the program says of itself, its own checksum among it.
    ('emulated-word', '-version'), ('emulated-word', '-v'), ('emulated-word', '--version'),
    ('emulated-prefix', '--help'), ('emulated-word', '-Q'), ('emulated-prefix', '@'),
    # Foreign code, memory images, and what is written for the developers of compilers.
    ('emulated-prefix', '-fplugin'), ('emulated-prefix', '--output-pch'), ('emulated-prefix', '-fmodule'),
    ('emulated-prefix', '-fdump'), ('emulated-prefix', '-d'), ('emulated-prefix', '-ftime-report'),
    ('emulated-prefix', '-fmem-report'), ('emulated-prefix', '-fpre-ipa-mem-report'),
    ('emulated-prefix', '-fpost-ipa-mem-report'), ('emulated-prefix', '-fself-test'), ('emulated-prefix', '-fopt-info'),
    ('emulated-prefix', '-fsave-optimization-record'), ('emulated-prefix', '-fcompare-debug'),
    ('emulated-prefix', '-fanalyzer'),
    # What the calibration found: descriptors of types for -fsanitize=undefined come in another order, and the number of a split
    # debug file is another one, which it is between two emulated runs in different surroundings, too.
    ('emulated-prefix', '-fsanitize'), ('emulated-prefix', '-gsplit-dwarf'),
    # Not calibrated.
    ('emulated-prefix', '-fprofile-use'), ('emulated-prefix', '-fauto-profile'), ('emulated-prefix', '-fbranch-probabilities'),
    # What asks the processor, or the C library's tables of character sets.
    ('emulated-word', '-mcpu=native'), ('emulated-word', '-mtune=native'),
    ('emulated-prefix', '-finput-charset'), ('emulated-prefix', '-fexec-charset'),
    ('emulated-prefix', '-fwide-exec-charset'), ('emulated-word', '-iprefix'), ('emulated-prefix', '--sysroot'),
    ('emulated-prefix', '-isysroot'), ('included-file', '-include'), ('included-file', '-imacros'),
]
ASSEMBLER_RULES = [('emulated-prefix', '--version'), ('emulated-prefix', '--help'), ('emulated-prefix', '--statistics'),
                   # Sources as they are: a character is a signed number on one machine.
                   ('emulated-prefix', '-a'), ('emulated-word', '-f'), ('emulated-word', '-v'), ('emulated-word', '-V'), ('emulated-prefix', '@')]
# -plugin-opt=: what the driver tells its plugin, which is the one that is replaced.
# The paths that it looks for libraries in were written for the other one for the ABI with pointers of 32 bits.
LINKER_RULES = [('emulated-prefix', '-maarch64linux32'), ('emulated-prefix', 'aarch64linux32'), ('fine-prefix', '-plugin-opt='), ('emulated-prefix', '-pl'), ('emulated-prefix', '--pl'), ('emulated-prefix', '-sys'),
                ('emulated-prefix', '--verbose'), ('emulated-prefix', '--stats'), ('emulated-prefix', '--sys'),
                ('emulated-prefix', '--version'), ('emulated-prefix', '--help'), ('emulated-prefix', '--target-help'),
                ('emulated-word', '-v'), ('emulated-word', '-V'), ('emulated-prefix', '@')]
# Go's tools are the same program on every machine: they compile for what the variable says, which the go command sets for each call.
GO_TOOLS = ('compile', 'asm', 'link')
GO_ROOT = '/usr/local/go'
GO_EMULATED = (
    # What the tool says of itself, and what is measured of the program's own running.
    'V', 'h', 'help', 'cpuprofile', 'memprofile', 'blockprofile', 'mutexprofile', 'traceprofile', 'bench',
    # Not calibrated.
    'race', 'msan', 'asan', 'pgoprofile', 'env', 'coveragecfg', 'd=fuzz', 'dynlink', 'linkshared', 'buildmode=c-', 'buildmode=plugin',
    'buildmode=shared',
)
# Go takes a flag with one dash or two, and a value behind it or as the next argument, which no rule sees.
GO_RULES = [('emulated-prefix', '@'), *(('emulated-prefix', dashes + flag) for flag in GO_EMULATED for dashes in ('-', '--')),
            *(('emulated-word', dashes + flag) for flag in ('buildmode', 'd') for dashes in ('-', '--'))]
# What changes how a Go program runs, or what it compiles: not calibrated.
GO_VARIABLES = ('GODEBUG=', 'GOSSA', 'GOCOMPILEDEBUG=', 'GOEXPERIMENT=', 'GOTRACEBACK=', 'GOCLOBBERDEADHASH=', 'GO_EXTLINK_ENABLED=')
# Since 1.23 Go's programs count what they do, in files whose names have the machine that the program is for.
GO_WITH_TELEMETRY = (1, 23)
GO_TELEMETRY = [('telemetry-off',), ('emulated-prefix', 'TEST_TELEMETRY_DIR=')]

# A program of LLVM knows its own machine, and from where it was executed where other programs of it and headers are.
CLANG_RULES = [
    ('added', '-cc1', '--target={llvm}'), ('needed', '-cc1', '-triple'), ('needed', '-cc1as', '-triple'), ('own-place',),
    # By another name it compiles for another machine, or as another compiler.
    ('own-name', 'clang clang++ clang-cpp cc c++'), ('emulated-prefix', '--driver-mode'),
    ('emulated-prefix', '@'), ('emulated-prefix', '--config'), ('emulated-prefix', '-ccc-'), ('emulated-prefix', '-cc1gen-reproducer'),
    # What it says of itself, its own machine among it, and what tells its arguments, or measures its running.
    ('emulated-word', '-v'), ('emulated-word', '--verbose'), ('emulated-word', '-###'), ('emulated-prefix', '-MJ'), ('emulated-word', '-version'),
    ('emulated-word', '--version'),
    # Recursion ends, or is warned of, where the stack does.
    ('emulated-prefix', '-ftemplate-depth'), ('emulated-prefix', '-fconstexpr-depth'), ('emulated-prefix', '-fbracket-depth'),
    ('emulated-prefix', '-gen-cdb-fragment-path'), ('emulated-prefix', '-grecord-'), ('emulated-prefix', '-frecord-'), ('emulated-prefix', '-fembed-bitcode'),
    ('emulated-prefix', '-save-stats'), ('emulated-prefix', '--save-stats'), ('emulated-prefix', '-ftime-'), ('emulated-prefix', '-print-stats'),
    ('emulated-prefix', '-fproc-stat-report'), ('emulated-prefix', '-gen-reproducer'), ('emulated-prefix', '-fcrash-diagnostics'),
    # Foreign code, and what was not calibrated.
    ('emulated-prefix', '-fplugin'), ('emulated-prefix', '-fpass-plugin'), ('emulated-prefix', '-load'), ('emulated-prefix', '--analyze'),
    ('emulated-prefix', '-analyze'), ('emulated-prefix', '-fmodule'), ('emulated-prefix', '-fimplicit-module'), ('emulated-prefix', '--precompile'),
    ('emulated-prefix', '-emit-module'), ('emulated-prefix', '-fsave-optimization-record'), ('emulated-prefix', '-fprofile-use'),
    ('emulated-prefix', '-fprofile-instr-use'), ('emulated-prefix', '-fprofile-sample-use'), ('emulated-word', 'cuda'), ('emulated-word', 'hip'), ('emulated-prefix', '-xcuda'), ('emulated-prefix', '-xhip'), ('emulated-prefix', '--load'),
    ('emulated-prefix', '-fopenmp-targets'), ('emulated-prefix', '--offload'),
    # What asks the processor.
    ('emulated-prefix', '-march=native'), ('emulated-prefix', '-mcpu=native'), ('emulated-prefix', '-mtune=native'),
]
CLANG_VARIABLES = [('emulated-prefix', name) for name in (
    # Which only a compiler for its own machine reads.
    'LIBRARY_PATH=', 'CCC_', 'CC_PRINT_', 'CC_LOG_', 'CLANG_', 'FORCE_CLANG_', 'QA_OVERRIDE_', 'RC_DEBUG_', 'AS_SECURE_LOG_FILE=')]
LLD_RULES = [
    # By other names it links for other systems.
    ('own-name', 'ld.lld'),
    ('emulated-prefix', '@'), ('emulated-prefix', '--reproduce'), ('emulated-prefix', '-reproduce'), ('emulated-prefix', '--time-trace'),
    ('emulated-prefix', '--load-pass-plugin'), ('emulated-prefix', '-load'), ('emulated-prefix', '-mllvm'), ('emulated-prefix', '--mllvm'),
    ('emulated-prefix', '-plugin-opt=mcpu=native'), ('emulated-prefix', '--plugin-opt=mcpu=native'), ('emulated-prefix', '--thinlto-'),
    ('emulated-prefix', '-thinlto-'), ('emulated-prefix', '-plugin-opt=thinlto-'), ('emulated-prefix', '--plugin-opt=thinlto-'),
    # LLVM's own options.
    ('emulated-prefix', '-plugin-opt=-'), ('emulated-prefix', '--plugin-opt=-'),
]
LLD_VARIABLES = [('emulated-prefix', 'LLD_')]
# Found by calibrating: where rustc writes metadata for other crates, some of it is in the order of a hash table, which is another one on
# processors with vectors of another width. Crates that are procedural macros are loaded into the compiler: a native one could not load what was made for the other machine.
RUST_RULES = [
    ('added', '--target', '--target', '{llvm}'), ('added', '--sysroot', '--sysroot', '/usr'), ('native-crates',), ('no-metadata',),
    ('emulated-prefix', '@'), ('emulated-prefix', '--sysroot'), ('emulated-prefix', '-Z'),
    # What it says of itself.
    ('emulated-prefix', '-v'), ('emulated-prefix', '-V'), ('emulated-prefix', '--verbose'), ('emulated-prefix', '--version'), ('emulated-prefix', '--print'),
    # What asks the processor, foreign code, and what was not calibrated. A value may be an argument of its own.
    *(('emulated-prefix', option + value) for value in ('target-cpu=native', 'target_cpu=native', 'passes=', 'profile-use', 'profile_use',
                                                        'profile-generate', 'profile_generate', 'llvm-args=', 'llvm_args=')
      for option in ('', '-C', '--codegen=')),
    # Options in one word, of which the last has the value.
    *(('emulated-prefix', option) for option in ('-OC', '-gC', '-OgC', '-gOC')),
]
RUST_VARIABLES = [('emulated-prefix', name) for name in ('RUSTC_LOG', 'RUSTC_ICE', 'RUSTC_FORCE_', 'RUSTC_COLOR', 'RUST_LOG=')]
# They ask plugins about each object, of two folders of the root: what these have to have is of the set, too.
ARCHIVE_RULES = [
    ('own-place',), ('emulated-prefix', '@'), ('emulated-prefix', '--pl'), ('emulated-prefix', '--version'), ('emulated-prefix', '--help'),
    ('emulated-word', '-V'), ('emulated-word', '-h'), ('emulated-word', '-H'), ('emulated-prefix', '--info'),
]
ARCHIVE_TOOLS = ('ar', 'ranlib', 'nm', 'strip', 'objcopy')
# Whoever builds sets it for the linker, and all compilers have it, which do not know it.
FOR_LINKERS = ('fine-prefix', 'LD_RUN_PATH=')


def written(rules, **values):
    """As a manifest has them."""
    return [dict(zip(('kind', 'text', 'from', 'to'), (word.format(**values) if values else word for word in rule))) for rule in rules]


def values_of(option, arguments):
    """Of an option that may be given more than once, as an argument of its own or with its value, all words of its values."""
    values = [after for before, after in zip(arguments, arguments[1:]) if before == option]
    values += [argument.partition('=')[2] for argument in arguments if argument.startswith(f'{option}=')]
    return [word.partition('=')[0] for value in values for word in value.split(',')]


def is_emulated_crate(kinds, arguments):
    """What the stub tells of a call of rustc (worker/accelerators/stub/crates.c), of those of a corpus, whose sources say nothing of
    their types: whether it writes metadata or names a procedural macro."""
    metadata = not set(values_of('--crate-type', arguments)) <= {'bin', 'cdylib', 'staticlib'} or 'metadata' in values_of('--emit', arguments)
    return 'no-metadata' in kinds and metadata or 'native-crates' in kinds and any(argument.endswith('.so') for argument in arguments)


def is_emulated(rules, arguments):
    """Whether one of the arguments of a corpus' call keeps it emulated, by the rules as a manifest has them."""
    if is_emulated_crate({rule['kind'] for rule in rules}, arguments):
        return True
    for argument in arguments:
        for rule in rules:
            if rule['kind'] == 'fine-prefix' and argument.startswith(rule['text']):
                break
            if rule['kind'] == 'emulated-prefix' and argument.startswith(rule['text']) or \
                    rule['kind'] == 'emulated-word' and argument == rule['text']:
                return True
    return False
