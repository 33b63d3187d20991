"""Gives a program of Debian's cross compiler the identity of the native one that it stands in for.

The two are the same sources, but the cross one knows other folders for headers, and another text as its version. Both
are text in the program: a folder's name is replaced in its place (the native ones are shorter), and the version's text,
which is longer, takes the place of the text of configure's arguments, to which only plugins have a way (which a stand-in
never loads). Whatever is not found exactly as expected ends with an error: a set is exact, or is not made.
"""
import re
import struct


class IdentityError(Exception):
    """The program is not what these rules were written for."""


def occurrences(data, text):
    """Every place of a text that is a whole string of C: with a zero byte before it and after, or a number before it that ends with
    its lowest byte (of eight), as programs of s390x have them."""
    found = []
    at = data.find(text + b'\0')
    while at >= 0:
        if at == 0 or data[at - 1] == 0 or not any(data[at - 8:at - 1]) and at >= 8:
            found.append(at)
        at = data.find(text + b'\0', at + 1)
    return found


def folder_changes(target, version):
    """The folders as the cross compiler has them, each with the native compiler's."""
    cross = f'/usr/lib/gcc-cross/{target}/{version}'
    native = f'/usr/lib/gcc/{target}/{version}'
    up = '/../../../..'
    return [(a.encode(), b.encode()) for a, b in [
        (f'{cross}/include', f'{native}/include'),
        (f'{cross}/include-fixed', f'{native}/include-fixed'),
        (f'{cross}{up}/{target}/include', f'{native}{up}/{target}/include'),
        (f'{cross}{up}/{target}/include/c++/{version}', f'{native}{up}/include/c++/{version}'),
        (f'{cross}{up}/{target}/include/c++/{version}/{target}', f'{native}{up}/include/{target}/c++/{version}'),
        (f'{cross}{up}/{target}/include/c++/{version}/backward', f'{native}{up}/include/c++/{version}/backward'),
        (f'{cross}{up}/{target}/libc++_include/c++/{version}/v1', f'{native}{up}/libc++_include/c++/{version}/v1'),
        # Where gcc 14 looks for it.
        (f'{cross}{up}/{target}/include/c++/v1', f'{native}{up}/include/c++/v1'),
        ('/usr/lib/gcc-cross/', '/usr/lib/gcc/'),
    ]]


def replace_folders(data, native, target, version, changes):
    """Replaces every folder of the cross compiler in `data` (a bytearray). The native program has to have each, as often."""
    for cross, wanted in folder_changes(target, version):
        places = occurrences(data, cross)
        expected = len(occurrences(native, wanted))
        if len(places) != expected:
            raise IdentityError(f'{cross.decode()} occurs {len(places)} times, {wanted.decode()} in the native '
                                f'program {expected} times')
        for place in places:
            data[place:place + len(cross)] = wanted.ljust(len(cross), b'\0')
            changes.append({'offset': place, 'from': cross.decode(), 'to': wanted.decode()})
    if b'gcc-cross' in data:
        raise IdentityError('a folder of the cross compiler is left in the program')


def load_bias(data):
    """Address minus offset of the segment that has read-only data, of an ELF program at a fixed address."""
    kind, = struct.unpack_from('<H', data, 16)
    offset, = struct.unpack_from('<Q', data, 32)
    size, count = struct.unpack_from('<HH', data, 54)
    if data[:6] != b'\x7fELF\x02\x01' or kind != 2:
        raise IdentityError('not a 64-bit program at a fixed address')
    segments = []
    for i in range(count):
        sort, flags, start, address, _, length = struct.unpack_from('<IIQQQQ', data, offset + i * size)
        if sort == 1 and not flags & 2:
            segments.append((start, length, address - start))
    return segments


def address_of(data, place):
    for start, length, bias in load_bias(data):
        if start <= place < start + length:
            return place + bias
    raise IdentityError(f'offset {place} is in no read-only segment')


def version_text(data):
    """The package's version as gcc has it: `(Debian 12.2.0-14) `."""
    at = data.find(b'\0(Debian ')
    if at < 0 or data.find(b'\0(Debian ', at + 1) >= 0:
        raise IdentityError('not exactly one version text')
    return bytes(data[at + 1:data.index(b'\0', at + 1)])


def replace_version(data, native, changes):
    """Lets every instruction that loads the version text's address load that of the native program's text."""
    own, wanted = version_text(data), version_text(native)
    if own == wanted:
        return
    text = occurrences(data, own)
    room = data.find(b'../src/configure -v ')
    if len(text) != 1 or room < 0 or data.find(b'../src/configure -v ', room + 1) >= 0:
        raise IdentityError('not exactly one version text and one text of configure')
    if len(wanted) >= data.index(b'\0', room) - room:
        raise IdentityError('no room for the version text')
    old = struct.pack('<I', address_of(data, text[0]))
    new = struct.pack('<I', address_of(data, room))
    places = []
    at = data.find(old)
    while at >= 0:
        # mov $address, %esi or %r9d: how gcc passes it to the function that prints it.
        if data[at - 1] not in (0xbe, 0xb9):
            raise IdentityError(f'the version text is used in an unknown way at {at}')
        places.append(at)
        at = data.find(old, at + 1)
    if not places:
        raise IdentityError('nothing uses the version text')
    for place in places:
        data[place:place + 4] = new
    data[room:room + len(wanted) + 1] = wanted + b'\0'
    changes.append({'offset': room, 'from': own.decode(), 'to': wanted.decode(), 'uses': places})


def replace_text(data, old, new, changes, everywhere=False):
    """Replaces a text of the same or a shorter length where it occurs, once unless `everywhere`."""
    if len(new) > len(old):
        raise IdentityError(f'{new.decode()} is longer than {old.decode()}')
    count = data.count(old)
    if count == 0 or (count > 1 and not everywhere):
        raise IdentityError(f'{old.decode()} occurs {count} times')
    at = data.find(old)
    while at >= 0:
        data[at:at + len(old)] = new.ljust(len(old), b'\0')
        changes.append({'offset': at, 'from': old.rstrip(b'\0').decode(), 'to': new.rstrip(b'\0').decode()})
        at = data.find(old, at + 1)


def always_jump(data, before, after, changes):
    """Lets the one jump (jne) between these instructions be taken always, so that what is behind it is never executed."""
    places = [match.start(1) for match in re.finditer(re.escape(before) + rb'(\x0f\x85)....' + re.escape(after), bytes(data), re.S)]
    if len(places) != 1:
        raise IdentityError(f'{before.hex()} and {after.hex()} are around {len(places)} jumps')
    # nop, and jmp to the same place.
    data[places[0]:places[0] + 2] = b'\x90\xe9'
    changes.append({'offset': places[0], 'from': 'jne', 'to': 'jmp'})


def forget_variable(data, name, changes):
    """Lets a loader's comparison with a name of eight characters, which is a constant of its code, never be true."""
    places = [match.start() + 2 for match in re.finditer(rb'[\x48\x49][\xb8-\xbf]' + name, bytes(data))]
    if len(name) != 8 or len(places) != 1:
        raise IdentityError(f'{name.decode()} is compared with {len(places)} times')
    # No name of a variable has such a byte.
    data[places[0]] = 0
    changes.append({'offset': places[0], 'from': name.decode(), 'to': f'\0{name.decode()[1:]}'})
