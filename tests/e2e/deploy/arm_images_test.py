#!/usr/bin/env python3
"""The images of deploy/images for both architectures, built by the farm itself: one index of two platforms for each, the arm64 one
from cross-compiled packages and emulated, every step twice with the same bytes, and its program runs. CROSSMILL_PACKAGES names a folder
with packages of both architectures (scripts/check arm makes them); CROSSMILL_IMAGES_TARGETS takes less than all three images."""
import json
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import stand_ins
from container import Container, Unpacked
from farm import BIN, ROOT, FarmTestCase, can_run_arm64, main

BASE = "debian:bookworm"
ARCHITECTURES = ("amd64", "arm64")
TARGETS = os.environ.get("CROSSMILL_IMAGES_TARGETS", "coordinator,worker,cli").split(",")
# The program of each image, and a word of what it says of itself.
PROGRAMS = {"coordinator": ("crossmill-coordinator", "--data"), "worker": ("crossmill-worker", "Executes build stages"),
            "cli": ("crossmill", "Usage:")}
# The number of the machine in an ELF file.
MACHINES = {"amd64": b"\x3e\x00", "arm64": b"\xb7\x00"}


class ArmImages(FarmTestCase):
    farm_options = {"workers": 2}

    @classmethod
    def setUpClass(cls):
        packages = os.environ.get("CROSSMILL_PACKAGES")
        if not packages or any(not list(pathlib.Path(packages).glob(f"{PROGRAMS[target][0]}_*_{arch}.deb"))
                               for target in TARGETS for arch in ARCHITECTURES):
            raise unittest.SkipTest("CROSSMILL_PACKAGES names no packages of both architectures: scripts/check arm runs it")
        if not can_run_arm64():
            raise unittest.SkipTest("needs a machine that runs arm64 programs: scripts/setup-host")
        base = stand_ins.find(BASE)
        if not stand_ins.registry_answers() and (base is None or not all(arch in base.name for arch in ARCHITECTURES)):
            raise unittest.SkipTest("no registry answers, and there is no stand-in of both architectures: "
                                    "scripts/base-images build --image debian")
        super().setUpClass()
        if not stand_ins.registry_answers():
            cls.farm.import_base("debian:bookworm-slim", base)
        words = [word for arch in ARCHITECTURES for word in ("--arch", arch)]
        words += [word for target in TARGETS for word in ("--target", target)]
        cls.made = subprocess.run(
            [ROOT / "scripts/build-images", "--packages", packages, "--name", "farm", *words, "--", "--allow-same-host", "--progress",
             "plain"], capture_output=True, text=True, env=cls.farm.environment() | {"CROSSMILL": str(BIN / "crossmill")})
        cls.version = subprocess.run([BIN / "crossmill", "--version"], capture_output=True, text=True).stdout.split()[-1]

    def setUp(self):
        super().setUp()
        self.assertEqual(self.made.returncode, 0, self.story(self.made))

    def test_each_is_one_index_whose_images_are_reproducible(self):
        built = json.loads(self.farm.cli("ls", "--json").stdout)
        self.assertEqual(len(built), len(TARGETS))
        for build in built:
            self.assertEqual(build["verdict"], "reproducible")
            cells = {cell["platform"]: cell for cell in self.farm.show(build["id"])["cells"]}
            self.assertEqual(set(cells), {f"linux/{arch}" for arch in ARCHITECTURES})
            for platform, cell in cells.items():
                self.assertEqual((cell["verdict"], cell["emulated"]), ("reproducible", platform != f"linux/{stand_ins.architecture()}"))
                self.assertGreaterEqual(cell["comparison"]["executions"], 2)

    def test_its_programs_are_of_the_architecture_and_run(self):
        for target in TARGETS:
            program, said = PROGRAMS[target]
            for arch in ARCHITECTURES:
                with self.subTest(target=target, arch=arch), Unpacked(self.farm, f"farm-{target}:{self.version}", f"linux/{arch}") as image:
                    self.assertEqual((image.root / "usr/bin" / program).read_bytes()[18:20], MACHINES[arch])
                    with Container(image, ["--help"]) as container:
                        self.assertEqual(container.wait(), 0, container.output())
                        self.assertIn(said, container.output())


if __name__ == "__main__":
    main()
