#!/usr/bin/env python3
"""What builds on emulated arm64 take with and without an accelerator set (docs/accelerators.md), as ratios.

Each workload is one RUN of the real worker in its real sandbox: as the machine's emulator does it alone (--accelerate=off), on the quick
processor without any set, and with both, in every round in another order; what all left is compared. Where it has a meaning the same is
cross compiled by this machine's own compiler, outside of a farm. Loads of the machine change all sides alike, so ratios are told
beside the times.

    accelerated_builds.py SET --base ARCHIVE [--sdists FOLDER [--wheels FOLDER] [--hardened]] [--project FOLDER] [--sources FOLDER]
                          [--corpus FOLDER] [--crate FOLDER] [--only NAME]

`--sdists` has source distributions of Python packages with C or C++ extensions (pip download --no-binary :all: --no-deps),
`--wheels` what these need to be built: pure Python, unpacked before, outside of the time. `--project` has the folders of
accelerated_project.py, `--sources` tar archives with a `configure`, `--corpus` what calibrations compile
(scripts/make-accelerator-corpus), of which each part is a workload, `--crate` a package of Rust with all that it needs (cargo vendor).
"""
import argparse
import contextlib
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import accelerated_project  # noqa: E402
import step_processes  # noqa: E402
import worker_steps  # noqa: E402

# Once, before everything that is timed. With flags as those of a Python from python.org: Debian's own have the stack protector, with
# which compilers stay emulated on bookworm.
PREPARE = "set -e; for wheel in /work/wheels/*.whl; do " \
          "[ ! -e $wheel ] || python3 -m zipfile -e $wheel $(python3 -c 'import sysconfig; print(sysconfig.get_path(\"purelib\"))'); done; "
PLAIN = "sed -i 's/-fstack-protector-strong//g' $(python3 -c 'import importlib, sysconfig; " \
        "print(importlib.import_module(sysconfig._get_sysconfigdata_name()).__file__)')"
# Unpacked at a place of its own: pip's is called by chance, and is in the debug information.
WHEEL = "mkdir -p /out /tmp/s && cd /tmp/s && tar --strip-components=1 -xf /work/sdists/{sdist} && " \
        "pip3 wheel -q --no-deps --no-build-isolation --no-index --wheel-dir /out ."
MAKE = "make -s -j2 OUT={out} CXX={prefix}g++ CXXFLAGS='-O2 -fPIC'"
CONFIGURE = "mkdir -p {place} {out} && cd {place} && tar --strip-components=1 -xf {archive} && ./configure {options} >{out}/said 2>&1"
BUILD = " && make -s -j2 >>{out}/said 2>&1"
# What configure found, and what was compiled and linked; its log has times.
KEEP = " && cp config.status {out} && find . -name '*.so*' -type f -o -name '*.o' | xargs -r cp --parents -t {out}"
# For pyo3: no Python is looked for.
CARGO = "mkdir /out && cp -r /work/crate /tmp/s && cd /tmp/s && PYO3_NO_PYTHON=1 cargo build -q --release --offline && " \
        "find target/release -maxdepth 1 -type f '(' -name '*.so' -o -executable ')' -exec cp '{}' /out ';'"
CROSS = "aarch64-linux-gnu-"
# What the worker is told, and whether it has the set; the first is what the others are compared with. "cross" is no step.
WAYS = {"emulated": ("off", False), "processor": ("auto", False), "accelerated": (None, True)}


class Workload:
    """`step`: for the step's shell; `cross`: the same for this machine's, with {work} and {out}; empty: has no meaning."""

    def __init__(self, name, step, plain=False, cross=""):
        self.name, self.step, self.plain, self.cross = name, step, plain, cross


