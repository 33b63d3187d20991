"""crossmill wheels: resolved, fetched and compiled on a real farm; what comes out is installed with real pip and uv.

Needs the stand-in for python:3.11 with both architectures that scripts/base-images keeps (stand_ins.py).
"""
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request

import stand_ins
from farm import FarmTestCase, can_run_arm64, main, require_root_and_user

PACKAGES = [f"{name}=={version}:{kind}" for name, version, kind in (
    ("alpha", "1.0", "c-sdist"), ("epsilon", "1.0", "pure-sdist"), ("gamma", "1.0", "pure-sdist"), ("headerless", "1.0", "missing-header-sdist"),
    ("ready", "1.0", "pure-wheel"), ("ready", "2.0", "pure-wheel"), ("binary", "2.0.1", "platform-wheel"))]
AMD64 = "linux-amd64-cp311"
ARM64 = "linux-arm64-cp311"
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}


def run(*command, **more):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **more)


class WheelhouseTest(FarmTestCase):
    tiny_architectures = ()

    @classmethod
    def setUpClass(cls):
        require_root_and_user()
        both = sorted(stand_ins.CACHE.glob("python-amd64-arm64-r*.oci.tar"), key=lambda path: path.stat().st_mtime)
        archive = both[-1] if both else stand_ins.find("python:3.11")
        if archive is None:
            raise unittest.SkipTest(stand_ins.why_missing("python:3.11"))
        cls.emulates = bool(both) and can_run_arm64()
        url = cls.serve_packages(*PACKAGES)
        cls.farm_options = {"workers": 2, "worker_options": ["--index-url", url],
                            "coordinator_options": ["--index-url", url]}
        super().setUpClass()
        cls.farm.import_base("python:3.11", archive)
        cls.python = shutil.which("python3.11")

    def setUp(self):
        super().setUp()
        self.house = self.context / "wheelhouse"

    def wheels(self, *words, code=0):
        result = self.farm.cli("wheels", "--base", "python:{python}", "--python", "3.11", "--progress", "plain",
                               "-o", self.house, *words)
        self.assert_exit(result, code)
        return result

    def requirements(self, *lines):
        path = self.context / "requirements.txt"
        path.write_text("\n".join(lines) + "\n")
        return path

    def record(self, target=AMD64):
        document = json.loads((self.house / "wheelhouse.json").read_text())
        found, = [entry for entry in document["targets"] if entry["target"] == target]
        return found

    def outcomes(self, target=AMD64):
        return {package["name"]: package["outcome"] for package in self.record(target)["packages"]}

    def digests(self, target=AMD64):
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
                for path in sorted((self.house / target).glob("*.whl"))}

    def venv(self):
        folder = self.context / f"venv-{time.monotonic_ns()}"
        made = run(self.python, "-m", "venv", folder)
        self.assertEqual(made.returncode, 0, made.stderr)
        return folder / "bin"

    def executed(self):
        """The RUNs of all builds that really ran, those of wheels that the farm compiles ahead too."""
        last = max(b["id"] for b in json.loads(self.farm.cli("ls", "--json").stdout))
        ids = set()
        for build in range(1, last + 3):
            shown = self.farm.cli("show", "--json", str(build))
            if shown.returncode != 0:
                continue
            ids |= {step["execution"] for stage in json.loads(shown.stdout)["stages"] for step in stage["steps"]
                    if step["instruction"] == "RUN" and step["execution"]}
        return ids

    def test_what_it_makes_is_installed_and_a_second_run_compiles_nothing(self):
        # No other test has these sources: the farm keeps what it compiles.
        wanted = self.requirements("alpha", "epsilon", "ready<2", "binary")
        result = self.wheels("-r", wanted)
        self.assertEqual(self.outcomes(), {"alpha": "source", "epsilon": "source", "ready": "wheel", "binary": "wheel"},
                         self.story(result))
        record = self.record()
        self.assertEqual((record["status"], record["base"], record["base_stand_in"]),
                         ("complete", "python:3.11", True))
        alpha, = [p for p in record["packages"] if p["name"] == "alpha"]
        self.assertEqual(alpha["repair"], "not-installed")
        self.assertGreater(alpha["seconds"], 0)
        self.assert_says(result, "alpha", "not repaired, the image has no auditwheel")
        self.assertEqual({f["file_name"]: f["digest"] for p in record["packages"] for f in p["files"]},
                         {name: "sha256:" + digest for name, digest in self.digests().items()})
        order, = json.loads((self.house / "build-order.json").read_text())["targets"]
        self.assertEqual([p["name"] for p in order["order"]], ["alpha", "epsilon"])
        self.assertEqual([b["name"] for b in order["order"][0]["build_requirements"]], ["tinybackend"])
        self.install_everything()
        # Once more: the same files, and not one command ran.
        before, digests = self.executed(), self.digests()
        self.wheels("-r", wanted)
        self.assertEqual(self.executed(), before)
        self.assertEqual(self.digests(), digests)
        self.assertEqual(self.outcomes(), {"alpha": "source-cached", "epsilon": "source-cached", "ready": "wheel",
                                           "binary": "wheel"})

    def install_everything(self):
        folder = self.house / AMD64
        ways = [["--no-index", "--find-links", folder], ["--index-url", f"file://{folder}/simple"]]
        for way in ways:
            binaries = self.venv()
            done = run(binaries / "python", "-m", "pip", "install", "--no-cache-dir", *way, "--require-hashes", "-r",
                       folder / "requirements.lock", env=CLEAN)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            said = run(binaries / "python", "-m", "pip", "list", "--format", "json", env=CLEAN)
            self.assertLessEqual({("alpha", "1.0"), ("epsilon", "1.0"), ("ready", "1.0"), ("binary", "2.0.1")},
                                 {(p["name"], p["version"]) for p in json.loads(said.stdout)})
            said = run(binaries / "python", "-c", "import alpha, epsilon, ready, binary; print(ready.version)")
            self.assertEqual(said.stdout.strip(), "1.0", said.stderr)
        tools = self.venv()
        if run(tools / "python", "-m", "pip", "install", "-q", "uv").returncode != 0:
            print("uv cannot be installed on this machine: its part of the test did not run", file=sys.stderr)
            return
        binaries = self.venv()
        done = run(tools / "uv", "pip", "install", "--python", binaries / "python", "--no-cache", "--no-index",
                   "--find-links", folder, "--require-hashes", "-r", folder / "requirements.lock", env=CLEAN)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_failure_stops_no_other_and_is_tried_again(self):
        wanted = self.requirements("gamma", "headerless", "ready")
        result = self.wheels("-r", wanted, code=1)
        self.assertEqual(self.outcomes(), {"gamma": self.outcomes()["gamma"], "headerless": "failed", "ready": "wheel"})
        self.assertIn(self.outcomes()["gamma"], ("source", "source-cached"))
        failed, = [p for p in self.record()["packages"] if p["name"] == "headerless"]
        self.assertTrue(failed["failure_class"], failed)
        self.assertIn("not_there.h", failed["failure_line"])
        self.assert_says(result, "failed", "not_there.h", f"crossmill logs {failed['build']}")
        # The lock of an incomplete target installs nothing, instead of less.
        binaries = self.venv()
        refused = run(binaries / "python", "-m", "pip", "install", "--no-index", "--find-links", self.house / AMD64,
                      "--require-hashes", "-r", self.house / AMD64 / "requirements.lock", env=CLEAN)
        self.assertNotEqual(refused.returncode, 0, refused.stdout)
        self.assertIn("headerless==1.0", refused.stdout + refused.stderr)
        # It is compiled again, and fails again: no cache holds a failure, and none a success of it.
        before = self.executed()
        self.wheels("-r", wanted, code=1)
        self.assertTrue(self.executed() - before)

    def test_two_platforms(self):
        if not self.emulates:
            self.skipTest("this machine does not run linux/arm64, or has no stand-in for it")
        result = self.wheels("gamma", "binary", "--platform", "linux/amd64,linux/arm64")
        for target in (AMD64, ARM64):
            self.assertIn(self.outcomes(target)["gamma"], ("source", "source-cached"), self.story(result))
            self.assertEqual(self.outcomes(target)["binary"], "wheel")
        self.assertTrue(any(name.endswith("aarch64.whl") for name in self.digests(ARM64)))
        self.assert_says(result, "linux/amd64 cp311", "linux/arm64 cp311")
        # Another run for one platform leaves the other alone.
        self.wheels("ready", "--platform", "linux/amd64")
        self.assertEqual(self.outcomes(AMD64), {"ready": "wheel"})
        self.assertIn("gamma", self.outcomes(ARM64))

    def test_what_is_no_longer_part(self):
        self.wheels("ready<2")
        foreign = self.house / AMD64 / "foreign-1.0-py3-none-any.whl"
        foreign.write_bytes(b"somebody's")
        result = self.wheels("ready")
        self.assertEqual(set(self.digests()), {"ready-2.0-py3-none-any.whl", foreign.name})
        self.assert_says(result, "is removed: it is no longer part", "is left where it is")
        self.assertNotIn("foreign", (self.house / AMD64 / "simple" / "index.html").read_text())

    def test_unsolved_and_wrong_pythons(self):
        self.wheels("ready")
        result = self.wheels("ready==9", code=1)
        self.assert_says(result, "unsolved")
        self.assertFalse((self.house / AMD64 / "requirements.lock").exists())
        result = self.farm.cli("wheels", "ready", "--base", "python:3.11", "--python", "3.12", "-o", self.house)
        self.assert_exit(result, 1)
        self.assert_says(result, "linux/amd64 cp312: unsolved")
        self.assertFalse((self.house / "linux-amd64-cp312").exists())

    def test_stopped(self):
        process = self.farm.start_cli("wheels", "alpha", "--no-wheel-cache", "--no-cache", "--base", "python:{python}",
                                      "--python", "3.11", "--progress", "plain", "-o", self.house)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        for line in process.stderr:
            if "is compiled by build" in line:
                break
        build = line.rsplit(" ", 1)[1].strip()
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=30), 130)
        self.assertEqual(list(self.house.iterdir()), [])
        self.assertEqual(self.farm.show(build)["status"], "cancelled")

    def test_served(self):
        self.wheels("gamma", "ready")
        process = self.farm.start_cli("wheels", "--serve", "127.0.0.1:0", "-o", self.house)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        line = process.stderr.readline()
        url = re.search(r"http://[0-9.:]+", line).group(0)
        binaries = self.venv()
        for index in (f"{url}/simple/", f"{url}/{AMD64}/simple/"):
            done = run(binaries / "python", "-m", "pip", "install", "--force-reinstall", "--no-cache-dir", "--index-url",
                       index, "gamma", "ready", env=CLEAN)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        request = urllib.request.Request(f"{url}/simple/ready/",
                                         headers={"Accept": "application/vnd.pypi.simple.v1+json"})
        page = json.load(urllib.request.urlopen(request, timeout=10))
        self.assertEqual([f["filename"] for f in page["files"]], ["ready-2.0-py3-none-any.whl"])
        self.assertEqual(page["files"][0]["hashes"]["sha256"], self.digests()["ready-2.0-py3-none-any.whl"])
        for path in ("/wheelhouse.json", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", f"/{AMD64}/requirements.lock",
                     f"/{AMD64}//ready-2.0-py3-none-any.whl", "//etc/passwd"):
            with self.assertRaises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(url + path, timeout=10)
            self.assertEqual(refused.exception.code, 404, path)
        # What is no longer the file of the record is not given away.
        wheel = self.house / AMD64 / "ready-2.0-py3-none-any.whl"
        wheel.unlink()
        wheel.symlink_to("/etc/passwd")
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{url}/{AMD64}/{wheel.name}", timeout=10)
        self.assertEqual(refused.exception.code, 410)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(timeout=15), 0)

    def test_bad_input(self):
        for words, said in (
                (["--python", "3.11"], "nothing is asked for"), (["ready"], "--python is missing"),
                (["ready", "--python", "3"], "expected a version"), (["./here", "--python", "3.11"], "on this machine"),
                (["ready", "--python", "3.11", "--base", "a b"], "expected an image"),
                (["-r", "/nonexistent", "--python", "3.11"], "/nonexistent")):
            result = self.farm.cli("wheels", *words, "-o", self.house)
            self.assert_exit(result, 2)
            self.assert_says(result, said)
        self.assertFalse(self.house.exists())
        self.house.mkdir()
        (self.house / "wheelhouse.json").write_text("{}")
        result = self.wheels("ready", code=5)
        self.assert_says(result, "it is no record of crossmill wheels")


if __name__ == "__main__":
    main()
