"""Compiling ahead: what a RUN would compile is compiled by other tasks before it, and once.

Needs the stand-in for python:3.11 that scripts/base-images keeps (stand_ins.py).
"""
import hashlib
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import stand_ins
from farm import FarmTestCase, main, require_root_and_user

PACKAGES = [f"{name}=={version}:{kind}" for name, version, kind in (
    ("alpha", "1.0", "c-sdist"), ("beta", "1.0", "c-sdist"), ("gamma", "1.0", "pure-sdist"),
    ("delta", "1.0", "pure-sdist"), ("headerless", "1.0", "missing-header-sdist"), ("ready", "1.0", "pure-wheel"))]


def tree(folder):
    """What is installed: path -> digest, but for what names the way it came (compiled Python follows its source)."""
    found = {}
    site = pathlib.Path(folder) / "usr/local/lib/python3.11"
    roots = [site] if site.exists() else [pathlib.Path(folder) / "usr/lib/python3", pathlib.Path(folder) / "opt"]
    for root in roots:
        for path, _, names in os.walk(root):
            for name in names:
                full = pathlib.Path(path) / name
                if name.endswith(".pyc") or full.is_symlink():
                    continue
                found[str(full.relative_to(folder))] = hashlib.sha256(full.read_bytes()).hexdigest()
    return found


