#!/usr/bin/env python3
"""Measures compiling ahead against pip alone in one run, taking turns: tests/bench/ahead.py [--rounds N]

A cold install with eight source archives, some seconds of compiling each, on a farm of two workers; then the second build of
a changed requirements file. Prints medians and the ratio. Needs root, the stand-in for python:3.11, and $CROSSMILL_BIN, else
build/release/bin.
"""
import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "e2e")]

import farm  # noqa: E402
import stand_ins  # noqa: E402

NAMES = [f"slow{i}" for i in range(9)]
RECIPE = "FROM python:3.11\nCOPY requirements.txt /tmp/\nRUN pip install --no-cache-dir -r /tmp/requirements.txt\n"


def build(running, folder, names, *flags):
    (folder / "requirements.txt").write_text("\n".join(names) + "\n")
    began = time.monotonic()
    result = running.build(folder, *flags)
    if result.returncode != 0:
        raise SystemExit(result.stderr[-3000:])
    return time.monotonic() - began


def measure(running, folder, rounds):
    (folder / "Dockerfile").write_text(RECIPE)
    times = {"pip alone": [], "ahead": []}
    for _ in range(rounds):
        times["pip alone"].append(build(running, folder, NAMES[:8], "--no-cache", "--no-compile-ahead",
                                        "--no-wheel-cache"))
        times["ahead"].append(build(running, folder, NAMES[:8], "--no-cache"))
    alone, ahead = (statistics.median(times[side]) for side in ("pip alone", "ahead"))
    print(f"eight archives: pip alone {alone:.1f} s, compiled ahead {ahead:.1f} s: {alone / ahead:.2f} times as fast")
    print(f"one more, the eight kept: {build(running, folder, NAMES):.1f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    archive = stand_ins.find("python:3.11")
    if archive is None:
        raise SystemExit(stand_ins.why_missing("python:3.11"))
    words = [word for name in NAMES for word in ("--package", f"{name}==1.0:slow-c-sdist")]
    index = subprocess.Popen([sys.executable, HERE.parent / "support/package_index.py", *words], stdout=subprocess.PIPE,
                             text=True)
    url = index.stdout.readline().strip()
    try:
        with farm.Farm(workers=2, worker_options=["--index-url", url], coordinator_options=["--index-url", url],
                       worker_environment={"PIP_DISABLE_PIP_VERSION_CHECK": "1"}) as running, \
                tempfile.TemporaryDirectory() as name:
            running.import_base("python:3.11", archive)
            measure(running, pathlib.Path(name), rounds)
    finally:
        index.terminate()
        index.wait()


if __name__ == "__main__":
    main()
