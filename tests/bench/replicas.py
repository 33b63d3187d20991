#!/usr/bin/env python3
"""What `--verify 3` on three workers costs beside one execution, in turns: tests/bench/replicas.py [--rounds N] [--seconds S]

Steps that sleep, so that the processors of this machine do not matter: chains of them, and one that takes as long as six;
with the clock varied (the replica of each step waits for the first's end and another step of two seconds, and runs while the
first is at the next steps), and with --vary none (nothing is waited for). Prints medians and ratios. Needs root, and
$CROSSMILL_BIN, else build/release/bin.
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

CASES = (("clock varied", ()), ("--vary none", ("--vary", "none")))


def build(running, folder, *flags):
    began = time.monotonic()
    result = running.build(folder, "--no-cache", "--network", "none", *flags)
    if result.returncode != 0:
        raise SystemExit(result.stderr[-3000:])
    return time.monotonic() - began


def measure(running, folder, rounds, steps, seconds, vary):
    runs = "".join(f"RUN sleep {seconds} && echo {number} >/{number}\n" for number in range(steps))
    (folder / "Dockerfile").write_text(f"FROM tiny\n{runs}")
    alone, verified = [], []
    for _ in range(rounds):
        alone.append(build(running, folder))
        verified.append(build(running, folder, "--verify", "3", "--allow-same-host", "--require", "reproducible", *vary))
    ratio = statistics.median(many / one for one, many in zip(alone, verified))
    return statistics.median(alone), statistics.median(verified), ratio


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3, help="that each step of the chains sleeps")
    arguments = parser.parse_args()
    with farm.Farm(workers=3, slots=1) as running, tempfile.TemporaryDirectory() as name:
        running.import_base("tiny", farm.tiny_archive())
        folder = pathlib.Path(name)
        measure(running, folder, 1, 1, 1, ())  # so that every worker has it unpacked
        for steps, seconds in ((6, arguments.seconds), (20, arguments.seconds), (1, 6 * arguments.seconds)):
            for title, vary in CASES:
                one, many, ratio = measure(running, folder, arguments.rounds, steps, seconds, vary)
                print(f"{steps} x {seconds} s, {title}: one execution {one:.1f} s, three {many:.1f} s: {ratio:.2f} times",
                      flush=True)


if __name__ == "__main__":
    main()
