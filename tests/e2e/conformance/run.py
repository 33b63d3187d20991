#!/usr/bin/env python3
"""Builds every case of cases/ with Crossmill and compares the image with the stored one.

    run.py [--only PATTERN ...] [--jobs N] [--peers all|buildkit,docker,classic,buildah] [--update] [--verbose]
    run.py --through-buildx [--only PATTERN ...]      the same farm, asked by buildx

With --peers the same cases are given to other builders in the same run, and where the reference differs from
the stored result without the case saying so, that is wrong too. --update rewrites the stored results from the
builder that a case names as its origin, the newest BuildKit unless it says otherwise. docs/conformance.md says
how to add a case.

CROSSMILL_BIN names the folder of the programs. Exit code: 0 all agree, 1 not, 77 nothing could run.
"""
import argparse
import concurrent.futures
import contextlib
import datetime
import difflib
import fnmatch
import pathlib
import re
import shutil
import signal
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import bases  # noqa: E402
import builders  # noqa: E402
import case as cases  # noqa: E402
import daemons  # noqa: E402
import farm  # noqa: E402
import flatten  # noqa: E402
import portrait  # noqa: E402
import servers  # noqa: E402

PEERS = ("buildkit", "docker", "classic", "buildah")
REFERENCE = "buildkit"
BUILDX = daemons.PEERS_BIN / "buildx"
DIFF_LINES = 40


