"""Which processes a step's time goes to, by the kernel's process accounting (acct(2)): everything that a process and its children executed.

Needs root. The kernel has one accounting file for the whole machine: nothing else may use it meanwhile. Times come in hundredths of
a second, cut off for each process, so that a great many short ones are counted too low.
"""
import collections
import contextlib
import ctypes
import os
import struct
import tempfile

RECORD = struct.Struct("<BBHIIIIIIf8H16s")
LIBRARY = ctypes.CDLL(None, use_errno=True)


def number(packed):
    """comp_t: 13 bits, and 3 bits of exponent to base 8."""
    return (packed & 0x1FFF) << (3 * (packed >> 13))


def account_to(path):
    if LIBRARY.acct(path) != 0:
        raise OSError(ctypes.get_errno(), "acct")


def read(data):
    """[(process, parent, name, seconds of a processor)]."""
    return [(each[6], each[7], each[18].split(b"\0")[0].decode(errors="replace"),
             (number(each[10]) + number(each[11])) / 100) for each in RECORD.iter_unpack(data)]


def descendants(rows, root):
    """The rows of processes that `root` or one of its descendants started. Parents end after their children, mostly: those that
    a parent left behind are another's by then, and not found."""
    children = collections.defaultdict(list)
    for row in rows:
        children[row[1]].append(row)
    found, waiting = [], [root]
    while waiting:
        for row in children.pop(waiting.pop(), []):
            found.append(row)
            waiting.append(row[0])
    return found


@contextlib.contextmanager
def accounting():
    """Yields a list that has, afterwards, (name, calls, seconds) of all that this process started meanwhile, the most first."""
    told = []
    with tempfile.NamedTemporaryFile(prefix="crossmill-accounting.") as file:
        account_to(file.name.encode())
        try:
            yield told
        finally:
            account_to(None)
        names = collections.defaultdict(lambda: [0, 0.0])
        for _, _, name, seconds in descendants(read(file.read()), os.getpid()):
            names[name][0] += 1
            names[name][1] += seconds
        told += sorted(((name, calls, seconds) for name, (calls, seconds) in names.items()), key=lambda row: -row[2])
