"""The truth set of installs: many installers, many ways, and for each package what the record must say, established by an
oracle that reads the image and the index (tests/e2e/packages).

CROSSMILL_INSTALLS=slow runs what scripts/check installs runs, `all` everything, NAME,NAME... only those cases.
Needs the stand-in for python:3.11; what installers' own releases come from is this machine's index, and cases whose
installer cannot be had are skipped by name.
"""
import collections
import json
import os
import pathlib
import shutil
import tempfile
import unittest

import stand_ins
import tiny_base
from farm import CACHE, FarmTestCase, can_run_arm64, main, require_program, require_root_and_user
from packages.case import Case
from packages.comparison import Comparison
from packages.index_server import IndexServer
from packages.oracle import Oracle
from packages.pip_cases import CASES as PIP_CASES
from packages.project_cases import CASES as PROJECT_CASES
from packages.recipe import HOST_NAME, Recipe
from packages.tiny_files import all_files, make_repositories
from packages.tools import TOOLS
from packages.uv_cases import CASES as UV_CASES

NATIVE = f"linux/{tiny_base.machine_architecture()}"
CHOICE = os.environ.get("CROSSMILL_INSTALLS", "quick")
# Stages of one build: a plan is read by people when something is wrong.
BATCH = 25
ALL_CASES = [*PIP_CASES, *UV_CASES, *PROJECT_CASES]


def chosen():
    if CHOICE == "all":
        return ALL_CASES
    if CHOICE == "slow":
        quick = [case.name for case in ALL_CASES if case.part == "quick" and TOOLS[case.tool].part == "quick"]
        return [case for case in ALL_CASES if case.name not in quick]
    if CHOICE == "quick":
        return [case for case in ALL_CASES if case.part == "quick" and TOOLS[case.tool].part == "quick"]
    return [case for case in ALL_CASES if case.name in CHOICE.split(",")]


