#!/usr/bin/env python3
"""What the Debian packages hold, looked at without installing them, and the units as systemd itself judges them. The
packages are made from the programs of CROSSMILL_BUILD. On a clean root they are tried by clean_root_test.py."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from farm import main

BUILD = pathlib.Path(os.environ.get("CROSSMILL_BUILD", ROOT / "build/release"))
UNITS = ROOT / "deploy/systemd"
PLACES = {
    "crossmill": ("usr/bin/crossmill", "usr/share/bash-completion/", "usr/share/zsh/", "usr/share/fish/",
                  "usr/share/doc/crossmill/"),
    "crossmill-coordinator": ("usr/bin/crossmill-coordinator", "usr/lib/sysusers.d/", "usr/lib/tmpfiles.d/",
                              "lib/systemd/system/", "etc/crossmill/", "usr/share/doc/crossmill-coordinator/"),
    "crossmill-worker": ("usr/bin/crossmill-worker", "usr/lib/sysusers.d/", "usr/lib/tmpfiles.d/", "usr/lib/crossmill/",
                         "lib/systemd/system/", "etc/crossmill/workers", "usr/share/doc/crossmill-worker/"),
}


class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if shutil.which("dpkg-shlibdeps") is None or shutil.which("dpkg-deb") is None:
            raise unittest.SkipTest("needs dpkg-dev: scripts/install-dependencies --check")
        # As CTest runs it: the programs are there.
        scratch = tempfile.TemporaryDirectory(prefix="crossmill-packages-", dir="/var/tmp")
        cls.addClassCleanup(scratch.cleanup)
        os.umask(0o077)
        cls.addClassCleanup(os.umask, 0o022)
        subprocess.run(["bash", "-c", "umask 022; exec \"$@\"", "sh", "cpack", "--config", BUILD / "CPackConfig.cmake",
                        "-B", scratch.name, "-D", "CPACK_DEBIAN_PACKAGE_RELEASE=7"], check=True, capture_output=True)
        cls.files = {file.name.split("_")[0]: file for file in pathlib.Path(scratch.name).glob("*.deb")}
        assert set(cls.files) == set(PLACES), cls.files

    def entries(self, package):
        data = subprocess.run(["dpkg-deb", "--fsys-tarfile", self.files[package]], capture_output=True, check=True).stdout
        path = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "x.tar"
        path.write_bytes(data)
        with tarfile.open(path) as archive:
            return {entry.name.removeprefix("./"): entry for entry in archive if entry.name not in (".", "./")}

    def field(self, package, name):
        return subprocess.run(["dpkg-deb", "-f", self.files[package], name], capture_output=True, text=True,
                              check=True).stdout.strip()

    def control(self, package, name):
        result = subprocess.run(["dpkg-deb", "-I", self.files[package], name], capture_output=True, text=True)
        return result.stdout if result.returncode == 0 else None

    def test_every_file_is_where_it_belongs_with_an_ordinary_mode(self):
        for package, places in PLACES.items():
            for name, entry in self.entries(package).items():
                with self.subTest(package, name=name):
                    self.assertEqual((entry.uid, entry.gid), (0, 0))
                    self.assertTrue(entry.isdir() or entry.isfile(), "no links, no devices")
                    program = name.startswith(("usr/bin/", "usr/lib/crossmill/"))
                    self.assertEqual(entry.mode & 0o7777, 0o755 if entry.isdir() or program else 0o644)
                    if entry.isdir():
                        self.assertTrue(any(place.startswith(name) or name.startswith(place.rstrip("/")) for place in places))
                    else:
                        self.assertTrue(name.startswith(places), places)
                        self.assertGreater(entry.size, 0)

    def test_settings_are_conffiles_and_nothing_else_is(self):
        for package in PLACES:
            settings = ["/" + name for name, entry in self.entries(package).items()
                        if name.startswith("etc/") and entry.isfile()]
            self.assertEqual((self.control(package, "conffiles") or "").split(), settings, package)
        self.assertEqual((self.control("crossmill-coordinator", "conffiles") or "").split(),
                         ["/etc/crossmill/coordinator.toml"])

    def test_dependencies_are_those_of_the_programs(self):
        version = re.search(r"project\(crossmill VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
        for package in PLACES:
            self.assertEqual(self.field(package, "Version"), version + "-7")
            for library in ("libgrpc++1.51", "libc6 (>=", "libssl3"):
                self.assertIn(library, self.field(package, "Depends"), package)
        self.assertIn("crun | runc", self.field("crossmill-worker", "Depends"))
        self.assertIn("systemd", self.field("crossmill-coordinator", "Depends"))
        self.assertNotIn("systemd", self.field("crossmill", "Depends"))

    def test_the_command_line_has_no_protocols_that_only_the_coordinator_speaks(self):
        # Descriptors of messages have the names of their files. Alone as one file it has to stay under 25 MB.
        programs = {name: (BUILD / "bin" / name).read_bytes() for name in ("crossmill", "crossmill-coordinator")}
        for protocol in (b"moby/buildkit/v1/control.proto", b"opentelemetry/proto/trace/v1/trace.proto"):
            self.assertNotIn(protocol, programs["crossmill"])
            self.assertIn(protocol, programs["crossmill-coordinator"])

    def test_maintainer_scripts_are_shell_and_remove_data_only_when_purged(self):
        for package in ("crossmill-coordinator", "crossmill-worker"):
            for script in ("postinst", "prerm", "postrm"):
                text = self.control(package, script)
                subprocess.run(["sh", "-n"], input=text, text=True, check=True)
                self.assertTrue(text.startswith("#!/bin/sh\n") and "\nset -e\n" in text, script)
                for part in re.findall(r"rm -rf.*", text):
                    self.assertEqual(script, "postrm")
                    before = text[:text.index(part)]
                    self.assertGreater(before.rfind('"$1" = purge'), before.rfind('"$1" = remove'))

    def test_completions_are_those_of_the_program(self):
        names = [name for name in self.entries("crossmill") if "completion" in name and not name.endswith("completions")]
        self.assertEqual({name.rsplit("/", 1)[1] for name in names if self.entries("crossmill")[name].isfile()},
                         {"crossmill", "_crossmill", "crossmill.fish"})

    def test_settings_that_are_shipped_are_understood(self):
        for name, program in (("coordinator", "crossmill-coordinator"), ("worker", "crossmill-worker")):
            printed = subprocess.run([BUILD / "bin" / program, "--config", ROOT / f"deploy/packages/{name}.toml",
                                      "--print-config"], capture_output=True, text=True)
            self.assertEqual(printed.returncode, 0, printed.stderr)
            self.assertIn('data = "/var/lib/crossmill/', printed.stdout)


class Units(unittest.TestCase):
    # What systemd-analyze counts, 0 (nothing exposed) to 100; a worker is made of mounts and namespaces.
    MOST_EXPOSED = {"crossmill-coordinator.service": 20, "crossmill-worker@.service": 85}

    def setUp(self):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("needs systemd-analyze")

    def test_systemd_understands_them(self):
        with tempfile.TemporaryDirectory() as folder:
            for unit in self.MOST_EXPOSED:
                text = (UNITS / unit).read_text()
                # Programs that are here; everything else is as it is.
                text = re.sub(r"/usr/bin/(crossmill-\w+)", lambda found: str(BUILD / "bin" / found[1]), text)
                path = pathlib.Path(folder, unit.replace("@", "@w1"))
                path.write_text(text)
                checked = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", path],
                                         capture_output=True, text=True)
                self.assertEqual((checked.returncode, checked.stderr.strip()), (0, ""), unit)

    def test_they_are_no_more_exposed_than_they_have_to_be(self):
        for unit, most in self.MOST_EXPOSED.items():
            checked = subprocess.run(["systemd-analyze", "security", "--offline=yes", f"--threshold={most}", UNITS / unit],
                                     capture_output=True, text=True)
            self.assertEqual(checked.returncode, 0, checked.stdout[-400:] + checked.stderr)


if __name__ == "__main__":
    main()