def workloads(arguments, work):
    for sdist in sorted(arguments.sdists.glob("*.tar.gz")) if arguments.sdists else []:
        name = sdist.name.removesuffix(".tar.gz")
        yield Workload(f"{name}", WHEEL.format(sdist=sdist.name), plain=not arguments.hardened)
        if name.lower().startswith("markupsafe") and not arguments.hardened:
            yield Workload(f"{name}, Debian's flags", WHEEL.format(sdist=sdist.name))
    if arguments.project:
        step = f"mkdir /out && cd /work/project && {MAKE.format(out='/out', prefix='')}"
        cross = f"cd {work}/work/project && {MAKE.format(out='{out}', prefix=CROSS)}"
        yield Workload("C++ project", step, cross=cross)
    for archive in sorted(arguments.sources.glob("*.tar.*")) if arguments.sources else []:
        words = {"archive": f"/work/sources/{archive.name}", "place": "/tmp/s", "out": "/out", "options": ""}
        native = {"archive": f"{work}/work/sources/{archive.name}", "place": "{out}/s", "out": "{out}",
                  "options": f"--host={CROSS[:-1]}"}
        for name, command in ((f"configure of {archive.name}", CONFIGURE), (f"configure and make of {archive.name}", CONFIGURE + BUILD)):
            yield Workload(name, (command + KEEP).format(**words), cross=command.format(**native))
    if arguments.crate:
        yield Workload(f"cargo build of {arguments.crate.name}", CARGO)
    for part in sorted(arguments.corpus.glob("part-*.sh")) if arguments.corpus else []:
        yield Workload(f"corpus, {part.stem}", f"mkdir /out && ln -s /work/corpus /corpus && export LC_ALL=C && sh /corpus/{part.name}")


def make_layer(arguments, work, blobs):
    folder = work / "work"
    folder.mkdir()
    for name in ("sdists", "wheels", "sources", "corpus"):
        if getattr(arguments, name):
            shutil.copytree(getattr(arguments, name), folder / name)
    if arguments.crate:
        shutil.copytree(arguments.crate, folder / "crate")
    if arguments.project:
        for part in accelerated_project.PARTS:
            shutil.copytree(arguments.project / part, folder / "project" / part)
        print(f"C++ project: {accelerated_project.write_makefile(folder / 'project', arguments.every)} files", flush=True)
    return worker_steps.folder_layer(folder, "work", blobs)[0]


def cross_compile(command, work):
    out = work / "cross"
    out.mkdir()
    begun = time.monotonic()
    result = subprocess.run(["bash", "-c", command.format(out=out)], capture_output=True, text=True, check=False)
    seconds = time.monotonic() - begun
    shutil.rmtree(out)
    if result.returncode != 0:
        print(f"not cross compiled: {result.stderr[-500:]}", flush=True)
        return None
    return seconds


def one_turn(arguments, runner, parents, workload, order):
    """{way: (seconds, step, processes)}."""
    taken = {}
    for way in order:
        if way == "cross":
            if workload.cross and (seconds := cross_compile(workload.cross, runner.work)) is not None:
                taken[way] = (seconds, None, [])
            continue
        with step_processes.accounting() if arguments.account else contextlib.nullcontext([]) as processes:
            accelerate, sets = WAYS[way]
            step = runner.run(parents, workload.step, accelerate or arguments.with_set, sets)
        if step.get("exitCode", 0) or step.get("failure"):
            worker_steps.fail(f"{workload.name}, {way}: {step.get('failure') or step['exitCode']}")
        taken[way] = (worker_steps.seconds_of(step), step, processes)
    return taken


def tell(workload, taken, equal):
    slow, quick, fast = (taken[way][0] for way in WAYS)
    cross = f", cross compiled {taken['cross'][0]:.1f} s" if "cross" in taken else ""
    print(f"{workload.name}: emulated {slow:.1f} s, quick processor {quick:.1f} s, with the set {fast:.1f} s{cross}, {slow / fast:.2f} times, "
          f"{'equal' if equal else 'NOT EQUAL'}", flush=True)
    for way, (_, _, processes) in taken.items():
        whole = sum(row[2] for row in processes)
        if processes:
            each = ", ".join(f"{name} {seconds:.1f} s ({calls})" for name, calls, seconds in processes[:12])
            print(f"  {way}: {whole:.1f} s of processors: {each}", flush=True)


