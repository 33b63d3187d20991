#!/usr/bin/env python3
"""The command line as one file (scripts/make-static-client), on a root that has nothing but the C library.

CROSSMILL_STATIC_CLIENT: the file; without one the tests are passed over, since its libraries are compiled from sources that are
fetched. Needs root, for chroot."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from farm import Farm, main

PROGRAM = pathlib.Path(os.environ.get("CROSSMILL_STATIC_CLIENT", ROOT / "build/packages/crossmill-static"))
MOST = 25_000_000


class StaticClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not PROGRAM.exists() or os.geteuid() != 0:
            raise unittest.SkipTest("needs root and the file: scripts/make-static-client")
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-static-", dir="/var/tmp"))
        cls.addClassCleanup(shutil.rmtree, cls.root)
        # Of the C library what a program is loaded with, and nothing else.
        needed = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True, check=True).stdout
        cls.libraries = re.findall(r"(/\S+)", needed)
        for library in map(pathlib.Path, cls.libraries):
            place = cls.root / str(library).lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, place)
        shutil.copy(PROGRAM, cls.root / "crossmill")

    def run_there(self, *arguments, **more):
        return subprocess.run([shutil.which("chroot"), self.root, "/crossmill", *map(str, arguments)], capture_output=True, text=True,
                              env={"HOME": "/", "PATH": "/"}, timeout=120, **more)

    def test_it_is_one_file_and_small(self):
        self.assertLessEqual(PROGRAM.stat().st_size, MOST)
        names = {pathlib.Path(library).name for library in self.libraries}
        self.assertLessEqual({name for name in names if not name.startswith("ld-linux")}, {"libc.so.6", "libm.so.6"})

    def test_it_runs_where_nothing_but_the_c_library_is(self):
        version = self.run_there("--version")
        self.assertEqual(version.returncode, 0, version.stderr)
        self.assertTrue(version.stdout.startswith("crossmill "))
        (self.root / "recipe").mkdir()
        (self.root / "recipe/Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
        checked = self.run_there("check", "/recipe")
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_it_builds_on_a_farm(self):
        with Farm(workers=1) as farm:
            (self.root / "context").mkdir()
            (self.root / "context/file").write_text("from a root without anything")
            (self.root / "context/Dockerfile").write_text("FROM scratch\nCOPY file /\n")
            (self.root / "token").write_text(farm.client_token)
            (self.root / "token").chmod(0o600)
            built = self.run_there("--coordinator", f"127.0.0.1:{farm.port}", "--token-file", "/token", "build", "-t", "there:1",
                                   "/context")
            self.assertEqual(built.returncode, 0, built.stdout + built.stderr)
            self.assertIn("there:1", [image["name"] for image in json.loads(farm.cli("image", "ls", "--json").stdout)])


if __name__ == "__main__":
    main()