class AheadTest(FarmTestCase):
    tiny_architectures = ()

    @classmethod
    def setUpClass(cls):
        require_root_and_user()
        archive = stand_ins.find("python:3.11")
        if archive is None:
            raise unittest.SkipTest(stand_ins.why_missing("python:3.11"))
        url = cls.serve_packages(*PACKAGES)
        cls.farm_options = {"workers": 2, "worker_options": ["--index-url", url],
                            "coordinator_options": ["--index-url", url],
                            "worker_environment": {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}}
        super().setUpClass()
        cls.farm.import_base("python:3.11", archive)

    def install(self, *packages, extra="", flags="--no-cache-dir"):
        (self.context / "requirements.txt").write_text("\n".join(packages) + "\n")
        self.dockerfile(f"FROM python:3.11\nWORKDIR /app\nCOPY requirements.txt .\n{extra}"
                        f"RUN pip install {flags} -r requirements.txt\n")

    def outcomes(self):
        rows = json.loads(self.farm.cli("packages", "--json").stdout)
        return {p["name"]: p for p in rows if p["scope"] == "runtime"}

    def kept(self):
        """The newest of each project."""
        rows = json.loads(self.farm.cli("wheel", "ls", "--json").stdout)
        return {w["name"]: w for w in sorted(rows, key=lambda row: row["id"])}

    def forget_wheels(self):
        for wheel in json.loads(self.farm.cli("wheel", "ls", "--json").stdout):
            self.assert_exit(self.farm.cli("wheel", "rm", str(wheel["id"])), 0)

    def test_each_is_compiled_once_and_offered_later(self):
        self.forget_wheels()
        self.install("alpha", "gamma", "ready")
        result = self.build()
        self.assert_exit(result, 0)
        self.assert_says(result, "2 packages are compiled ahead of it", "s of compiling were done ahead of it")
        found = self.outcomes()
        self.assertEqual({name: p["outcome"] for name, p in found.items()},
                         {"alpha": "source-cached", "gamma": "source-cached", "ready": "wheel"})
        wheels = self.kept()
        self.assertEqual(set(wheels), {"alpha", "gamma"})
        for name in wheels:
            self.assertEqual(found[name]["compiled_in_build"], wheels[name]["build_id"])
            self.assertEqual(found[name]["conflict"] or "", "")
            self.assertEqual([d["name"] for d in wheels[name]["build_dependencies"]], ["tinybackend"])
        # The second build of a changed requirements file compiles only what is new.
        self.install("alpha", "gamma", "beta", "ready")
        result = self.build()
        self.assert_exit(result, 0)
        self.assert_says(result, "1 package is compiled ahead of it", "wheels that the farm has spare it")
        found = self.outcomes()
        self.assertEqual(found["alpha"]["compiled_in_build"], wheels["alpha"]["build_id"])
        self.assertEqual(found["beta"]["outcome"], "source-cached")
        self.assertEqual(self.kept()["alpha"]["id"], wheels["alpha"]["id"])
        self.assertEqual(self.kept()["alpha"]["uses"], 2)
        # What is compiled for others is nobody's latest build.
        latest = json.loads(self.farm.cli("show", "--json").stdout)["id"]
        self.assertEqual(latest, max(b["id"] for b in json.loads(self.farm.cli("ls", "--json").stdout)))
        self.assertNotEqual(latest, found["beta"]["compiled_in_build"])

    def test_what_is_installed_does_not_depend_on_it(self):
        trees = []
        for flags in ([], ["--no-compile-ahead", "--no-wheel-cache"]):
            self.install("alpha", "gamma")
            output = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-ahead-"))
            self.addCleanup(subprocess.run, ["rm", "-rf", output], check=False)
            result = self.build("--no-cache", *flags, "-o", f"type=local,dest={output}")
            self.assert_exit(result, 0)
            trees.append(tree(output))
            want = "source" if flags else "source-cached"
            self.assertEqual({p["outcome"] for p in self.outcomes().values()}, {want})
        self.assertTrue(any("alpha" in path for path in trees[0]), sorted(trees[0])[:20])
        self.assertEqual(trees[0], trees[1])

    def test_another_toolchain_another_wheel(self):
        self.forget_wheels()
        self.install("alpha")
        self.assert_exit(self.build(), 0)
        first = self.kept()["alpha"]["id"]
        self.install("alpha", extra="ENV CFLAGS=-O1\n")
        result = self.build()
        self.assert_exit(result, 0)
        self.assert_says(result, "1 package is compiled ahead of it")
        self.assertNotEqual(self.kept()["alpha"]["id"], first)
        self.install("alpha", extra="RUN echo 1 > /usr/include/extra.h\n")
        result = self.build()
        self.assert_exit(result, 0)
        self.assert_says(result, "1 package is compiled ahead of it")
        # pip 23.0 would compile a source without a pyproject.toml among what is installed.
        self.install("alpha", extra="RUN pip install --no-cache-dir ready\n")
        result = self.build()
        self.assert_exit(result, 0)
        self.assert_says(result, "1 package is compiled ahead of it")
        self.install("alpha", extra="RUN echo 1 > /app/notes\n")
        result = self.build()
        self.assert_exit(result, 0)
        self.assert_says(result, "wheels that the farm has spare it")

    def test_replicas_compile_for_themselves(self):
        self.install("alpha")
        result = self.build("--verify", "2", "--allow-same-host")
        self.assertIn(result.returncode, (0, 3), result.stderr)
        self.assertEqual(self.outcomes()["alpha"]["outcome"], "source-cached")
        latest = json.loads(self.farm.cli("show", "--json").stdout)
        run = [s for s in latest["stages"][0]["steps"] if s["instruction"] == "RUN"][0]
        self.assertEqual(len(run["replicas"]), 1)
        # Each execution of a package's compilation is a row of its history: one ahead, one by the replica.
        history = json.loads(self.farm.cli("packages", "--history", "alpha", "--json").stdout)
        by_replica = [row for row in history["rows"] if row["build"] == latest["id"] and row["replica"] == 1]
        self.assertEqual([row["outcome"] for row in by_replica], ["source"])

    def test_a_source_that_does_not_compile_fails_in_its_own_step(self):
        self.forget_wheels()
        self.install("alpha", "headerless")
        result = self.build()
        self.assert_exit(result, 1)
        self.assert_says(result, "headerless")
        rows = json.loads(self.farm.cli("packages", "--json").stdout)
        failed, = [p for p in rows if p["outcome"] == "failed"]
        self.assertEqual(failed["name"], "headerless")
        # It does not keep the others from being compiled ahead.
        self.assertEqual(set(self.kept()), {"alpha"})

    def test_what_is_not_understood_is_left_alone(self):
        self.forget_wheels()
        for flags in ("--no-cache-dir --no-binary :all:", "--no-cache-dir --no-build-isolation"):
            self.install("gamma", flags=flags)
            result = self.build("--no-cache")
            self.assertNotIn("compiled ahead", result.stdout + result.stderr)
        # Of the file's section for installs, which `pip wheel` does not read.
        settings = "RUN printf '[install]\\nconfig-settings = a=b\\n' > /etc/pip.conf\n"
        self.install("gamma", extra=settings)
        result = self.build("--no-cache")
        self.assert_exit(result, 0)
        self.assertNotIn("compiled ahead", result.stdout + result.stderr)
        self.assertEqual(self.kept(), {})

    def test_what_the_step_cache_had_is_not_said_to_be_compiled_now(self):
        self.install("delta")
        self.assert_exit(self.build(), 0)
        executed = self.kept()["delta"]["build_id"]
        self.forget_wheels()
        self.install("delta", flags="--no-cache-dir --no-input")
        result = self.build()
        self.assert_exit(result, 0)
        self.assert_says(result, ": 0.0 s of compiling were done ahead of it", "wheels that the farm has spare it")
        self.assertEqual(self.kept()["delta"]["build_id"], executed)

    def test_wheels_are_files_that_can_be_had(self):
        self.install("gamma")
        self.assert_exit(self.build("--no-cache"), 0)
        folder = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-wheels-"))
        self.addCleanup(subprocess.run, ["rm", "-rf", folder], check=False)
        self.assert_exit(self.farm.cli("wheel", "save", "gamma", "-o", folder), 0)
        wheel, = folder.iterdir()
        self.assertEqual(wheel.name, self.kept()["gamma"]["file_name"])
        self.assertEqual(hashlib.sha256(wheel.read_bytes()).hexdigest(), self.kept()["gamma"]["sha256"])
        result = self.farm.cli("wheel", "rm", "nothing")
        self.assertNotEqual(result.returncode, 0)
        self.assert_says(result, "the farm has no wheel nothing")


if __name__ == "__main__":
    main()