def measure(arguments, work):
    (work / "blobs").mkdir()
    blobs = worker_steps.Blobs(work / "blobs")
    parents = [*worker_steps.base_layers(arguments.base, "arm64", blobs), make_layer(arguments, work, blobs)]
    runner = worker_steps.Runner(arguments.worker, arguments.set.parent, "arm64", blobs, work)
    # Layers are unpacked by this, too, by nobody's time.
    as_debian = [*parents, runner.run(parents, PREPARE + "true", "off")["layer"]]
    plain = [*parents, runner.run(parents, PREPARE + PLAIN, "off")["layer"]] if arguments.sdists else []
    results = {}
    for number in range(arguments.rounds):
        for workload in workloads(arguments, work):
            if arguments.only and not any(word in workload.name for word in arguments.only):
                continue
            ways = [*WAYS, "cross"]
            taken = one_turn(arguments, runner, plain if workload.plain else as_debian, workload, ways if number % 2 == 0 else ways[::-1])
            if "acceleration" not in taken["accelerated"][1]:
                worker_steps.fail(f"{arguments.set} is not used: is it calibrated?")
            row = results.setdefault(workload.name, {**{way: [] for way in ways}, "equal": True})
            left = [runner.files(taken[way][1], "out") for way in WAYS]
            row["equal"] &= all(each == left[0] for each in left[1:])
            for way, told in taken.items():
                row[way].append(told[0])
            tell(workload, taken, row["equal"])
            if arguments.json:
                arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("set", type=pathlib.Path)
    parser.add_argument("--base", type=pathlib.Path, required=True)
    parser.add_argument("--sdists", type=pathlib.Path)
    parser.add_argument("--wheels", type=pathlib.Path)
    parser.add_argument("--project", type=pathlib.Path)
    parser.add_argument("--sources", type=pathlib.Path)
    parser.add_argument("--corpus", type=pathlib.Path)
    parser.add_argument("--crate", type=pathlib.Path)
    parser.add_argument("--only", action="append", help="workloads whose name has this; may be given more than once")
    parser.add_argument("--every", type=int, default=1, help="of the C++ files each N-th [%(default)s]")
    parser.add_argument("--hardened", action="store_true", help="archives with the flags of Debian's Python, which has the stack protector")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--account", action="store_true",
                        help="tell which processes took the time; needs root, and nobody else who does this")
    parser.add_argument("--uncalibrated", dest="with_set", action="store_const", const="trial", default="auto",
                        help="use all tools of the set, calibrated or not")
    parser.add_argument("--worker", type=pathlib.Path, default=ROOT / "build/release/bin/crossmill-worker")
    parser.add_argument("--json", type=pathlib.Path, help="also written here")
    arguments = parser.parse_args()
    arguments.set = arguments.set.resolve()
    with tempfile.TemporaryDirectory(prefix="crossmill-accelerated-builds.", dir="/var/tmp") as folder:
        work = pathlib.Path(folder)
        work.chmod(0o755)
        results = measure(arguments, work)
    load = pathlib.Path("/proc/loadavg").read_text().split()[0]
    print(f"\nload {load}, {subprocess.run(['nproc'], capture_output=True, text=True, check=True).stdout.strip()} processors")
    print("| what | emulated | quick processor | with the set | times | cross compiled | result |\n|---|---|---|---|---|---|---|")
    for name, row in results.items():
        slow, quick, fast = (statistics.median(row[way]) for way in WAYS)
        ratio = statistics.median(a / b for a, b in zip(row["emulated"], row["accelerated"]))
        cross = f"{statistics.median(row['cross']):.1f} s" if row["cross"] else "-"
        print(f"| {name} | {slow:.1f} s | {quick:.1f} s | {fast:.1f} s | {ratio:.1f} | {cross} | {'equal' if row['equal'] else 'differs'} |")


if __name__ == "__main__":
    main()
