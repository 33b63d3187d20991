"""Packages over several builds on a small local index that changes: history, cost, uses, and what changed.

Needs the stand-in for python:3.11 that scripts/base-images keeps (stand_ins.py).
"""
import csv
import io
import json
import subprocess
import sys

import tiny_base
from farm import ROOT, FarmTestCase, can_run_arm64, free_port, main, require_root_and_user, wait_for
from packages_test import find_base

HERE = f"linux/{tiny_base.machine_architecture()}"


class PackageQueriesTest(FarmTestCase):
    @classmethod
    def setUpClass(cls):
        require_root_and_user()
        base = find_base()
        cls.port = free_port()
        cls.index = None
        cls.addClassCleanup(cls.end_index)
        cls.farm_options = {
            "workers": 2, "worker_options": ["--pass-env", "PIP_INDEX_URL"],
            "worker_environment": {"PIP_INDEX_URL": f"http://127.0.0.1:{cls.port}/simple/", "PIP_EXTRA_INDEX_URL": "",
                                   "PIP_RETRIES": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}}
        super().setUpClass()
        cls.farm.import_base("python:3.11", base)

    @classmethod
    def end_index(cls):
        if cls.index is not None:
            cls.index.terminate()
            cls.index.communicate()

    def offer(self, *packages):
        """The index has these from now on: NAME==VERSION:KIND."""
        type(self).end_index()
        arguments = [word for package in packages for word in ("--package", package)]
        type(self).index = subprocess.Popen(
            [sys.executable, ROOT / "tests/support/package_index.py", "--port", str(self.port), *arguments],
            stdout=subprocess.PIPE, text=True)
        self.index.stdout.readline()

    def install(self, *arguments, requirements, code=0):
        """Builds an image that installs them; the build's number and what it printed."""
        self.write("requirements.txt", "".join(f"{name}\n" for name in requirements))
        self.dockerfile("""
            FROM python:3.11
            COPY requirements.txt .
            RUN pip install --no-cache-dir -r requirements.txt
            """)
        result = self.build("--network", "host", *arguments)
        self.assert_exit(result, code)

        def ended():
            # Until its image is packed it is no build that others are compared with.
            return json.loads(self.farm.cli("show", "--json").stdout)["finished_at"] is not None

        wait_for(ended, "the build's end")
        return json.loads(self.farm.cli("show", "--json").stdout)["id"], result

    def ask(self, *arguments):
        result = self.farm.cli("packages", *arguments, "--json")
        self.assert_exit(result, 0)
        return json.loads(result.stdout)

    def test_a_wheel_that_disappears_is_told_and_every_question_sees_it(self):
        self.offer("binpkg==2.0.1:platform-wheel", "purepkg==1.1.0:pure-wheel", "scriptpkg==0.3:script-wheel")
        first, result = self.install("-t", "example/changing:1", requirements=["binpkg", "purepkg", "scriptpkg"])
        self.assertNotIn("since the last build", result.stdout)
        self.offer("binpkg==2.0.1:c-sdist", "purepkg==1.1.0:pure-wheel", "purepkg==1.2.0:pure-wheel",
                   "intree==0.1:pep517-sdist")
        second, result = self.install("-t", "example/changing:2", requirements=["binpkg", "purepkg", "intree"])
        # In the report, in `packages` and in JSON.
        table = self.farm.cli("packages").stdout
        for text in (result.stdout, table):
            self.assertIn("since the last build of the same recipe (image example/changing, Dockerfile)", text)
            self.assertIn(f"warning: binpkg 2.0.1: was a wheel in build {first}, is compiled now", text)
            self.assertIn("purepkg 1.1.0 → 1.2.0", text)
            self.assertIn("scriptpkg 0.3: gone", text)
            self.assertIn("intree 0.1: new", text)
        shown = json.loads(self.farm.cli("show", "--json").stdout)
        changes = {change["name"]: change for change in shown["package_changes"] if change["scope"] == "runtime"}
        self.assertEqual({name: change["kind"] for name, change in changes.items()},
                         {"binpkg": "no-longer-wheel", "purepkg": "version", "scriptpkg": "gone", "intree": "new"})
        self.assertEqual(changes["binpkg"]["build_before"], first)
        self.assertEqual([(earlier["build"], earlier["platform"], earlier["same_arguments"])
                          for earlier in shown["earlier_builds"]], [(first, HERE, True)])
        rows = {row["name"]: row for row in self.ask() if row["scope"] == "runtime"}
        self.assertEqual(rows["binpkg"]["changes"], ["no-longer-wheel"])
        # The same build again takes its step from the cache: nothing has changed, nothing is compiled.
        third, result = self.install("-t", "example/changing:3", requirements=["binpkg", "purepkg", "intree"])
        self.assertNotIn("since the last build", result.stdout)
        self.check_history(first, second)
        self.check_compiled(second)
        self.check_uses(first, second, third)

    def check_history(self, first, second):
        history = self.ask("--history", "BinPkg")
        self.assertEqual([(row["build"], row["version"], row["outcome"], row["platform"], row["emulated"], row["replica"])
                          for row in history["rows"]],
                         [(second, "2.0.1", "source", HERE, False, 0), (first, "2.0.1", "wheel", HERE, False, 0)])
        self.assertFalse(history["more"])
        one = self.ask("--history", "binpkg", "--limit", "1")
        self.assertEqual(([row["build"] for row in one["rows"]], one["more"]), ([second], True))
        self.assertEqual(self.ask("--history", "binpkg", "--platform", "linux/s390x")["rows"], [])
        self.assertEqual(len(self.ask("--history", "binpkg", "--since", "1h")["rows"]), 2)
        self.assertEqual(self.ask("--history", "binpkg", "--since", "0s")["rows"], [])
        text = self.farm.cli("packages", "--history", "binpkg").stdout
        for word in ("2.0.1", "source", "wheel", HERE):
            self.assertIn(word, text)

    def check_compiled(self, second):
        compiled = {row["name"]: row for row in self.ask("--compiled", "--since", "1d", "--platform", HERE)["rows"]}
        self.assertEqual({name: compiled[name]["times"] for name in ("binpkg", "intree")}, {"binpkg": 1, "intree": 1})
        self.assertGreater(compiled["binpkg"]["seconds"], 0)
        self.assertEqual(compiled["binpkg"]["last_build"], second)
        self.assertNotIn("purepkg", compiled)
        by_name = [row["name"] for row in self.ask("--compiled", "--by", "name")["rows"]]
        self.assertEqual(by_name, sorted(by_name))
        table = list(csv.DictReader(io.StringIO(self.farm.cli("packages", "--compiled", "--csv").stdout)))
        self.assertEqual({row["times"] for row in table if row["name"] == "binpkg"}, {"1"})

    def check_uses(self, first, second, third):
        uses = self.ask("--uses", "purepkg==1.2.0")["rows"]
        self.assertEqual([(row["build"], row["executed_by"], row["status"]) for row in uses],
                         [(third, second, "succeeded"), (second, second, "succeeded")])
        self.assertEqual({(row["recipe"], row["platform"]) for row in uses},
                         {("example/changing:3", HERE), ("example/changing:2", HERE)})
        self.assertEqual([row["build"] for row in self.ask("--uses", "purepkg<1.2")["rows"]], [first])
        self.assertEqual([row["build"] for row in self.ask("--uses", "PurePkg")["rows"]], [third, second, first])
        self.assertEqual(self.ask("--uses", "purepkg==9")["rows"], [])

    def test_failures_and_replicas_are_counted_apart(self):
        self.offer("headerless==1.0:missing-header-sdist", "cextpkg==0.9:c-sdist")
        failed, _ = self.install("-t", "example/apart:1", requirements=["headerless"], code=1)
        verified, _ = self.install("-t", "example/apart:1", "--verify", "2", "--allow-same-host",
                                   requirements=["cextpkg"])
        rows = {row["name"]: row for row in self.ask("--compiled")["rows"]}
        self.assertEqual((rows["headerless"]["times"], rows["headerless"]["failed"]), (0, 1))
        self.assertEqual((rows["cextpkg"]["times"], rows["cextpkg"]["replicas"]), (2, 1))
        self.assertEqual({row["replica"] for row in self.ask("--history", "cextpkg")["rows"]}, {0, 1})
        self.assertEqual([row["build"] for row in self.ask("--uses", "cextpkg")["rows"]], [verified])
        self.assertEqual(self.ask("--uses", "headerless")["rows"], [])
        self.assertEqual([row["outcome"] for row in self.ask("--history", "headerless")["rows"]], ["failed"])
        self.assertLess(failed, verified)

    def test_emulated_executions_are_marked(self):
        if HERE != "linux/amd64" or not can_run_arm64():
            self.skipTest("no emulation of arm64 here")
        self.offer("puresrc==3.1:pure-sdist")
        number, _ = self.install("--platform", "linux/amd64,linux/arm64", "-t", "example/emulated:1",
                                 requirements=["puresrc"])
        rows = {row["platform"]: row for row in self.ask("--history", "puresrc")["rows"] if row["build"] == number}
        self.assertEqual({platform: row["emulated"] for platform, row in rows.items()},
                         {"linux/amd64": False, "linux/arm64": True})
        # Another platform's time is no ratio.
        self.assertEqual({row["other_way"] for row in rows.values()}, {None})
        compiled = {row["platform"]: row for row in self.ask("--compiled")["rows"] if row["name"] == "puresrc"}
        self.assertEqual((compiled["linux/amd64"]["emulated"], compiled["linux/arm64"]["emulated"]), (0, 1))

    def test_what_makes_no_sense_is_an_error(self):
        for arguments in (["--history", "not a name"], ["--uses", "numpy[extra]==1"], ["--uses", "numpy=="],
                          ["--history", "a", "--since", "yesterday"], ["--history", "a", "--compiled"],
                          ["--history", "a", "12"], ["--by", "cost"], ["--since", "1d"],
                          ["--compiled", "--by", "weight"], ["--compiled", "--limit", "0"]):
            self.assertEqual(self.farm.cli("packages", *arguments).returncode, 2, arguments)


if __name__ == "__main__":
    main()