class Run:
    """One run over chosen cases. Outcomes are collected per case and builder."""

    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.problems = []     # (case, builder, text): make the run fail
        self.notes = []        # (case, builder, text): do not
        self.open = []         # (case, why): known to be wrong with ours
        self.seconds = {}      # (case, builder) -> seconds
        self.base = None
        self.updated = 0

    def prepare_bases(self):
        (self.folder / "bases").mkdir()
        self.layouts = bases.make_all(self.folder / "bases")
        self.base = next(iter(flatten.read_archive(self.layouts["base"]).values()))[0]

    def load_bases(self, builder):
        for name, layout in self.layouts.items():
            builder.load(name, layout)

    # ---- one case with one builder ----

    def build(self, case, builder, dockerfile=None):
        """(Outcome, lines of the image or None)."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{case.name}-{builder.name}-", dir=self.folder))
        folder.chmod(0o755)
        prepared = cases.prepare(case, folder, self.server, self.agent.socket)
        self.server.set_times(case.name)
        start = time.monotonic()
        if case.twice:
            builder.build(prepared, dockerfile)
        outcome = builder.check(prepared) if case.check else builder.build(prepared, dockerfile)
        self.seconds[case.name, builder.name] = time.monotonic() - start
        lines = None
        if case.check:
            lines = portrait.findings(outcome.findings)
        elif outcome.code == 0:
            lines = []
            for platform, (nodes, document) in sorted(flatten.read_archive(outcome.archive).items()):
                lines += portrait.portrait(platform, nodes, document, self.base, self.server.root_url)
        if not self.options.keep:
            shutil.rmtree(folder, ignore_errors=True)
        return outcome, lines

    def expected(self, case):
        """(lines that must agree, history), or None where nothing is stored."""
        if not case.expected_file.exists():
            return None
        lines = case.expected_file.read_text().splitlines()
        return portrait.split_history([line for line in lines if not line.startswith("origin: ")])

    def judge_ours(self, case, builder):
        faults = self.faults_of_ours(case, builder)
        if case.open and faults:
            self.open.append((case.name, case.open))
        elif case.open:
            self.problems.append((case.name, "ours", "is right now: take `open` out of its case.json"))
        else:
            self.problems += [(case.name, "ours", fault) for fault in faults]

    def faults_of_ours(self, case, builder):
        """What is wrong with ours, as texts."""
        outcome, lines = self.build(case, builder)
        if self.options.verbose:
            print(f"==== {case.name}\n{outcome.output}", flush=True)
        code, patterns, how = (case.exit_code, case.fails, "fails") if case.fails else (0, case.says, "succeeds")
        if outcome.code != code:
            return [f"exit code {outcome.code}, expected {code}: {tail(outcome.output)}"]
        faults = [f"{how} without saying {pattern!r}: {tail(outcome.output)}"
                  for pattern in patterns if not re.search(pattern, outcome.output)]
        if case.fails:
            return faults
        stored = self.expected(case)
        if stored is None:
            return [*faults, "no stored result: run.py --update makes it"]
        hard, soft = portrait.split_history(lines)
        if hard != stored[0]:
            faults.append(difference(stored[0], hard, "expected", "ours"))
        if stored[1] and soft != stored[1] and not case.skip_history:
            self.notes.append((case.name, "history", difference(stored[1], soft, "expected", "ours")))
        return faults

    def beside_the_stored(self, case, builder, outcome, lines):
        """In what it differs from the stored result; empty: in nothing; None: there is none to compare with."""
        if case.fails:
            return "" if outcome.code != 0 else "succeeds"
        if outcome.code != 0:
            return f"exit code {outcome.code}: {tail(outcome.output)}"
        stored = self.expected(case)
        if stored is None:
            return None
        hard = portrait.split_history(lines)[0]
        return "" if hard == stored[0] else difference(stored[0], hard, "expected", builder.name)

    def judge_buildx(self, case, builder):
        """Docker's client in front of ours: the same images; errors in its own words."""
        outcome, lines = self.build(case, builder)
        if self.options.verbose:
            print(f"==== {case.name}\n{outcome.output}", flush=True)
        said = self.beside_the_stored(case, builder, outcome, lines)
        if said is None:
            return
        if said and case.open:
            self.open.append((case.name, case.open))
        elif said and REFERENCE in case.peers:
            # The client's own doing, whatever it asks.
            self.notes.append((case.name, builder.name, f"{case.peers[REFERENCE]}: {said}"))
        elif said:
            self.problems.append((case.name, builder.name, said))

    def judge_peer(self, case, builder):
        documented = case.peers.get(builder.name, "")
        if documented.startswith("cannot:") and not self.options.all_peers:
            return
        if case.check and not hasattr(builder, "check"):
            return
        outcome, lines = self.build(case, builder)
        said = self.beside_the_stored(case, builder, outcome, lines)
        if said is None:
            return
        if said and not documented:
            # The older ones are for comparing: what they do is no reason to change anything.
            (self.problems if builder.name == REFERENCE else self.notes).append((case.name, builder.name, said))
        elif documented and not said:
            self.notes.append((case.name, builder.name, f"agrees, though documented: {documented}"))

    def update(self, case, peers, ours):
        """Stores the result of the case's origin."""
        if case.fails:
            return
        builder, dockerfile, origin = self.source_of(case, peers, ours)
        if builder is None:
            self.problems.append((case.name, case.origin, "its origin takes no part in this run"))
            return
        outcome, lines = self.build(case, builder, dockerfile)
        if outcome.code != 0:
            self.problems.append((case.name, builder.name, f"exit code {outcome.code}: {tail(outcome.output)}"))
            return
        if dockerfile or case.skip_history or case.origin == "specification":
            lines = portrait.split_history(lines)[0]
        self.store(case, origin, lines)

    def store(self, case, origin, lines):
        """The first line says whose result it is and since when: the day is kept while nothing else changes."""
        origin = f"origin: {origin}, "
        before = case.expected_file.read_text().splitlines() if case.expected_file.exists() else [""]
        if before[0].startswith(origin) and before[1:] == lines:
            return
        case.expected_file.write_text("\n".join([f"{origin}{datetime.date.today()}", *lines]) + "\n")
        self.updated += 1
        print(f"updated {case.name} ({origin[8:-2]})", flush=True)

    def source_of(self, case, peers, ours):
        if case.origin != "specification":
            peer = peers.get(case.origin)
            return peer, None, peer and peer.title
        if case.equivalent.exists():
            peer = peers.get(REFERENCE)
            return peer, case.equivalent, peer and f"specification, by equivalent.Dockerfile built with {peer.title}"
        # Checked by hand against the reference before it is committed.
        return (ours if self.options.accept else None), None, "specification, checked by hand"

    # ---- all ----

    def each(self, chosen, function, *arguments):
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            waiting = {pool.submit(function, case, *arguments): case for case in chosen}
            try:
                for future in concurrent.futures.as_completed(waiting):
                    case = waiting[future]
                    try:
                        future.result()
                    except Exception as error:  # a broken case must not hide the others
                        self.problems.append((case.name, "runner", f"{type(error).__name__}: {error}"))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def everything(self, chosen):
        self.prepare_bases()
        with servers.Server(self.folder / "served") as self.server, servers.Agent(self.folder / "agent") as self.agent:
            if self.options.update and not self.options.accept:
                self.with_peers(chosen, None)
                return
            with farm.Farm(workers=self.options.workers, slots=4) as own:
                ours = builders.Ours(own)
                self.load_bases(ours)
                if self.options.through_buildx:
                    client = builders.ThroughBuildx(own, self.options.through_buildx, self.folder / "buildx")
                    if client.problem:
                        raise RuntimeError(client.problem)
                    self.each(chosen, self.judge_buildx, client)
                    return
                if not self.options.update:
                    self.each(chosen, self.judge_ours, ours)
                if self.options.peers or self.options.update:
                    self.with_peers(chosen, ours)

    def with_peers(self, chosen, ours):
        names = self.options.peers or PEERS
        with contextlib.ExitStack() as started:
            usable = {}
            for name in names:
                peer = self.start_peer(name, started)
                if peer.problem:
                    print(f"{name} takes no part: {peer.problem}")
                    continue
                self.load_bases(peer)
                usable[name] = peer
            if self.options.update:
                self.each(chosen, self.update, usable, ours)
            else:
                for peer in usable.values():
                    self.each(chosen, self.judge_peer, peer)

    def start_peer(self, name, started):
        """The peer with a daemon of its own, which ends with `started`."""
        folder = self.folder / f"peer-{name}"
        if name == "buildkit":
            registry = started.enter_context(daemons.Registry(folder, farm.free_port()))
            return builders.BuildKit(started.enter_context(daemons.BuildKit(folder, registry)))
        if name == "buildah":
            return started.enter_context(contextlib.closing(builders.Buildah(folder)))
        return builders.Docker(started.enter_context(daemons.DockerDaemon(folder)), name == "docker")


