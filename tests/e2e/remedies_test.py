"""The remedy of a failed install is true: put where the report says, the lines make the build succeed.

Needs the stand-ins for python:3.11-slim and debian:bookworm that scripts/base-images keeps (stand_ins.py), and the
machine's archive of Debian packages.
"""
import json
import pathlib
import subprocess
import sys
import unittest

import stand_ins
from farm import ROOT, FarmTestCase, main, require_root_and_user

sys.path.insert(0, str(ROOT / "tests/support"))
import package_index  # noqa: E402

COMPILE = "import pathlib, subprocess, sys\n"
# What builds do before they compile; each fails for its own reason where something is missing.
NEEDS = {
    "config-tool": """
try:
    subprocess.run(["pg_config", "--version"], check=True)
except FileNotFoundError:
    sys.exit("Error: pg_config executable not found.")
""",
    "pkg-config": """
found = subprocess.run("pkg-config --exists yaml-0.1", shell=True)
if found.returncode == 127 or found.returncode == 1:
    sys.exit("Package yaml-0.1 was not found in the pkg-config search path.")
""",
    "build-tool": """
try:
    subprocess.run(["cmake", "--version"], check=True)
except FileNotFoundError:
    sys.exit("CMake must be installed to build the following extensions: native")
""",
}


def sdist(need="", include=""):
    source = package_index.C_SOURCE
    if include:
        source = f"#include <{include}>\n" + source
    return package_index.sdist_bytes("tiny", "1.0", {
        "tiny/__init__.py": "", "src/native.c": source, "pyproject.toml": package_index.pyproject(True),
        f"backend/{package_index.BACKEND}.py": COMPILE + need + package_index.BACKEND_SOURCE})


def pip_download(folder, *names):
    """Wheels from the machine's own index."""
    for name in names:
        done = subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, name],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise unittest.SkipTest(f"the machine's package index gives no {name}: {done.stderr[-500:]}")


