#!/usr/bin/env python3
"""Random faults on real farms: whatever is killed, stopped, cut off, filled or damaged, nothing promised is lost.

Without arguments the first rounds of fixed seeds, as scripts/test runs them; CROSSMILL_FAULT_ROUNDS says how many, and
CROSSMILL_FAULT_SEED where they begin. One round alone, with its timeline:

    python3 faults_test.py --seed 17
"""
import argparse
import collections
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import sys
import time
import traceback
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import agents
import faults
import machine
import recipes
from farm import SKIPPED, Farm, require_program, require_root_and_user, tiny_archive
from fault_round import Round
from plan import FAULTS, make_plan

USUAL_ROUNDS = 20
# Rounds that found something, played again each time: 3140, a worker whose clock is set back by an hour while it waits for the
# coordinator to come again; 20170, a disk that was full in the middle of a step and not at its end.
FOUND = (3140, 20170)
KEPT = pathlib.Path(os.environ.get("CROSSMILL_FAULT_LOGS", "/var/tmp/crossmill-faults"))


def references(plans):
    """Image digests by kind and salt, from a farm that nothing disturbs."""
    wanted = sorted({(build.kind, build.salt) for plan in plans for build in plan.builds
                     if recipes.end_of(build.kind) == recipes.SUCCEEDED})
    found = {}
    with Farm(workers=2, slots=4) as farm:
        farm.import_base("tiny", tiny_archive())
        environment = {**farm.environment(), "PLANTED": "a value of the reference farm"}
        farm.environment = lambda: environment
        clients = {}
        for kind, salt in wanted:
            context = farm.folder / "contexts" / f"{kind}-{salt}"
            recipes.write(context, kind, salt)
            clients[kind, salt] = farm.start_build(context, "--json", *recipes.options_of(kind))
        for recipe, client in clients.items():
            out, err = client.communicate(timeout=300)
            if client.returncode != 0:
                raise AssertionError(f"the undisturbed farm did not build {recipe}: {out}{err}")
            cell, = json.loads(out)["cells"]
            found[recipe] = cell["image_digest"]
    return found


class Driver:
    """Plays rounds, some at a time, and tells what did not hold with how to play it again."""

    def __init__(self, options):
        self.options = options
        self.plans = [make_plan(seed, options.builds, options.faults, options.only) for seed in options.seeds]
        self.counts = collections.Counter()
        self.failed = []

    def run(self):
        # Made once, before there are threads.
        agents.key()
        known = references(self.plans)
        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(self.options.at_a_time) as pool:
            rounds = [pool.submit(self._play, plan, known) for plan in self.plans]
            try:
                for plan, future in zip(self.plans, rounds):
                    wrong, counts = future.result()
                    self.counts.update(counts)
                    if wrong:
                        self.failed.append(plan.seed)
            except KeyboardInterrupt:
                # Those that have begun clean up after themselves.
                print("ending with the rounds that are under way", flush=True)
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        told = ", ".join(f"{count} {what}" for what, count in sorted(self.counts.items()))
        print(f"{len(self.plans)} rounds in {time.monotonic() - began:.0f} s: {told}; failed: {self.failed or 'none'}",
              flush=True)
        return not self.failed

    def _play(self, plan, known):
        began = time.monotonic()
        if machine.library() is None:
            plan = dataclasses.replace(plan, faults=tuple(each for each in plan.faults if not faults.needs_library(each)))
        one = Round(plan, known, self.options.strict, print if self.options.trace else None)
        one.spares_base = not self.options.damage_base
        logs = self.options.logs / f"seed-{plan.seed}"
        shutil.rmtree(logs, ignore_errors=True)
        try:
            wrong = one.run(keep=logs)
        except Exception:  # pylint: disable=broad-except
            wrong = ["the driver: " + traceback.format_exc()]
        one.counts["builds"] += len(one.submissions)
        for each in plan.faults:
            one.counts[f"x {each.kind}"] += 1
        lines = [f"round {plan.seed}: {'FAILED' if wrong else 'ok'} in {time.monotonic() - began:.1f} s; "
                 + ", ".join(f"{each.kind} {each.target}" for each in plan.faults)]
        if wrong:
            lines += [f"  {sentence}" for sentence in wrong]
            lines.append(f"  alone: {self._alone(plan.seed)}; logs, record and timeline: {logs}")
        print("\n".join(lines), flush=True)
        return wrong, one.counts

    def _alone(self, seed):
        words = [f"--{name} {value}" for name, value in (("builds", self.options.builds), ("faults", self.options.faults))
                 if value]
        words += [f"--only {kind}" for kind in self.options.only] + (["--strict"] if self.options.strict else [])
        words += ["--damage-base"] if self.options.damage_base else []
        return " ".join(["python3 tests/e2e/faults/faults_test.py --trace", f"--seed {seed}", *words])


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, help="this round alone")
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("CROSSMILL_FAULT_ROUNDS", USUAL_ROUNDS)))
    parser.add_argument("--first", type=int, default=int(os.environ.get("CROSSMILL_FAULT_SEED", 1)), help="seed of the first")
    parser.add_argument("--at-a-time", type=int, default=4, help="rounds side by side")
    parser.add_argument("--builds", type=int, default=0, help="how many in a round (default: drawn)")
    parser.add_argument("--faults", type=int, default=0, help="how many in a round (default: drawn)")
    parser.add_argument("--only", action="append", default=[], choices=sorted(FAULTS), help="faults of this kind only")
    parser.add_argument("--strict", action="store_true", default=bool(os.environ.get("CROSSMILL_FAULT_STRICT")),
                        help="an inconclusive verdict is a failure")
    parser.add_argument("--damage-base", action="store_true", help="blobs of the base image are damaged, too")
    parser.add_argument("--trace", action="store_true", help="print what happens when")
    parser.add_argument("--logs", type=pathlib.Path, default=KEPT, help="where those of failed rounds are kept")
    found = parser.parse_args()
    chosen = [*range(found.first, found.first + found.rounds)]
    found.seeds = [found.seed] if found.seed is not None else chosen + [seed for seed in FOUND if seed not in chosen]
    return found


def main():
    options = arguments()
    try:
        require_root_and_user()
        require_program("unshare", "nsenter", "ip", "pgrep")
        tiny_archive()
    except unittest.SkipTest as reason:
        print(f"skipped: {reason}")
        return SKIPPED
    if machine.library() is None:
        print("skipped: power cuts and jumps of clocks, which need a C compiler")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return 0 if Driver(options).run() else 1
    except KeyboardInterrupt:
        return 130
    finally:
        machine.remove_library()
        agents.remove()


if __name__ == "__main__":
    sys.exit(main())