def tail(text, lines=12):
    return "\n      ".join([""] + [line[:300] for line in text.strip().splitlines()[-lines:]])


def difference(before, after, first, second):
    lines = list(difflib.unified_diff(before, after, first, second, lineterm="", n=0))[:DIFF_LINES]
    return "\n      ".join(["differs:"] + [line[:300] for line in lines if not line.startswith("@@")])


def choose(all_cases, patterns):
    if not patterns:
        return all_cases
    chosen = [case for case in all_cases if any(fnmatch.fnmatch(case.name, pattern) for pattern in patterns)]
    if not chosen:
        raise SystemExit(f"no case matches {' '.join(patterns)}")
    return chosen


def report(run, chosen, seconds):
    for name, builder, text in sorted(run.notes) if run.options.notes else []:
        print(f"note  {name} [{builder}] {text}")
    for name, why in sorted(run.open):
        print(f"open  {name}: {why}")
    for name, builder, text in sorted(run.problems):
        print(f"WRONG {name} [{builder}] {text}")
    print()
    print(f"{'builder':10} {'cases':>6} {'wrong':>6} {'seconds':>8}")
    for builder in ("ours", "buildx", *PEERS, "runner"):
        times = [value for (_, other), value in run.seconds.items() if other == builder]
        wrong = {name for name, other, _ in run.problems if other == builder}
        if times or wrong:
            print(f"{builder:10} {len(times):6} {len(wrong):6} {sum(times):8.1f}")
    histories = sum(1 for _, kind, _ in run.notes if kind == "history")
    wrong = {name for name, _, _ in run.problems}
    if run.options.update:
        print(f"{run.updated} stored results changed")
    print(f"{len(chosen)} cases in {seconds:.1f} s, {len(run.open)} of them open; "
          f"{histories} with another history than the stored one")
    print(f"{len(chosen) - len(wrong) - len(run.open)} passed, {len(wrong)} failed, {len(run.open)} skipped")
    return 1 if wrong else 0


def options_of(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[], metavar="PATTERN", help="names of cases, * and ? allowed")
    parser.add_argument("--peers", default="", help=f"all, or a list of {', '.join(PEERS)}")
    parser.add_argument("--through-buildx", nargs="?", const=str(BUILDX), metavar="PROGRAM",
                        help=f"ours, asked by Docker's client [{BUILDX.name} of scripts/install-buildkit]")
    parser.add_argument("--all-peers", action="store_true", help="also the peers that a case says cannot build it")
    parser.add_argument("--update", action="store_true", help="rewrite the stored results from their origins")
    parser.add_argument("--accept", action="store_true", help="with --update: ours for specifications without equivalent")
    parser.add_argument("--jobs", type=int, default=4, help="cases at the same time [4]")
    parser.add_argument("--workers", type=int, default=1, help="workers of our farm [1]")
    parser.add_argument("--notes", action="store_true", help="show notes: other histories, peers that agree after all")
    parser.add_argument("--verbose", action="store_true", help="show what our builds print")
    parser.add_argument("--keep", action="store_true", help="keep contexts and images")
    parser.add_argument("--list", action="store_true", help="list the cases and end")
    options = parser.parse_args(arguments)
    options.peers = list(PEERS) if options.peers == "all" else [name for name in options.peers.split(",") if name]
    unknown = set(options.peers) - set(PEERS)
    if unknown:
        parser.error(f"unknown peers: {', '.join(sorted(unknown))}")
    return options


def main(arguments):
    options = options_of(arguments)
    chosen = choose(cases.load_all(), options.only)
    if options.list:
        for case in chosen:
            print(f"{case.name:40} {case.about}")
        return 0
    try:
        farm.require_root_and_user()
        farm.require_program("skopeo", "git")
        farm.tiny_archive()
        if options.through_buildx and not pathlib.Path(options.through_buildx).exists():
            raise unittest.SkipTest("needs buildx: scripts/install-buildkit makes it")
    except unittest.SkipTest as reason:
        print(f"skipped: {reason}")
        return farm.SKIPPED
    # So that everything started is ended and removed then too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-conformance-", dir="/var/tmp"))
    folder.chmod(0o755)
    start = time.monotonic()
    run = Run(options, folder)
    try:
        run.everything(chosen)
    finally:
        if options.keep:
            print("kept", folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return report(run, chosen, time.monotonic() - start)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
