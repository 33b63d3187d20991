"""Emulated builds with a set, on the quick processor alone, and by the emulator as the machine has it, in a real farm: the same layers
(docs/accelerators.md).

Needs a calibrated set of each release (scripts/make-accelerators, scripts/calibrate-accelerators) in CROSSMILL_ACCELERATORS, or in
/var/lib/crossmill/accelerators, and the stand-ins python:3.11 and python:3.13 for linux/arm64, which have Debian's compilers. How
long each took is printed, not judged.
"""
import json
import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import stand_ins
from farm import FarmTestCase, can_run_arm64, main, step, text_of_log

SETS = pathlib.Path(os.environ.get("CROSSMILL_ACCELERATORS") or "/var/lib/crossmill/accelerators")
# Each RUN makes its own layer, and is judged alone.
RECIPE = """
FROM IMAGE
COPY . /c
WORKDIR /c
RUN for i in 1 2 3 4; do gcc -O2 -g -DNUMBER=$i -c unit.c -o unit$i.o || exit 1; done
RUN g++ -O2 -c classes.cc && g++ -o classes classes.o && ./classes >said
RUN gcc -g -O1 -fPIC -fstack-protector-strong -c unit.c -o protected.o
RUN gcc -O2 -g -flto -fPIC -shared unit.c -o liboptimised.so && g++ -O2 -flto classes.cc -o optimised && ./optimised >said-optimised
RUN gcc -v -c unit.c 2>&1 | sed 's,/tmp/cc[^.]*,NAME,g' >verbose; gcc -print-search-dirs -print-multiarch >told; gcc -dumpspecs >specs; as --version >as
RUN gcc -Wall -E unit.c >unit.i && gcc -M unit.c >unit.d && gcc -S -fverbose-asm unit.c && ! gcc -Werror -Wall -c warned.c 2>warned
RUN printf '%s' '-O3 -c unit.c -o response.o' >arguments && gcc @arguments && gcc -pipe -save-temps -c unit.c -o saved.o
RUN gcc -x c-header header.h -o header.h.gch && gcc -Winvalid-pch -include header.h -c unit.c -o precompiled.o && rm header.h.gch
RUN { tr '\\0' ' ' </proc/self/cmdline; readlink /proc/self/exe; python3 -c "import sys, ctypes; print(sys.orig_argv, [ctypes.CDLL(None).getauxval(n) for n in (8, 16, 26)])" '' 'b c' -cpu; } >identity
RUN { bash -c 'exec -a weird bash -c "echo \\$0"'; cp /bin/echo ./-e && PATH=.:$PATH && -e hi && rm ./-e; /bin/sh -c 'kill -SEGV $$'; echo $?; uname -m; } >>identity
RUN cp $(gcc -print-prog-name=cc1) /c/cc1 && ./cc1 -quiet -imultiarch aarch64-linux-gnu unit.c -o copied.s && printf x >>cc1 && ./cc1 -quiet -imultiarch aarch64-linux-gnu unit.c -o patched.s && rm cc1
"""
UNIT = """#include <stdio.h>
#include <string.h>
#ifndef NUMBER
#define NUMBER 0
#endif
int work(char *text, int n) { char copy[64]; strncpy(copy, text, 63); return n * NUMBER + (int)strlen(copy) + printf("%s\\n", __FILE__); }
"""
CLASSES = """#include <map>
#include <string>
#include <cstdio>
int main() { std::map<std::string, int> all{{"b", 2}, {"a", 1}}; for (auto& [name, n] : all) std::printf("%s=%d\\n", name.c_str(), n); }
"""


class Accelerated:
    """With `release` and `image`, for a farm of two workers, of which one has the sets."""
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
        unequal = [name for name, tool in tools.items() if tool["equal"] != tool["units"]]
        if unequal:
            raise unittest.SkipTest(f"the calibration did not pass for {', '.join(unequal)}")
        archive = stand_ins.find(cls.image)
        if archive is None or "arm64" not in archive.name:
            raise unittest.SkipTest(stand_ins.why_missing(cls.image))
        super().setUpClass()
        cls.farm.import_base(cls.image, archive)

    def sources(self):
        self.write("unit.c", UNIT)
        self.write("classes.cc", CLASSES)
        self.write("warned.c", "int f(void) { int unused; return 1 ? 2, 3 : x; }\n")
        self.write("header.h", "#include <stdlib.h>\n")

    def test_the_layers_are_the_same(self):
        self.sources()
        self.dockerfile(RECIPE.replace("IMAGE", self.image))
        common = ("--platform", "linux/arm64", "--no-cache")
        fast = self.build_json(*common, "--constraint", f"accelerators/{self.set}=yes")
        slow = self.build_json(*common, "--constraint", f"accelerators/{self.set}!=yes")
        plain = self.build_json(*common, "--accelerate", "off")
        for build, accelerated in ((fast, True), (slow, False), (plain, False)):
            console = text_of_log(self.farm.cli("logs", str(build["id"])).stdout)
            self.assertEqual(f"accelerated by {self.set}" in console, accelerated, console[-3000:])
        # Also where single calls stay emulated, each for its own reason.
        for line in RECIPE.strip().splitlines():
            if not line.startswith("RUN"):
                continue
            one, other, alone = (step(build, line[:40]) for build in (fast, slow, plain))
            self.assertEqual(one["layer_digest"], other["layer_digest"], line)
            self.assertEqual(alone["layer_digest"], other["layer_digest"], line)
            print(f"{line[:60]}: with the set {one['seconds']:.1f} s, without it {other['seconds']:.1f} s, the emulator alone "
                  f"{alone['seconds']:.1f} s", flush=True)

    def test_a_replica_is_emulated_and_agrees(self):
        self.sources()
        self.dockerfile(f"FROM {self.image}\nCOPY . /c\nRUN cd /c && gcc -O2 -g -c unit.c\n")
        build = self.build_json("--platform", "linux/arm64", "--no-cache", "--verify", "2", "--allow-same-host", "--vary", "none")
        cell, = build["cells"]
        self.assertEqual(cell["verdict"], "reproducible")


class BookwormTest(Accelerated, FarmTestCase):
    release, image = "bookworm", "python:3.11"


class TrixieTest(Accelerated, FarmTestCase):
    release, image = "trixie", "python:3.13"


if __name__ == "__main__":
    main()
