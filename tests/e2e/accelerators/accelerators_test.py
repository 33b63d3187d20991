"""Emulated builds with a set, on the quick processor alone, and by the emulator as the machine has it, in a real farm: the same layers
(docs/accelerators.md).

Needs a calibrated set of each release (scripts/make-accelerators, scripts/calibrate-accelerators) in CROSSMILL_ACCELERATORS, or in
/var/lib/crossmill/accelerators, and the stand-ins python:3.11, python:3.13, compilers:bookworm, compilers:trixie and golang:1.19 for
linux/arm64, which have Debian's compilers (scripts/base-images). How long each took is printed, not judged.
"""
import json
import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import recipes
import stand_ins
from farm import FarmTestCase, can_run_arm64, main, step, text_of_log

SETS = pathlib.Path(os.environ.get("CROSSMILL_ACCELERATORS") or "/var/lib/crossmill/accelerators")


class Accelerated:
    """With `release` and `image`, a `recipe` with its `files`, and the `tools` that it is about, for a farm of two workers, of which one has
    the sets."""
    # What a replica compiles, too.
    verified = "gcc -O2 -g -c unit.c"
    farm_options = {"workers": 2, "options_of": {"w1": ["--accelerators", str(SETS)]}}

    @classmethod
    def setUpClass(cls):
        if os.uname().machine != "x86_64" or not can_run_arm64():
            raise unittest.SkipTest("needs an x86_64 machine that emulates linux/arm64 (scripts/setup-host)")
        cls.set = f"debian-{cls.release}-arm64"
        records = list(SETS.glob(f"{cls.set}.calibration.json"))
        if not records:
            raise unittest.SkipTest(f"{SETS} has no calibrated {cls.set}: scripts/make-accelerators, scripts/calibrate-accelerators")
        tools = json.loads(records[0].read_text())["tools"]
        if missing := set(cls.tools) - {name.rpartition("/")[2] for name in tools}:
            raise unittest.SkipTest(f"of {cls.set} these are not calibrated: {', '.join(sorted(missing))}")
        unequal = [name for name, tool in tools.items() if tool["equal"] != tool["units"]]
        if unequal:
            raise unittest.SkipTest(f"the calibration did not pass for {', '.join(unequal)}")
        archive = stand_ins.find(cls.image, "arm64")
        if archive is None or "arm64" not in archive.name:
            raise unittest.SkipTest(stand_ins.why_missing(cls.image))
        super().setUpClass()
        cls.farm.import_base(cls.image, archive)

    def sources(self):
        for name, text in self.files.items():
            self.write(name, text)

    def test_the_layers_are_the_same(self):
        self.sources()
        self.dockerfile(self.recipe.replace("IMAGE", self.image))
        common = ("--platform", "linux/arm64", "--no-cache")
        fast = self.build_json(*common, "--constraint", f"accelerators/{self.set}=yes")
        slow = self.build_json(*common, "--constraint", f"accelerators/{self.set}!=yes")
        plain = self.build_json(*common, "--accelerate", "off")
        for build, accelerated in ((fast, True), (slow, False), (plain, False)):
            console = text_of_log(self.farm.cli("logs", str(build["id"])).stdout)
            self.assertEqual(f"accelerated by {self.set}" in console, accelerated, console[-3000:])
        # Also where single calls stay emulated, each for its own reason.
        for line in self.recipe.strip().splitlines():
            if not line.startswith("RUN"):
                continue
            one, other, alone = (step(build, line[:40]) for build in (fast, slow, plain))
            self.assertEqual(one["layer_digest"], other["layer_digest"], line)
            self.assertEqual(alone["layer_digest"], other["layer_digest"], line)
            print(f"{line[:60]}: with the set {one['seconds']:.1f} s, without it {other['seconds']:.1f} s, the emulator alone "
                  f"{alone['seconds']:.1f} s", flush=True)

    def test_a_replica_is_emulated_and_agrees(self):
        self.sources()
        self.dockerfile(f"FROM {self.image}\nCOPY . /c\nRUN cd /c && {self.verified}\n")
        build = self.build_json("--platform", "linux/arm64", "--no-cache", "--verify", "2", "--allow-same-host", "--vary", "none")
        cell, = build["cells"]
        self.assertEqual(cell["verdict"], "reproducible")


class BookwormTest(Accelerated, FarmTestCase):
    release, image = "bookworm", "python:3.11"
    recipe, files, tools = recipes.GCC, recipes.GCC_SOURCES, ("cc1", "cc1plus", "as", "ld", "ar", "ranlib", "nm", "strip", "objcopy")


class TrixieTest(Accelerated, FarmTestCase):
    release, image = "trixie", "python:3.13"
    recipe, files, tools = recipes.GCC, recipes.GCC_SOURCES, ("cc1", "cc1plus", "as", "ld", "ar", "ranlib", "nm", "strip", "objcopy")


class CompilersTest(Accelerated, FarmTestCase):
    """clang, lld, and rustc by cargo."""
    release, image = "trixie", "compilers:trixie"
    recipe, files, tools = recipes.LLVM, recipes.LLVM_SOURCES, ("clang", "lld", "rustc")


class BookwormCompilersTest(Accelerated, FarmTestCase):
    release, image = "bookworm", "compilers:bookworm"
    recipe, files, tools = recipes.LLVM, recipes.LLVM_SOURCES, ("clang", "lld", "rustc")


class GoTest(Accelerated, FarmTestCase):
    """Debian's own Go, whose library has too few packages with assembler to calibrate asm."""
    release, image = "bookworm", "golang:1.19"
    verified = "export GOCACHE=/tmp/cache && go build -o app . && rm -rf /tmp/cache"
    recipe, files, tools = recipes.GO, recipes.GO_SOURCES, ("compile", "link")


if __name__ == "__main__":
    main()
