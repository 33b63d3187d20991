#!/usr/bin/env python3
"""What `--verify 3` on three workers costs beside one execution, in turns: tests/bench/replicas.py [--rounds N] [--seconds S]

Steps that sleep, so that the processors of this machine do not matter: six of them, and one that takes as long as all, on
a root with glibc (replicas are shown another clock and run at once), on a root with a static shell (they wait until the
first execution of the step has ended, and two seconds), and with --vary none (nothing is waited for). Prints medians and
ratios. Needs root, the stand-in for debian:bookworm, and $CROSSMILL_BIN, else build/release/bin.
"""
import argparse
import pathlib
import statistics
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "e2e")]

import farm  # noqa: E402
import stand_ins  # noqa: E402

GLIBC = "debian:bookworm"
CASES = (("glibc", GLIBC, ()), ("static shell", "tiny", ()), ("--vary none", GLIBC, ("--vary", "none")))


def build(running, folder, *flags):
    began = time.monotonic()
    result = running.build(folder, "--no-cache", "--network", "none", *flags)
    if result.returncode != 0:
        raise SystemExit(result.stderr[-3000:])
    return time.monotonic() - began


def measure(running, folder, rounds, base, steps, seconds, vary):
    runs = "".join(f"RUN sleep {seconds} && echo {number} >/{number}\n" for number in range(steps))
    (folder / "Dockerfile").write_text(f"FROM {base}\n{runs}")
    alone, verified = [], []
    for _ in range(rounds):
        alone.append(build(running, folder))
        verified.append(build(running, folder, "--verify", "3", "--allow-same-host", "--require", "reproducible", *vary))
    ratio = statistics.median(many / one for one, many in zip(alone, verified))
    return statistics.median(alone), statistics.median(verified), ratio


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3, help="that each of the six steps sleeps")
    arguments = parser.parse_args()
    archive = stand_ins.find(GLIBC)
    if archive is None:
        raise SystemExit(stand_ins.why_missing(GLIBC))
    with farm.Farm(workers=3, slots=1) as running, tempfile.TemporaryDirectory() as name:
        running.import_base(GLIBC, archive)
        running.import_base("tiny", farm.tiny_archive())
        folder = pathlib.Path(name)
        for base in (GLIBC, "tiny"):  # so that every worker has them unpacked
            measure(running, folder, 1, base, 1, 1, ())
        for steps, seconds in ((6, arguments.seconds), (1, 6 * arguments.seconds)):
            for title, base, vary in CASES:
                one, many, ratio = measure(running, folder, arguments.rounds, base, steps, seconds, vary)
                print(f"{steps} x {seconds} s, {title}: one execution {one:.1f} s, three {many:.1f} s: {ratio:.2f} times",
                      flush=True)


if __name__ == "__main__":
    main()
