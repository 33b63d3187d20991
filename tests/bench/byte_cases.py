"""What moving bytes costs: large files, many small files, and the image that comes out."""
import hashlib
import os
import pathlib
import tempfile

from cases import TINY, build_ours, context_folder, sides
from measure import alternate, compare, seconds

MIB = 1 << 20


def fill(path, mebibytes):
    """Bytes that do not compress and that no builder has seen."""
    with open(path, "wb") as file:
        for _ in range(mebibytes):
            file.write(os.urandom(MIB))


def hash_seconds(path):
    """SHA-256 of the file: the speed that bytes are measured by."""
    def read():
        with open(path, "rb") as file:
            hashlib.file_digest(file, "sha256")
    return seconds(read)


# The others keep several copies of everything.
PEERS = {"crossmill", "buildkit", "buildkitd"}


def those_compared(timers):
    return {name: timer for name, timer in timers.items() if name in PEERS}


def cold_copy(bench, case, what, rounds, make, target):
    """COPY of what nobody has seen; `make` fills the context anew before each build."""
    recipe = f"FROM {TINY}\nCOPY . /data\n"
    with bench.farm(workers=1, slots=None) as farm, context_folder({"Dockerfile": recipe}) as context:
        def action(build):
            make(context)
            return seconds(lambda: build(context))
        times = alternate(rounds, those_compared(sides(bench, farm, action)))
    return [*compare(case, what, times, "buildkit", target), *compare(case, what, times, "buildkitd", target)]


def large(bench):
    """One file, cold."""
    size = 4 if bench.smoke else 1024
    return cold_copy(bench, "large", f"COPY of {size} MiB, cold", bench.rounds(5),
                     lambda context: fill(context / "file", size), 1.25)


def small(bench):
    """Many files, cold."""
    count = 100 if bench.smoke else 20_000

    def make(context):
        seed = os.urandom(8).hex()
        for number in range(count):
            path = context / f"d{number % 200}" / f"f{number}"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"{seed} {number}\n" * 40)
    return cold_copy(bench, "small", f"COPY of {count} files, cold", bench.rounds(5), make, 0.7)


def made(bench):
    """A RUN that makes one large file, against hashing that file once, and against the peers."""
    size = 4 if bench.smoke else 1024
    recipe = f"FROM {TINY}\nRUN dd if=/dev/urandom of=/file bs=1M count={size}\n"
    with bench.farm(workers=1, slots=None) as farm, context_folder({"Dockerfile": recipe}) as context, \
            tempfile.TemporaryDirectory(dir=bench.folder) as folder:
        sample = pathlib.Path(folder) / "sample"
        fill(sample, size)
        timers = those_compared(sides(bench, farm, lambda build: seconds(lambda: build(context, True))))
        times = alternate(bench.rounds(5), {**timers, "sha256": lambda: hash_seconds(sample)})
    what = f"RUN that makes {size} MiB"
    return [*compare("made", what, times, "buildkit", 1.25), *compare("made", what, times, "buildkitd", 1.25),
            *compare("made", what, times, "sha256", None)]


CASES = {"large": large, "small": small, "made": made}
