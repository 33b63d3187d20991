#!/usr/bin/env python3
"""What builds on emulated arm64 take with and without an accelerator set (docs/accelerators.md), as ratios.

Each workload is one RUN of the real worker in its real sandbox, in turn without and with the set, in every round in another order;
what both left is compared. Loads of the machine change both alike, so ratios are told beside the times.

    accelerated_builds.py SET --base ARCHIVE --sdists FOLDER --corpus FOLDER [--sources ARCHIVE] [--only NAME] [--rounds N]

`--sdists` has source distributions of Python packages with C or C++ extensions (pip download --no-binary :all: --no-deps), `--corpus` is made by
scripts/make-accelerator-corpus, `--sources` is a tar archive with a `configure`.
"""
import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import worker_steps  # noqa: E402

# As the flags of a Python from python.org: Debian's own have the stack protector, with which compilers stay emulated on bookworm.
PLAIN = "sed -i 's/-fstack-protector-strong//g' $(python3 -c 'import sysconfig; print(sysconfig.__file__.rsplit(\"/\", 1)[0])')" \
        "/_sysconfigdata_*.py && "
# Unpacked at a place of its own: pip's is called by chance, and is in the debug information.
WHEEL = "mkdir -p /out /tmp/s && cd /tmp/s && tar --strip-components=1 -xf /work/sdists/{sdist} && " \
        "pip3 wheel -q --no-deps --no-build-isolation --no-index --wheel-dir /out ."
# Objects only: the sources of a library, two at a time.
FILES = "mkdir -p /out && cd /work/corpus/taglib && touch taglib/taglib_config.h && export CXXFLAGS='-DTAGLIB_STATIC -O2 {flags}' && " \
        "ls taglib/*/*.cpp taglib/*/*/*.cpp | awk 'NR % {every} == 0' | xargs -P 2 -n 1 sh -c " \
        "'g++ $CXXFLAGS $(find taglib -type d | sed s/^/-I/) -c $0 -o /out/$(basename $0).o'"
CONFIGURE = "mkdir -p /tmp/s /out && cd /tmp/s && tar --strip-components=1 -xf /work/{archive} && ./configure >/out/said 2>&1 && cp config.status /out"


def workloads(arguments):
    for sdist in sorted(arguments.sdists.glob("*.tar.gz")) if arguments.sdists else []:
        name = sdist.name.removesuffix(".tar.gz")
        yield f"{name}", PLAIN + WHEEL.format(sdist=sdist.name)
    if arguments.sdists and (arguments.sdists / "MarkupSafe-2.1.5.tar.gz").exists():
        yield "MarkupSafe-2.1.5, Debian's flags", WHEEL.format(sdist="MarkupSafe-2.1.5.tar.gz")
    yield "C++ files", FILES.format(flags="", every=arguments.every)
    if arguments.sources:
        yield f"configure of {arguments.sources.name}", CONFIGURE.format(archive=arguments.sources.name)


def make_layer(arguments, work, blobs):
    folder = work / "work"
    folder.mkdir()
    if arguments.sdists:
        shutil.copytree(arguments.sdists, folder / "sdists")
    (folder / "corpus").mkdir()
    shutil.copytree(arguments.corpus / "taglib", folder / "corpus" / "taglib")
    if arguments.sources:
        shutil.copy(arguments.sources, folder)
    return worker_steps.folder_layer(folder, "work", blobs)[0]


def measure(arguments, work):
    (work / "blobs").mkdir()
    blobs = worker_steps.Blobs(work / "blobs")
    parents = [*worker_steps.base_layers(arguments.base, "arm64", blobs), make_layer(arguments, work, blobs)]
    runner = worker_steps.Runner(arguments.worker, arguments.set.parent, "arm64", blobs, work)
    # Layers are unpacked once, by nobody's time.
    runner.run(parents, "true", "off")
    results = {}
    for number in range(arguments.rounds):
        for name, command in workloads(arguments):
            if arguments.only and arguments.only not in name:
                continue
            steps = {}
            for way in ("off", "auto") if number % 2 == 0 else ("auto", "off"):
                steps[way] = runner.run(parents, command, way)
            if "acceleration" not in steps["auto"]:
                worker_steps.fail(f"{arguments.set} is not used: is it calibrated?")
            row = results.setdefault(name, {"off": [], "auto": [], "equal": True})
            for way, step in steps.items():
                row[way].append(worker_steps.seconds_of(step))
            row["equal"] = row["equal"] and runner.files(steps["off"], "out") == runner.files(steps["auto"], "out")
            ratios = [slow / fast for slow, fast in zip(row["off"], row["auto"])]
            print(f"{name}: emulated {row['off'][-1]:.1f} s, accelerated {row['auto'][-1]:.1f} s, {ratios[-1]:.2f} times, "
                  f"{'equal' if row['equal'] else 'NOT EQUAL'}", flush=True)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("set", type=pathlib.Path)
    parser.add_argument("--base", type=pathlib.Path, required=True)
    parser.add_argument("--sdists", type=pathlib.Path)
    parser.add_argument("--corpus", type=pathlib.Path, required=True)
    parser.add_argument("--sources", type=pathlib.Path)
    parser.add_argument("--only", help="workloads whose name has this")
    parser.add_argument("--every", type=int, default=1, help="of the C++ files each N-th [%(default)s]")
    parser.add_argument("--rounds", type=int, default=1)
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
    print("| what | emulated | accelerated | times | result |\n|---|---|---|---|---|")
    for name, row in results.items():
        slow, fast = statistics.median(row["off"]), statistics.median(row["auto"])
        ratio = statistics.median(a / b for a, b in zip(row["off"], row["auto"]))
        print(f"| {name} | {slow:.1f} s | {fast:.1f} s | {ratio:.1f} | {'equal' if row['equal'] else 'differs'} |")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