class InstallsTest(FarmTestCase):
    @classmethod
    def setUpClass(cls):
        require_root_and_user()
        require_program("git")
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-installs-", dir="/var/tmp"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        make_repositories(cls.folder)
        cls.index = IndexServer(all_files(), cls.folder, CACHE / "installs-index")
        cls.addClassCleanup(cls.index.close)
        cls.farm_options = {"workers": 1, "slots": 3,
                            "worker_options": ["--index-url", cls.index.url, "--network-allow-local", f"127.0.0.1:{cls.index.port}"],
                            "worker_environment": {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}}
        super().setUpClass()
        cls.bases = set()
        wanted = [TOOLS[case.tool] for case in chosen()]
        for base in sorted({base for tool in wanted for base in (tool.base, tool.also) if base}):
            archive = stand_ins.find(base)
            if archive is not None:
                cls.farm.import_base(base, archive)
                cls.bases.add(base)
        cls.oracle = Oracle(cls.index)
        cls.comparison = Comparison(cls.oracle, cls.index)
        cls.counts = collections.Counter()

    @classmethod
    def tearDownClass(cls):
        print("\ninstalls that the oracle agreed with, by installer, platform and base:")
        for (title, platform, base), count in sorted(cls.counts.items()):
            print(f"  {title:22} {platform:14} {base:18} {count}")
        print(f"  {sum(cls.counts.values())} in all")

    def possible(self, cases):
        """Those whose base and installer can be had; the others are skips of their own."""
        kept = []
        for case in cases:
            tool = TOOLS[case.tool]
            reason = ""
            missing = [base for base in (tool.base, tool.also) if base and base not in self.bases]
            if missing:
                reason = stand_ins.why_missing(missing[0])
            elif tool.real and not self.index.upstream.answers():
                reason = "this machine reaches no package index"
            if reason:
                with self.subTest(case.name):
                    self.skipTest(f"{tool.title}: {reason}")
            else:
                kept.append(case)
        return kept

    def run_build(self, cases, *arguments):
        recipe = Recipe(cases, self.index)
        recipe.write(self.context)
        out = self.context / "out"
        output = () if any(case.fails for case in cases) else ("-o", f"type=local,dest={out}")
        result = self.build("--add-host", f"{HOST_NAME}:127.0.0.1", *output, *arguments)
        packages = json.loads(self.farm.cli("packages", "--json").stdout)
        return recipe, result, out, packages

    def check_case(self, recipe, case, facts, rows, platform):
        """Sentences about what is wrong in one case's stage."""
        problems = []
        before = facts(case.name, "0" if case.stages else "tool")
        steps = recipe.stage(case)[1]
        for step, number in steps.items():
            after = facts(case.name, str(number))
            said = [row for row in rows if row["stage_name"] == f"case_{case.name}" and row["step"] == step]
            for problem in self.comparison.step(case, said, before, after, platform == NATIVE, case.run[number - 1]):
                problems.append(f"{case.name}, {platform}, RUN {number}: {problem}")
            before = after
        return problems

    def check_tool(self, recipe, name, facts, rows, platform):
        tool = TOOLS[name]
        if not tool.make:
            return []
        case = Case(f"tool_{name}", (tool.make,))
        said = [row for row in rows if row["stage_name"] == f"tool_{name}"]
        return [f"making {name}, {platform}: {problem}" for problem in self.comparison.step(
            case, said, facts(f"tool_{name}", "base"), facts(f"tool_{name}", "tool"), platform == NATIVE, tool.make)]

    def assert_none(self, problems):
        if problems:
            self.fail("\n  " + "\n  ".join(problems))

    def check(self, cases, platform, *arguments):
        recipe, result, out, packages = self.run_build(cases, "--platform", platform, *arguments)
        # One install that does not work keeps no other from being looked at.
        while result.returncode == 1:
            broken = [case for case in cases if f"✗ {platform} case_{case.name} " in result.stdout + result.stderr]
            if not broken or len(broken) == len(cases):
                break
            with self.subTest(broken[0].name):
                self.fail(self.story(result))
            cases = [case for case in cases if case not in broken]
            recipe, result, out, packages = self.run_build(cases, "--platform", platform, *arguments)
        self.assert_exit(result, 0)
        rows = [row for row in packages if row["platform"] == platform]

        def facts(stage, name):
            return json.loads((out / stage / f"{name}.json").read_text())

        for name in recipe.tools():
            with self.subTest(f"making {name}"):
                self.assert_none(self.check_tool(recipe, name, facts, rows, platform))
        for case in cases:
            with self.subTest(case.name):
                self.assert_none(self.check_case(recipe, case, facts, rows, platform))
                tool = TOOLS[case.tool]
                self.counts[tool.title, platform, tool.base] += 1

    def batches(self, cases):
        cases = sorted(self.possible(cases), key=lambda case: case.tool)
        return [cases[start:start + BATCH] for start in range(0, len(cases), BATCH)]

    def test_every_package_of_every_install_is_what_the_record_says(self):
        for batch in self.batches([case for case in chosen() if not case.fails and case.part != "emulated"]):
            self.check(batch, NATIVE)

    def test_a_failed_install_names_the_package_and_installs_nothing(self):
        for case in self.possible([case for case in chosen() if case.fails]):
            with self.subTest(case.name):
                _, result, _, rows = self.run_build([case], "--platform", NATIVE)
                self.assert_exit(result, 1)
                rows = [row for row in rows if row["stage_name"] == f"case_{case.name}"]
                self.assertEqual({row["name"] for row in rows if row["outcome"] == "failed"}, {case.fails}, rows)
                self.assertEqual([row["name"] for row in rows if row["installed"]], [])
                tool = TOOLS[case.tool]
                self.counts[tool.title, NATIVE, tool.base] += 1

    def test_emulated_installs_too(self):
        cases = [case for case in chosen() if case.part == "emulated"]
        if not cases:
            self.skipTest("no emulated cases were chosen: CROSSMILL_INSTALLS=all")
        if NATIVE != "linux/amd64" or not can_run_arm64():
            self.skipTest("this machine emulates no other platform")
        for batch in self.batches(cases):
            self.check(batch, "linux/arm64")


if __name__ == "__main__":
    main()
