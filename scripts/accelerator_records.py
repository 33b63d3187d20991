"""Records of calibrations, also those that come with the repository (deploy/accelerators/): of tools that anybody gets to the last
byte who makes them of the same packages.

A result is of one making of a tool and one emulator, by their digests. It counts on another machine if both are the same there, and
for nothing else; which other tools a set has makes no difference.
"""
import hashlib
import json
import pathlib
import re

# What has tools that load nothing of the set that they are in, so that one record is for the sets of all releases.
TOOLCHAINS = ('go',)
SHIPPED = pathlib.Path(__file__).resolve().parent.parent / 'deploy' / 'accelerators'
# Of an ELF header, as binfmt_misc shows it.
MACHINES = {'arm64': 'b700', 'arm': '2800', 'riscv64': 'f300', 's390x': '0016'}
FORMAT = 2
# worker/accelerators/table_format.h has the numbers.
RULES = {
    'arguments': {'fine-prefix': 1, 'emulated-prefix': 2, 'emulated-word': 3, 'included-file': 4, 'replaced-file': 5, 'added': 8, 'needed': 9,
                  'own-name': 10, 'native-crates': 11, 'own-place': 15, 'no-metadata': 16},
    'variables': {'needed': 6, 'emulated-prefix': 7, 'fine-prefix': 12, 'library-folders': 13, 'telemetry-off': 18},
    'folders': {'entries': 14, 'without': 17},
}


def digest_of(data):
    return f'sha256:{hashlib.sha256(data).hexdigest()}'


def emulator_of(architecture, formats=pathlib.Path('/proc/sys/fs/binfmt_misc')):
    """The file that the kernel executes for programs of the architecture; None: no such is registered."""
    for entry in sorted(formats.iterdir()) if formats.is_dir() else []:
        text = entry.read_text() if entry.name not in ('register', 'status') else ''
        found = dict(re.findall(r'^(\w+):? (\S+)$', text, re.M))
        if text.startswith('enabled') and found.get('magic', '')[36:40] == MACHINES[architecture] and \
                set('POCF') <= set(found.get('flags', '')):
            return pathlib.Path(found['interpreter'])
    return None


def tool_identity(manifest, tool):
    """What a calibration of the tool is worth for: as the worker computes it (ToolIdentity in accelerator_set.h)."""
    fields = [('program', file['sha256']) for file in manifest['files'] if file['path'] == tool['program']]
    fields.append(('stands for', tool['stands_for']['path'], tool['stands_for']['sha256']))
    fields += [('needs', file['path'], file['sha256']) for file in tool['needs']]
    for rules, kinds in RULES.items():
        fields += [('rule', str(kinds[rule['kind']]), *(rule.get(text, '') for text in ('text', 'from', 'to'))) for rule in tool.get(rules, [])]
    loaded = {*tool['loads'], *(rule['to'] for rule in tool['arguments'] if rule['kind'] == 'replaced-file')}
    fields += sorted(('file', file['path'], file['sha256']) for file in manifest['files'] if file['path'] in loaded)
    fields += [('processor', feature) for feature in tool.get('processor', [])]
    return digest_of(b''.join(text.encode() + b'\0' for field in fields for text in field))


def difference(result, identity, emulator):
    """Why a tool's result does not count for this making of the tool and this emulator's file; '' if it does."""
    if result.get('tool') != identity:
        return f'the tool is {identity}, the calibrated one {result.get("tool")}: it was made of other packages'
    if emulator is None:
        return 'no emulator is registered with the flags POCF on this machine: scripts/setup-host'
    if (own := digest_of(emulator.read_bytes())) != result.get('emulator'):
        return f'the emulator {emulator} is {own}, the calibration is against {result.get("emulator")}'
    return ''


def read(file):
    """{tool: result} of a record; nothing of one of another format."""
    try:
        record = json.loads(file.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return record['tools'] if record.get('format') == FORMAT else {}


def write(file, results):
    file.write_text(json.dumps({'format': FORMAT, 'tools': results}, indent=1) + '\n')


def take_over(target, manifest, emulator, shipped=SHIPPED):
    """Puts what the repository's record of the set `target` says of these very tools with this emulator beside it. Lines for people."""
    # A tool's name is the same for every architecture.
    results = read(shipped / f'{target.name}.calibration.json')
    for toolchain in TOOLCHAINS:
        results |= read(shipped / f'{toolchain}-{manifest["architecture"]}.calibration.json')
    lines, taken = [], {}
    for tool in manifest['tools']:
        name = tool['name']
        why = difference(results[name], tool_identity(manifest, tool), emulator) if name in results else 'none comes with the repository'
        if why:
            lines.append(f'{name}: not calibrated: {why}')
        else:
            taken[name] = results[name]
            result = results[name]
            lines.append(f'{name}: calibrated {result["made_at"][:10]}, {result["equal"]} of {result["units"]} units equal')
    if taken:
        write(target.parent / f'{target.name}.calibration.json', taken)
    if len(taken) < len(manifest['tools']):
        lines.append(f'what is not calibrated is not used: scripts/calibrate-accelerators {target}')
    return lines