class RemediesTest(FarmTestCase):
    @classmethod
    def setUpClass(cls):
        require_root_and_user()
        bases = {name: stand_ins.find(name) for name in ("python:3.11-slim", "debian:bookworm")}
        for name, archive in bases.items():
            if archive is None:
                raise unittest.SkipTest(stand_ins.why_missing(name))
        super().setUpClass()
        for name, archive in bases.items():
            cls.farm.import_base(name, archive)

    def failure(self, *arguments):
        """The failed package of a build of the present Dockerfile."""
        result = self.build(*arguments)
        self.assert_exit(result, 1)
        rows = json.loads(self.farm.cli("packages", "--json").stdout)
        failed, = [row for row in rows if row["outcome"] == "failed"]
        # What scripts read, people read too.
        for line in failed["remedy_lines"]:
            self.assert_says(result, line)
        if failed["remedy_lines"]:
            self.assert_says(result, f"before line {failed['before_line']} of {failed['before_file']}")
        return failed

    def apply(self, failed):
        """Puts the lines where the report says."""
        path = self.context / failed["before_file"]
        lines = path.read_text().splitlines()
        at = failed["before_line"] - 1
        path.write_text("\n".join(lines[:at] + failed["remedy_lines"] + lines[at:]) + "\n")

    def assert_remedied(self, failed, failure_class, *packages):
        self.assertEqual(failed["failure_class"], failure_class, failed)
        self.assertTrue(failed["remedy_lines"], failed)
        for package in packages:
            self.assertIn(package, " ".join(failed["remedy_lines"]), failed)
        self.apply(failed)
        result = self.build()
        self.assert_exit(result, 0)

    def slim(self):
        self.dockerfile("""
            # A comment, so that lines are not steps.
            FROM python:3.11-slim
            COPY tiny-1.0.tar.gz /sdists/
            WORKDIR /tmp
            RUN true \\
              && true
            RUN pip install --no-index --find-links /sdists tiny
            RUN python3 -c "from tiny import native; print(native.answer())"
            """)

    def test_no_compiler(self):
        self.write("tiny-1.0.tar.gz", sdist())
        self.slim()
        # Without Python's headers the compiler would be of no use.
        self.assert_remedied(self.failure(), "no-compiler", "RUN apt-get update", "build-essential", "python3-dev")

    def test_config_tool_with_the_compiler_that_it_needs_next(self):
        self.write("tiny-1.0.tar.gz", sdist(NEEDS["config-tool"]))
        self.slim()
        failed = self.failure()
        self.assertEqual(failed["before_line"], 7)
        self.assertEqual(failed["before_text"], "RUN pip install --no-index --find-links /sdists tiny")
        self.assert_remedied(failed, "config-tool", "libpq-dev", "build-essential", "python3-dev")

    def test_pkg_config_as_another_user(self):
        self.write("tiny-1.0.tar.gz", sdist(NEEDS["pkg-config"]))
        self.context.joinpath("Dockerfile").write_text(
            "FROM python:3.11-slim\nRUN useradd -m app\nUSER app:app\nCOPY tiny-1.0.tar.gz /sdists/\n"
            "RUN pip install --user --no-index --find-links /sdists tiny\nRUN id -un | grep app\n")
        failed = self.failure()
        self.assertEqual((failed["remedy_lines"][0], failed["remedy_lines"][-1]), ("USER root", "USER app:app"))
        self.assert_remedied(failed, "pkg-config", "libyaml-dev", "pkg-config", "build-essential")

    def test_header_and_python_header_one_after_the_other(self):
        self.write("tiny-1.0.tar.gz", sdist(include="yaml.h"))
        self.dockerfile("""
            FROM python:3.11-slim
            RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev
            COPY tiny-1.0.tar.gz /sdists/
            RUN pip install --no-index --find-links /sdists tiny
            """)
        failed = self.failure()
        self.assertEqual(failed["failure_class"], "header")
        self.assertIn("libyaml-dev", failed["remedy_lines"][0])
        self.apply(failed)
        self.assert_remedied(self.failure(), "python-header", "python3-dev")

    def test_build_tool_in_a_heredoc(self):
        self.write("tiny-1.0.tar.gz", sdist(NEEDS["build-tool"]))
        self.dockerfile("""
            FROM python:3.11-slim
            COPY tiny-1.0.tar.gz /sdists/
            RUN <<EOF
            set -e
            pip install --no-index --find-links /sdists tiny
            EOF
            """)
        failed = self.failure()
        self.assertEqual(failed["before_line"], 3)
        self.assert_remedied(failed, "build-tool", "cmake", "build-essential")

    def test_externally_managed_and_a_build_constraint(self):
        wheels = self.context / "wheels"
        pip_download(wheels, "setuptools<82", "setuptools>=82", "wheel", "packaging")
        wheels.joinpath("old-1.0.tar.gz").write_bytes(package_index.sdist_bytes("old", "1.0", {
            "setup.py": "import pkg_resources\nfrom setuptools import setup\nsetup(name='old', version='1.0')\n",
            "pyproject.toml": '[build-system]\nrequires = ["setuptools", "wheel"]\nbuild-backend = "setuptools.build_meta"\n'}))
        self.dockerfile("""
            FROM debian:bookworm
            RUN apt-get update && apt-get install -y --no-install-recommends python3-pip
            COPY wheels /wheels
            RUN pip install --no-index --find-links /wheels old
            """)
        failed = self.failure()
        self.assertEqual(failed["failure_class"], "externally-managed")
        self.apply(failed)
        self.assert_remedied(self.failure(), "setuptools-too-new", "setuptools<82", "PIP_CONSTRAINT")

    def test_a_trigger_of_the_base_has_no_line_in_this_dockerfile(self):
        base = self.context / "base"
        base.mkdir()
        (base / "tiny-1.0.tar.gz").write_bytes(sdist())
        (base / "Dockerfile").write_text("FROM python:3.11-slim\nCOPY tiny-1.0.tar.gz /sdists/\n"
                                         "ONBUILD RUN pip install --no-index --find-links /sdists tiny\n")
        self.assert_exit(self.farm.build(base, "-t", "with-trigger:1"), 0)
        self.dockerfile("FROM with-trigger:1\nRUN true\n")
        result = self.build()
        self.assert_exit(result, 1)
        failed, = [row for row in json.loads(self.farm.cli("packages", "--json").stdout) if row["outcome"] == "failed"]
        self.assertIsNone(failed["before_line"])
        self.assertIn("RUN pip install", failed["before_text"])
        self.assert_says(result, "ONBUILD", failed["remedy_lines"][0])

    def test_what_is_not_known_to_be_right_is_no_line(self):
        # Its library is in no list.
        self.write("tiny-1.0.tar.gz", sdist("sys.exit('Package never-heard-of was not found in the pkg-config search path.')"))
        self.slim()
        failed = self.failure()
        self.assertEqual((failed["failure_class"], failed["remedy_lines"], failed["before_line"]), ("pkg-config", [], None))
        # libc6-dev is there, and has no such header.
        self.write("tiny-1.0.tar.gz", sdist("sys.exit('a.c:1:1: fatal error: zlib.h: No such file or directory')"))
        self.dockerfile("""
            FROM python:3.11-slim
            RUN apt-get update && apt-get install -y --no-install-recommends zlib1g-dev
            COPY tiny-1.0.tar.gz /sdists/
            RUN pip install --no-index --find-links /sdists tiny
            """)
        failed = self.failure()
        self.assertEqual((failed["failure_class"], failed["remedy_lines"]), ("header", []))
        self.assertIn("zlib1g-dev", failed["remedy"])
        self.assertIn("installed already", failed["remedy"])


