"""The corpus of attacks: what a case is, and the farm that many of them share.

A case says what is sent, what stops it, and the sentence that a person sees; a class runs its cases one after the other against
one farm. After each, the coordinator is the same process and answers; after all, an honest build that is executed anew has the
digest that it had before, and nothing is left on disk, among the mounts and among the processes. `list_cases.py` writes the
table of docs/hostile.md from the same cases.
"""
import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import daemons
from farm import HttpCase, wait_for

# What a terminal would act on, or what would turn or forge a line: C0 but newline and tab, DEL, C1, marks that turn the writing
# direction, separators of lines, and what has no width.
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
# Ends what a name forges, colours, sets a title, turns, breaks lines.
NASTY = "a\x1b[31mred\x1b]0;title\x07\rover\u202egnp\u2028line\x9b2J"
KINDS = ("recipes", "contexts", "archives", "clients", "HTTP", "workers", "registries", "layers", "outputs", "steps", "terminals", "TLS")


@dataclasses.dataclass(frozen=True)
class Case:
    """`says` is a regular expression for what the person reads, with which the case is looked for in the answer. `sentence` is
    the same for the table, where it reads otherwise. Whatever else a case needs is in `data`, for the class that runs it."""
    name: str
    sends: str
    stops: str
    says: str
    data: object = None
    sentence: str = ""
    # What the farm does instead, as long as it does: the case has to fail.
    fault: str = ""

    def told(self):
        if self.sentence:
            return self.sentence
        return re.sub(r"\\(.)", r"\1", self.says.replace(".*", "...").replace(r"\d+", "N"))


def corpus(kind, cases):
    """Class decorator: a test for each case, run by the class's `run_case`."""
    assert kind in KINDS, kind

    def add(cls):
        names = set()
        for case in cases:
            assert case.name not in names, f"two cases {case.name}"
            names.add(case.name)

            def test(self, case=case):
                self.run_case(case)
            name = "test_" + re.sub(r"\W", "_", case.name)
            assert not hasattr(cls, name), name
            setattr(cls, name, unittest.expectedFailure(test) if case.fault else test)
        cls.corpus = [*getattr(cls, "corpus", []), *[(kind, case) for case in cases]]
        return cls
    return add


def descendants(*pids):
    """Processes below these, by command, as numbers change."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text(errors="replace")
        except OSError:
            continue
        name, fields = stat[stat.index("(") + 1:stat.rindex(")")], stat[stat.rindex(")") + 2:].split()
        parents[int(entry.name)] = (int(fields[1]), name)
    found, pending = [], list(pids)
    while pending:
        parent = pending.pop()
        for pid, (above, name) in parents.items():
            if above == parent:
                found.append(name)
                pending.append(pid)
    return sorted(found)


class HostileTest(HttpCase):
    """One farm for the cases of a class."""

    HONEST = "FROM tiny\nCOPY file /file\nRUN cat /file > /copy && echo honest\n"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.honest = tempfile.TemporaryDirectory(prefix="crossmill-context-", dir="/var/tmp")
        cls.addClassCleanup(cls.honest.cleanup)
        pathlib.Path(cls.honest.name, "Dockerfile").write_text(cls.HONEST)
        pathlib.Path(cls.honest.name, "file").write_text("content\n")
        cls.honest_digest = cls.build_honestly()
        cls.before = cls.remains()

    @classmethod
    def tearDownClass(cls):
        """Runs before the farm is closed, which is a cleanup."""
        digest = cls.build_honestly()
        assert digest == cls.honest_digest, f"an honest build has digest {digest} after the attacks, {cls.honest_digest} before"

        def clean():
            return not cls.left()
        try:
            wait_for(clean, "cleaning up", 30)
        except AssertionError:
            raise AssertionError(f"left behind by the attacks: {cls.left()}") from None
        super().tearDownClass()

    @classmethod
    def left(cls):
        now = cls.remains()
        return {kind: sorted(set(now[kind]) - set(cls.before[kind])) for kind in now if set(now[kind]) - set(cls.before[kind])}

    @classmethod
    def remains(cls):
        """What should be the same before and after."""
        pids = [cls.farm.coordinator.pid, *(worker.pid for worker in cls.farm.workers.values())]
        # Files that are being written, uploads, checkouts, bundles of steps, and what is anywhere outside; no layers or blobs,
        # and nothing within a cache mount's folder, which keeps whatever steps wrote: a link that is made below a folder
        # which should have been one ("ln -s /tmp/hostile d" while d is a folder) is rightly still there.
        temporary = subprocess.run(
            ["find", ".", "/tmp/hostile", "(", "-path", "*/blobs", "-o", "-path", "*/layers", "-o", "-path", "*/cache",
             "-o", "-path", "*/mounts/caches/*/[0-9]", ")",
             "-prune", "-o", "-type", "f", "-path", "*/tmp/*", "-print", "-o", "-name", "hostile*", "-print"],
            capture_output=True, text=True, errors="replace", cwd=cls.farm.folder).stdout.splitlines()
        return {"mounts": daemons.mounts_below(cls.farm.folder), "processes": descendants(*pids), "files": temporary}

    @classmethod
    def build_honestly(cls):
        result = cls.farm.cli("build", "--progress", "plain", "--no-cache", "--json", cls.honest.name)
        assert result.returncode == 0, result.stderr[-4000:] + cls.farm.logs()
        import json
        return json.loads(result.stdout)["index_digest"]

    def setUp(self):
        super().setUp()
        self.coordinator_pid = self.farm.coordinator.pid

    def tearDown(self):
        self.assertIsNone(self.farm.coordinator.poll(), "the coordinator ended: " + self.farm.logs())
        self.assertEqual(self.farm.coordinator.pid, self.coordinator_pid)
        for name, worker in self.farm.workers.items():
            self.assertIsNone(worker.poll(), f"worker {name} ended: " + self.farm.logs())

    def run_case(self, case):
        raise NotImplementedError

    def assert_case(self, case, said, story=""):
        """That the sentence of the case is in what was said, and nothing that a terminal acts on."""
        if os.environ.get("CROSSMILL_CORPUS_SHOW"):
            print(f"\n=== {case.name}\n{said[:1500]}", flush=True)
        if case.says:
            self.assertRegex(said, case.says, story or said)
        found = UNPRINTABLE.search(said)
        self.assertIsNone(found, f"raw in what is printed: {said!r}")

    def assert_said(self, case, result, code):
        """The same of a command's output."""
        self.assert_exit(result, code)
        self.assert_case(case, result.stdout + result.stderr, self.story(result))


def raw_output(farm, *arguments, cwd=None):
    """What a command writes to both its outputs, as bytes."""
    from farm import BIN
    return subprocess.run([BIN / "crossmill", *map(str, arguments)], capture_output=True, cwd=cwd, env=farm.environment(),
                          timeout=120)
