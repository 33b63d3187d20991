"""The truth set of reproducibility: recipes that are not reproducible for one known cause each, and recipes that look as
if they were not and are (tests/e2e/reproducibility). Verdict, step and line must be right for all, causes for 95 %.

CROSSMILL_REPRODUCIBILITY=all runs everything, as scripts/check reproducibility does; `fast` what needs no toolchain, `slow`
the rest, NAME,NAME... only those cases. The default is every third one of the fast, which is what scripts/test has time for. Two workers of one machine, so every build allows the same host.
"""
import collections
import concurrent.futures
import json
import os
import pathlib
import tempfile

import stand_ins
from farm import FarmTestCase, main
from reproducibility import judgement
from reproducibility.corpus import ASPECTS, CASES, read_cases
from reproducibility.drifting_server import DriftingServer

CHOICE = os.environ.get("CROSSMILL_REPRODUCIBILITY", "part")
AT_ONCE = 4
CAUSES_RIGHT = 0.95
HOST = "drift.example"
TOOLCHAINS = CASES.parent / "toolchains"


def chosen():
    cases = read_cases()
    if CHOICE == "all":
        return cases
    if CHOICE in ("fast", "slow"):
        return [case for case in cases if case.fast == (CHOICE == "fast")]
    if CHOICE == "part":
        return [case for case in cases if case.fast][::3]
    names = CHOICE.split(",")
    unknown = set(names) - {case.name for case in cases}
    assert not unknown, f"no cases are called {unknown}"
    return [case for case in cases if case.name in names]


class ReproducibilityTest(FarmTestCase):
    @classmethod
    def setUpClass(cls):
        cls.cases = chosen()
        cls.server = DriftingServer()
        cls.server.__enter__()
        cls.addClassCleanup(cls.server.__exit__)
        cls.farm_options = {"workers": 2, "slots": AT_ONCE,
                            "worker_options": ["--network-allow-local", f"127.0.0.1:{cls.server.port}"]}
        super().setUpClass()
        help_text = cls.farm.cli("build", "--help").stdout
        vary = help_text[help_text.index("--vary WHAT"):].splitlines()[0]
        cls.aspects = {word for word in ASPECTS if word in vary.replace(",", " ").split()}
        cls.missing = {}
        for base in sorted({base for case in cls.cases for base in case.bases} - {"tiny"}):
            cls.missing[base] = cls.provide(base)
        cls.skipped = {case.name: reason for case in cls.cases if (reason := cls.why_not(case))}
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            ready = [case for case in cls.cases if case.name not in cls.skipped]
            cls.documents = dict(zip([case.name for case in ready], pool.map(cls.verify, ready)))

    @classmethod
    def provide(cls, base):
        """Puts a base into the farm's store; why not, if it cannot be had."""
        if not base.startswith("toolchain-"):
            archive = stand_ins.find(base)
            if archive is None:
                return stand_ins.why_missing(base)
            cls.farm.import_base(base, archive)
            return ""
        folder = TOOLCHAINS / base.removeprefix("toolchain-")
        needed, = [line.split()[1] for line in (folder / "Dockerfile").read_text().splitlines() if line.startswith("FROM ")]
        problem = cls.missing.get(needed) or ("" if needed in cls.missing else cls.provide(needed))
        if problem:
            return problem
        result = cls.farm.build(folder, "-t", base)
        return "" if result.returncode == 0 else f"{base} could not be installed: {result.stdout[-400:]}"

    @classmethod
    def why_not(cls, case):
        """Why a case cannot be run here; empty: it can."""
        for base in case.bases:
            if cls.missing.get(base):
                return cls.missing[base]
        for need in case.needs:
            if need in ASPECTS and need not in cls.aspects:
                return f"the farm cannot vary {need} yet"
            if need == "two-processors" and len(os.sched_getaffinity(0)) < 2:
                return "one processor: there is no other number"
        return ""

    @classmethod
    def verify(cls, case, dockerfile=None):
        """The JSON of a case's verified build; text if there is none."""
        aspects = [need for need in case.needs if need in ASPECTS]
        options = ["--vary", ",".join(["standard", *aspects])] if aspects else []
        if "server" in case.needs:
            # A RUN reaches it by its name over the recording proxy, ADD by its address.
            options += ["--add-host", f"{HOST}:127.0.0.1", "--build-arg", f"SERVER=http://{HOST}:{cls.server.port}",
                        "--build-arg", f"LOOPBACK=http://127.0.0.1:{cls.server.port}"]
        with tempfile.TemporaryDirectory(prefix="crossmill-context-", dir="/var/tmp") as folder:
            case.write(pathlib.Path(folder), dockerfile)
            result = cls.farm.build(folder, "--json", "--verify", "2", "--allow-same-host", *options)
        try:
            return json.loads(result.stdout)
        except ValueError:
            return f"exit code {result.returncode}: {result.stdout}{result.stderr}"

    def cell(self, case):
        document = self.documents[case.name]
        self.assertIsInstance(document, dict, document)
        self.assertEqual(len(document["cells"]), 1, document)
        return document["cells"][0]

    def for_each_case(self, check):
        """check(case, cell) of each that ran; the others are skips of their own."""
        for case in self.cases:
            with self.subTest(case.name):
                if case.name in self.skipped:
                    self.skipTest(self.skipped[case.name])
                check(case, self.cell(case))

    def assert_none(self, problems, cell):
        problems = list(problems)
        if problems:
            differences = [f"{step['stage_name']}:{step['range']['first_line']} {difference['kind']} {difference['path']}"
                           for step in judgement.blamed_steps(cell) for difference in step["differences"][:8]]
            self.fail("\n  ".join(["", *problems, "what differs:", *differences]))

    def test_verdict_step_and_line(self):
        counts = collections.Counter()

        def check(case, cell):
            self.assert_none(judgement.verdict_problems(case, cell), cell)
            counts[case.verdict] += 1
        self.for_each_case(check)
        print("\nverdicts that were right:", ", ".join(f"{count} {word}" for word, count in sorted(counts.items())))

    def test_what_differs_is_what_is_expected_and_nothing_else(self):
        self.for_each_case(lambda case, cell: self.assert_none(judgement.path_problems(case, cell), cell))

    def test_causes(self):
        right, wrong = [], []

        def check(case, cell):
            if case.causes:
                problems = list(judgement.cause_problems(case, cell))
                (wrong if problems else right).append(case)
                if problems:
                    lines.append(f"{case.name:34} {'/'.join(case.causes):16} {'; '.join(problems)}")
        lines = []
        self.for_each_case(check)
        table = "\n  ".join([f"causes: {len(right)} of {len(right) + len(wrong)} right", *lines])
        print("\n" + table)
        self.assertGreaterEqual(len(right), CAUSES_RIGHT * (len(right) + len(wrong)), table)

    def test_remedies(self):
        if CHOICE == "fast":
            self.skipTest("in scripts/check reproducibility")
        cases = [case for case in self.cases if case.remedy and case.name not in self.skipped]
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            documents = list(pool.map(lambda case: self.verify(case, case.remedied()), cases))
        for case, document in zip(cases, documents):
            with self.subTest(case.name):
                self.assertIsInstance(document, dict, document)
                cell, = document["cells"]
                self.assertEqual((document["status"], cell["verdict"]), ("succeeded", "reproducible"),
                                 cell["comparison"]["reason"])


if __name__ == "__main__":
    main()
