"""Calibration records that come with the repository (deploy/accelerators/): of sets that anybody gets to the last byte who makes them
of the same packages.

A record is of one set and one emulator, by their digests. It counts on another machine if both are the same there, and for
nothing else.
"""
import hashlib
import json
import pathlib
import re

SHIPPED = pathlib.Path(__file__).resolve().parent.parent / 'deploy' / 'accelerators'
MACHINES = {'arm64': 'b700'}


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


def differences(record, made, emulator):
    """Why a record does not count for a set with the digest `made` and for an emulator's file, as lines; none: it counts."""
    lines = []
    if record.get('format') != 1:
        lines.append('the record is of another format')
    if record.get('set') != made:
        lines.append(f'the set is {made}, the record is of {record.get("set")}: it was made of other packages')
    if emulator is None:
        lines.append('no emulator is registered with the flags POCF on this machine: scripts/setup-host')
    elif (own := digest_of(emulator.read_bytes())) != record.get('emulator'):
        lines.append(f'the emulator {emulator} is {own}, the record is of {record.get("emulator")}')
    return lines


def take_over(target, made, emulator, shipped=SHIPPED):
    """Puts the repository's record beside the set `target`, if it is of this set and this emulator. Lines for people."""
    file = shipped / f'{target.name}.calibration.json'
    calibrate = f'not used before it is calibrated: scripts/calibrate-accelerators {target}'
    if not file.is_file():
        return [f'no calibration of {target.name} comes with the repository', calibrate]
    data = file.read_bytes()
    record = json.loads(data)
    if lines := differences(record, made, emulator):
        return [f'the calibration in {file} does not count here:', *(f'  {line}' for line in lines), calibrate]
    (target.parent / file.name).write_bytes(data)
    tools = [f'{name} {result["equal"]} of {result["units"]}' for name, result in record['tools'].items()]
    return [f'calibrated: set and emulator are those of {file} ({record["made_at"]}; units equal: {", ".join(tools)})']
