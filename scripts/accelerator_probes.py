"""What shows which program the kernel executed for a tool, natively or emulated: parts of the script of a calibration's step
(scripts/calibrate-accelerators). Each leaves /out/TOOL.executed, by the executed file of a process that was running.
"""
NATIVE = '/dev/accelerators/'

# Which program the kernel executes for a tool: it waits for what it is to compile meanwhile.
PROBE = '''mkfifo /tmp/probe
{path} {options} /tmp/probe -o /tmp/probe.out & probe=$!
exec 3>/tmp/probe
readlink /proc/$probe/exe >/out/{name}.executed
exec 3>&-
wait $probe
rm -f /tmp/probe /tmp/probe.out
'''


# The same of linkers, and of what copies, which read nothing but whole files: so large a file takes them a while. -ef: the shell's
# own, a program would come too late.
SLOW_PROBE = '''printf '.globl a\\n.data\\na: .zero 400000000\\n' | as -o /tmp/probe.o
{before}
{command} & probe=$!
executed=emulated
while [ -e /proc/$probe/exe ]; do
  [ /proc/$probe/exe -ef {native}{program} ] && executed={native}{program} && break
done
wait $probe
echo $executed >/out/{name}.executed
rm -f /tmp/probe.*
'''
# What lto1 reads it opens like any file, and reads no pipe: it is looked at while it waits for somebody to open the other end.
LTO_PROBE = '''mkfifo /tmp/probe
{path} -quiet /tmp/probe -o /tmp/probe.out 2>/dev/null & probe=$!
for try in 1 2 3 4 5 6 7 8 9 10; do
  executed=$(readlink /proc/$probe/exe)
  case $executed in {native}*) break ;; esac
  sleep 1
done
: >/tmp/probe
wait $probe
echo "$executed" >/out/{name}.executed
rm -f /tmp/probe /tmp/probe.out
'''
# nm reads whole files, and only their symbols: it is looked at while nobody reads what it says, which is more than a pipe holds.
TALKING_PROBE = r'''printf '.macro many\ns\\@: .byte 0\n.endm\n.rept 9000\nmany\n.endr\n' | as -o /tmp/probe.o
mkfifo /tmp/probe
exec 3<>/tmp/probe
{path} /tmp/probe.o >&3 & probe=$!
for try in 1 2 3 4 5 6 7 8 9 10; do
  executed=$(readlink /proc/$probe/exe)
  case $executed in {native}*) break ;; esac
  sleep 1
done
cat <&3 >/dev/null & reader=$!
exec 3>&-
wait $probe
kill $reader
echo "$executed" >/out/{name}.executed
rm -f /tmp/probe /tmp/probe.o
'''
# The go command tells of each call, and compiles the packages of its library that the program needs, too, since no others were
# made this way before: as above, since what it calls begins and ends at once.
GO_PROBE = r'''cat >/tmp/see.sh <<'END'
for word; do case $word in -V*) exec "$@" ;; esac; done
name=${{1##*/}}
"$@" & probe=$!
executed=emulated
while [ -e /proc/$probe/exe ]; do
  [ /proc/$probe/exe -ef {native}{folder}-$name ] && executed={native}{folder}-$name && break
done
wait $probe || exit
# Most calls end before it can be looked at them: one that was seen counts for all of the tool.
[ $executed = emulated ] && [ -e /out/$name.executed ] || echo $executed >/out/$name.executed
END
cp -r /corpus/programs/probe /tmp/probe && cd /tmp/probe
export PATH=/corpus/go/bin:$PATH HOME=/tmp GOTOOLCHAIN=local GOPROXY=off GOFLAGS= GOCACHE=/tmp/go-cache
go build -toolexec '/bin/sh /tmp/see.sh' -o /tmp/probe.out .
rm -rf /tmp/go-cache /tmp/probe /tmp/probe.out /tmp/see.sh
'''
# What is done before, and the call. Of ld with the plugin that the driver names: by another way to the same file it would be another word.
SLOW = {
    'ld': ('', r"""ld -plugin $(gcc '-###' /tmp/probe.o 2>&1 | sed -nE 's/.* "?-plugin"? "?([^ "]+).*/\1/p') -r /tmp/probe.o -o /tmp/probe.2"""),
    # By the name it knows what it is.
    'lld': ('', 'ld.lld -r /tmp/probe.o -o /tmp/probe.2'),
    'ar': ('', '{path} qcSD /tmp/probe.a /tmp/probe.o'),
    'ranlib': ('ar qcSD /tmp/probe.a /tmp/probe.o', '{path} -D /tmp/probe.a'),
    'strip': ('', '{path} -g -o /tmp/probe.2 /tmp/probe.o'),
    'objcopy': ('', '{path} /tmp/probe.o /tmp/probe.2'),
}
# Of those that read a pipe; others have what the driver of gcc tells its compilers.
OPTIONS = {'as': '', 'clang': '-x c -c', 'rustc': '--crate-type=cdylib --emit=obj'}


def short_name(tool):
    return tool['name'].rpartition('/')[2]


def probe_of(tool):
    """What shows the execution of a tool that is called by its path."""
    name, path = short_name(tool), tool['stands_for']['path']
    if name in SLOW:
        before, command = SLOW[name]
        return SLOW_PROBE.format(before=before, command=command.replace('{path}', path), native=NATIVE, program=tool['program'], name=name)
    if name in ('lto1', 'nm'):
        return (LTO_PROBE if name == 'lto1' else TALKING_PROBE).format(path=path, native=NATIVE, name=name)
    return PROBE.format(path=path, options=OPTIONS.get(name, '-quiet'), name=name)


def script(tools, parts):
    """What a step executes: the parts of the corpus, and then the tools once more, one after the other."""
    lines = ['mkdir /out', 'export LC_ALL=C']
    lines += [f'sh /corpus/{part} &' for part in parts]
    lines.append('wait')
    go = [tool for tool in tools if tool['name'].startswith('go-')]
    if go:
        lines.append(GO_PROBE.format(native=NATIVE, folder=go[0]['program'].rpartition('-')[0]))
    return '\n'.join([*lines, *(probe_of(tool) for tool in tools if tool not in go)])
