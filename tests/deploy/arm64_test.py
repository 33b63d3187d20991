#!/usr/bin/env python3
"""The packages for 64-bit ARM that were cross-compiled: what they hold and depend on, and that the programs run, by qemu on another
machine, with the libraries of scripts/make-sysroot: a worker joins a farm and builds for linux/arm64 what a worker of this
machine builds emulated, with the same bytes. CROSSMILL_PACKAGES names their folder."""
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

from farm import FarmTestCase, can_run_arm64, main, step

PACKAGES = pathlib.Path(os.environ.get("CROSSMILL_PACKAGES", ROOT / "build/packages"))
NAMES = ("crossmill", "crossmill-coordinator", "crossmill-worker")
SYSROOT = ROOT / "build/sysroot-arm64"
EMULATOR = [] if os.uname().machine == "aarch64" else ["qemu-aarch64-static", "-L", str(SYSROOT)]


def find(name):
    return max(PACKAGES.glob(f"{name}_*_arm64.deb"), key=lambda path: path.stat().st_mtime, default=None)


class Arm64(FarmTestCase):
    tiny_architectures = ("amd64", "arm64")
    farm_options = {"workers": 1}

    @classmethod
    def setUpClass(cls):
        if any(find(name) is None for name in NAMES):
            raise unittest.SkipTest(f"{PACKAGES} has no packages for arm64: scripts/make-packages --arch arm64")
        if EMULATOR and (not SYSROOT.exists() or shutil.which(EMULATOR[0]) is None):
            raise unittest.SkipTest("needs qemu-aarch64-static and build/sysroot-arm64: scripts/make-packages --arch arm64")
        scratch = tempfile.TemporaryDirectory(prefix="crossmill-arm64-", dir="/var/tmp")
        cls.addClassCleanup(scratch.cleanup)
        cls.root = pathlib.Path(scratch.name)
        cls.root.chmod(0o755)
        for name in NAMES:
            subprocess.run(["dpkg-deb", "-x", find(name), cls.root], check=True)
        super().setUpClass()

    def run_program(self, name, *arguments):
        return subprocess.run([*EMULATOR, self.root / "usr/bin" / name, *arguments], capture_output=True, text=True)

    def test_they_are_programs_of_that_architecture_and_say_their_version(self):
        version = re.search(r"project\(crossmill VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
        for name in NAMES:
            # Of its ELF header: 64 bits, little end first, EM_AARCH64.
            head = (self.root / "usr/bin" / name).read_bytes()[:20]
            self.assertEqual((head[:6], head[18:20]), (b"\x7fELF\x02\x01", b"\xb7\x00"))
            said = self.run_program(name, "--version")
            self.assertEqual(said.returncode, 0, said.stderr)
            self.assertIn(version, said.stdout)
            helped = self.run_program(name, "--help")
            self.assertEqual(helped.returncode, 0, helped.stderr)
            self.assertIn("Usage", helped.stdout)

    def test_dependencies_are_those_that_the_same_packages_have_here(self):
        for name in NAMES:
            fields = subprocess.run(["dpkg-deb", "-f", find(name)], capture_output=True, text=True, check=True).stdout
            self.assertIn("\nArchitecture: arm64\n", fields)
            depends = re.search(r"^Depends: (.*)$", fields, re.M)[1]
            for library in ("libc6 (>= ", "libgrpc++1.51", "libssl3", "libstdc++6 (>= "):
                self.assertIn(library, depends)
            if name != "crossmill":
                self.assertIn("init-system-helpers", depends)

    def test_completions_are_written_by_the_program_itself(self):
        file = self.root / "usr/share/bash-completion/completions/crossmill"
        self.assertEqual(file.read_text(), self.run_program("crossmill", "completion", "bash").stdout)

    def test_a_worker_joins_and_builds_what_an_emulating_one_does(self):
        if not can_run_arm64():
            self.skipTest("this machine runs no 64-bit ARM programs: scripts/setup-host")
        farm = self.farm
        data = farm.folder / "arm"
        data.mkdir()
        (data / "token").write_text(farm.worker_token + "\n")
        for path in (data, data / "token"):
            shutil.chown(path, "crossmill", "crossmill")
        with open(farm.folder / "arm.log", "ab") as log:
            farm.workers["arm"] = subprocess.Popen(
                [*EMULATOR, self.root / "usr/bin/crossmill-worker", "--config", "none", "--coordinator", f"127.0.0.1:{farm.port}",
                 "--name", "arm", "--data", data, "--token-file", data / "token", "--slots", "2"], stdout=log, stderr=log)
        farm.wait_for_workers(2)
        self.dockerfile("""
            FROM tiny
            RUN mkdir /d && echo text > /d/file && chmod 4755 /d/file && chown 1000:1000 /d
        """)
        built = self.build_json("--platform", "linux/arm64", "--verify", "2", "--allow-same-host", "--require", "reproducible")
        made = step(built, "RUN mkdir")
        self.assertEqual({made["worker"], *(replica["worker"] for replica in made["replicas"])}, {"w1", "arm"})


if __name__ == "__main__":
    main()
