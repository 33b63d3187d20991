"""What one process is shown of its machine: a clock that jumps, and how much of the record a power cut may lose.

Done by machine.c, which is compiled here and preloaded; without a C compiler there are no such faults, and the driver says so.
"""
import functools
import mmap
import os
import pathlib
import random
import shutil
import struct
import subprocess
import tempfile

FILES = ("record.db", "record.db-wal")
RANGES = 2000
# As struct shared of machine.c: shift, duration of a sync, count of ranges per file; then the ranges.
HEAD = struct.Struct("=qqqq")
RANGE = struct.Struct("=qq")
SIZE = HEAD.size + len(FILES) * RANGES * RANGE.size
SECTOR = 512


@functools.cache
def library():
    """The path of the compiled library, or None where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    source = pathlib.Path(__file__).with_name("machine.c")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-faults-", dir="/var/tmp"))
    folder.chmod(0o755)
    out = folder / "machine.so"
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-pthread", "-o", out, source, "-ldl"], check=True)
    out.chmod(0o755)
    return out


def remove_library():
    if library.cache_info().currsize and library():
        shutil.rmtree(library().parent, ignore_errors=True)
    library.cache_clear()


class Machine:
    """One process's; `path` is the file that it shares with the process."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.path.write_bytes(b"\0" * SIZE)
        self.path.chmod(0o644)
        with open(self.path, "r+b") as file:
            self.shared = mmap.mmap(file.fileno(), SIZE)

    def close(self):
        self.shared.close()

    def environment(self):
        found = library()
        return {"LD_PRELOAD": str(found), "CROSSMILL_FAULTS_MACHINE": str(self.path)} if found else {}

    def shift(self):
        return struct.unpack_from("=q", self.shared, 0)[0] / 1e9

    def jump(self, seconds):
        """From now on the clock is so much later (or earlier) than it was."""
        struct.pack_into("=q", self.shared, 0, int((self.shift() + seconds) * 1e9))

    def slow_syncs(self, seconds):
        struct.pack_into("=q", self.shared, 8, int(seconds * 1e9))

    def unsynced(self, file):
        """The ranges (offset, length) of a file of FILES that were written since its last sync."""
        index = FILES.index(file)
        count = struct.unpack_from("=q", self.shared, 16 + 8 * index)[0]
        start = HEAD.size + index * RANGES * RANGE.size
        return [RANGE.unpack_from(self.shared, start + RANGE.size * number) for number in range(count)]

    def cut_power(self, folder, random):
        """After a kill: of what was not synced each sector is kept, zero or garbage; perhaps the file ends there.

        Everything that was promised was synced first (docs/formats.md, "Record (SQLite)"), so nothing of that may be lost, and the
        record must open. What a drive loses that says that it synced when it did not is no promise of the farm. How many
        bytes were changed.
        """
        changed = sum(cut_file(pathlib.Path(folder) / file, self.unsynced(file), random) for file in FILES)
        # Its next start begins with everything on the disk.
        for index in range(len(FILES)):
            struct.pack_into("=q", self.shared, 16 + 8 * index, 0)
        self.slow_syncs(0)
        return changed


def cut_file(path, ranges, random):
    if not path.exists():
        return 0
    changed = 0
    with open(path, "r+b") as file:
        end = file.seek(0, os.SEEK_END)
        for offset, length in ranges:
            last = min(offset + length, end)
            if offset < last == end and random.random() < 0.5:
                # The new length of the file had not reached the disk.
                keep = offset + random.randrange(0, last - offset)
                file.truncate(keep)
                changed += end - keep
                end = last = keep
            at = offset
            while at < last:
                size = min(SECTOR - at % SECTOR, last - at)
                fate = random.random()
                if fate > 0.4:
                    file.seek(at)
                    file.write(b"\0" * size if fate < 0.7 else random.randbytes(size))
                    changed += size
                at += size
    return changed


def random_of(seed, *words):
    """A generator of its own for a purpose, so that what one draws moves nothing of another."""
    return random.Random(":".join(map(str, (seed, *words))))