class OperatorRulesTest(FarmTestCase):
    @classmethod
    def setUpClass(cls):
        require_root_and_user()
        archive = stand_ins.find("python:3.11-slim")
        if archive is None:
            raise unittest.SkipTest(stand_ins.why_missing("python:3.11-slim"))
        cls.rules = pathlib.Path("/var/tmp/crossmill-e2e-house.rules")
        cls.rules.write_text("class house-library\n  match cannot find our (?P<library>[a-z]+)\n  install library {library}\n"
                             "provide library corelib debian=libcore-house-dev\n")
        cls.addClassCleanup(cls.rules.unlink)
        cls.farm_options = {"workers": 1, "coordinator_options": ["--failure-rules", str(cls.rules)]}
        super().setUpClass()
        cls.farm.import_base("python:3.11-slim", archive)

    def test_rules_of_the_operators_come_before_ours(self):
        self.write("tiny-1.0.tar.gz", sdist("sys.exit('ModuleNotFoundError: cannot find our corelib')"))
        self.dockerfile("FROM python:3.11-slim\nCOPY tiny-1.0.tar.gz /sdists/\n"
                        "RUN pip install --no-index --find-links /sdists tiny\n")
        self.assert_exit(self.build(), 1)
        failed, = [row for row in json.loads(self.farm.cli("packages", "--json").stdout) if row["outcome"] == "failed"]
        self.assertEqual(failed["failure_class"], "house-library")
        self.assertEqual(failed["remedy_lines"],
                         ["RUN apt-get update && apt-get install -y --no-install-recommends libcore-house-dev"])

    def test_a_wrong_file_keeps_the_coordinator_from_starting_with_file_and_line(self):
        wrong = self.write("wrong.rules", "class x\n  match (unclosed\n")
        from farm import BIN
        done = subprocess.run([BIN / "crossmill-coordinator", "--data", self.context / "data", "--failure-rules", wrong],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 5)
        self.assertIn(f"{wrong}:2:", done.stderr)


if __name__ == "__main__":
    main()
