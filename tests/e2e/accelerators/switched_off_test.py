"""A set that makes other bytes than emulated programs, in a real farm: found by --accelerate=verify and by --verify,
switched off for all of it, and allowed again (docs/accelerators.md).

Needs the probes of tests/worker/accelerators (built with the farm) and an emulator of arm64; the set is made here, of a program that writes
which of the two it is, with a calibration that was never made.
"""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "scripts"))

import accelerator_records as records
from farm import BIN, FarmTestCase, can_run_arm64, main, step, steps

PROBES = BIN.parent / "tests" / "worker" / "accelerators"
PLATFORM = ("--platform", "linux/arm64")
RECIPE = """
FROM scratch
COPY tool /bin/tool
WORKDIR /out
RUN ["/bin/tool", "note", "/out/which"]
"""


def digest(data):
    return hashlib.sha256(data).hexdigest()


def make_set(folder):
    """The digest of a set whose tool is the probe for this machine."""
    emulated, native = ((PROBES / f"probe-{machine}").read_bytes() for machine in ("aarch64", "x86_64"))
    program = {"path": "bin/tool", "size": len(native), "sha256": digest(native), "executable": True}
    tool = {"name": "probe", "program": "bin/tool", "loads": [], "needs": [], "arguments": [],
            "stands_for": {"path": "/bin/tool", "size": len(emulated), "sha256": digest(emulated)}}
    manifest = json.dumps({"format": 3, "name": "lying-arm64", "architecture": "arm64", "files": [program], "tools": [tool]}).encode()
    (folder / "lying-arm64" / "bin").mkdir(parents=True)
    (folder / "lying-arm64" / "bin" / "tool").write_bytes(native)
    (folder / "lying-arm64" / "manifest.json").write_bytes(manifest)
    emulator = records.emulator_of("arm64").read_bytes()
    result = {"tool": records.tool_identity(json.loads(manifest), tool), "emulator": records.digest_of(emulator), "corpus_units": 250,
              "units": 100, "equal": 100}
    records.write(folder / "lying-arm64.calibration.json", {"probe": result})
    return f"sha256:{digest(manifest)}"


def why_not():
    if os.uname().machine != "x86_64" or not can_run_arm64() or records.emulator_of("arm64") is None:
        return "needs an x86_64 machine that emulates linux/arm64 with the flags POCF (scripts/setup-host)"
    if not (PROBES / "probe-aarch64").exists():
        return f"{PROBES} has no probes: ninja accelerated_probes"
    own = subprocess.run(["setpriv", "--reuid", "crossmill", "--regid", "crossmill", "--clear-groups",
                          "unshare", "-Urm", "mount", "-t", "binfmt_misc", "binfmt_misc", "/mnt"],
                         capture_output=True, text=True, check=False)
    return "" if own.returncode == 0 else f"no binfmt_misc for user namespaces here (Linux 6.7): {own.stderr.strip()}"


class SwitchedOffTest(FarmTestCase):
    @classmethod
    def setUpClass(cls):
        if reason := why_not():
            raise unittest.SkipTest(reason)
        folder = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-lying.", dir="/var/tmp"))
        cls.addClassCleanup(shutil.rmtree, folder)
        folder.chmod(0o755)
        umask = os.umask(0o022)
        cls.set = make_set(folder)
        os.umask(umask)
        cls.farm_options = {"workers": 2, "worker_options": ["--accelerators", str(folder)]}
        super().setUpClass()

    def setUp(self):
        super().setUp()
        self.write("tool", (PROBES / "probe-aarch64").read_bytes(), 0o755)
        # A key of each test's own.
        self.dockerfile(RECIPE + f"LABEL test={self.id()}\n")
        self.write(".dockerignore", "Dockerfile\n")

    def tearDown(self):
        self.farm.cli("admin", "accelerators", "allow", self.set)

    def ran(self, *arguments):
        return step(self.build_json(*PLATFORM, *arguments), "RUN")

    def switched_off(self):
        return json.loads(self.farm.cli("admin", "accelerators", "ls", "--json").stdout)

    def layers(self):
        """(accelerated, emulated) layer of the step."""
        fast, slow = self.ran("--no-cache"), self.ran("--accelerate", "off", "--no-cache")
        self.assertEqual((fast["acceleration"] or {}).get("digest"), self.set)
        self.assertIsNone(slow["acceleration"])
        self.assertNotEqual(fast["layer_digest"], slow["layer_digest"])
        return fast["layer_digest"], slow["layer_digest"]

    def test_what_workers_have_is_told(self):
        worker = json.loads(self.farm.cli("worker", "ls", "--json").stdout)[0]
        self.assertEqual(worker["accelerators"], [{"set": "lying-arm64", "digest": self.set, "architecture": "arm64", "tools": ["probe"],
                                                   "problems": []}])
        self.assertIn("accelerators: lying-arm64", self.farm.cli("worker", "ls", "-v").stdout)
        self.assertRegex(self.farm.cli("doctor").stdout, r"accelerators: w1 on \S+: lying-arm64 \(probe\)")

    def test_the_emulators_processor_is_told(self):
        signs = subprocess.run([records.emulator_of("arm64").resolve(), PROBES / "probe-aarch64", "signs"], capture_output=True, text=True,
                               check=True).stdout.split()[-1]
        quick = "max,pauth-impdef=on" if signs == "qarma" else None
        worker = json.loads(self.farm.cli("worker", "ls", "--json").stdout)[0]
        processors = {each["platform"]: each["processor"] for each in worker["platforms"]}
        self.assertEqual((processors["linux/arm64"], processors["linux/amd64"]), (quick, None))
        if quick:
            self.assertIn(f"linux/arm64 is emulated as the processor {quick}", self.farm.cli("worker", "ls", "-v").stdout)
        # A replica has it, too: where it does not, the comparison says so.
        self.dockerfile(RECIPE.replace('"note"', '"say"'))
        build = self.build_json(*PLATFORM, "--no-cache", "--verify", "2", "--allow-same-host")
        cell, = build["cells"]
        self.assertEqual(cell["verdict"], "reproducible")
        self.assertIn("emulated-processor", cell["comparison"]["equal"])

    def test_off_takes_no_accelerated_result_from_the_cache(self):
        self.ran("--no-cache")
        self.assertEqual(self.ran()["status"], "cached")
        self.assertIsNone(self.ran("--accelerate", "off")["acceleration"])
        self.assertIn("accelerated  1 step by lying-arm64", self.farm.cli("show", str(self.build_json(*PLATFORM, "--no-cache")["id"])).stdout)

    def test_verify_finds_it_and_the_farm_uses_it_no_more(self):
        lie, truth = self.layers()
        result = self.build(*PLATFORM, "--accelerate", "verify", "--no-cache")
        self.assert_exit(result, 0)
        self.assert_says(result, f"accelerator set lying-arm64 {self.set} is switched off for the farm", "/out/which")
        found = step(self.farm.show(), "RUN")
        self.assertEqual((found["acceleration_check"]["outcome"], found["acceleration_check"]["path"]), ("set-differs", "out/which"))
        self.assertEqual(found["layer_digest"], truth, "the emulated result counts")
        off, = self.switched_off()
        self.assertEqual((off["digest"], off["path"], off["build"]), (self.set, "out/which", self.farm.show()["id"]))
        self.assertIn("Dockerfile:4", off["step"])
        doctor = self.farm.cli("doctor").stdout
        self.assertIn("accelerators that are switched off", doctor)
        self.assertIn('"accelerators/off"', (self.farm.data / "audit.log").read_text())
        # Not from the cache, not by a worker, not after a restart.
        for _ in range(2):
            again = self.ran()
            self.assertEqual((again["layer_digest"], again["acceleration"]), (truth, None))
            self.farm.kill_coordinator()
            self.farm.start_coordinator()
            self.farm.wait_for_workers(2)
        self.assertIsNone(self.ran("--no-cache")["acceleration"])
        self.assert_exit(self.farm.cli("admin", "accelerators", "allow", self.set), 0)
        self.assertEqual(self.switched_off(), [])
        self.assertEqual(self.ran("--no-cache")["layer_digest"], lie)

    def test_a_replica_that_differs_finds_it_too(self):
        self.layers()
        build = self.build_json(*PLATFORM, "--no-cache", "--verify", "2", "--allow-same-host", "--vary", "none")
        self.assertEqual(build["cells"][0]["verdict"], "unreproducible")
        off, = self.switched_off()
        self.assertEqual((off["digest"], off["path"]), (self.set, "out/which"))
        self.assertIn("neither of two accelerated ones does", off["reason"])

    def test_a_recipe_that_differs_by_itself_switches_nothing_off(self):
        self.dockerfile(RECIPE.replace('"note", "/out/which"', '"take", "/proc/sys/kernel/random/uuid", "/out/which"'))
        ran = self.ran("--accelerate", "verify", "--no-cache")
        self.assertEqual(ran["acceleration_check"]["outcome"], "recipe-differs")
        self.assertEqual(self.switched_off(), [])
        self.build_json(*PLATFORM, "--no-cache", "--verify", "2", "--allow-same-host", "--vary", "none")
        self.assertEqual(self.switched_off(), [])

    def test_equal_executions_are_measured(self):
        self.dockerfile(RECIPE.replace('"note"', '"say"'))
        ran = self.ran("--accelerate", "verify", "--no-cache")
        self.assertEqual(ran["acceleration_check"]["outcome"], "equal")
        self.assertGreater(ran["acceleration_check"]["emulated_seconds"], 0)
        # It is proved, and good for who wants no set.
        self.assertEqual(self.ran("--accelerate", "off")["status"], "cached")
        self.assertEqual(len([each for each in steps(self.farm.show()) if each["acceleration"]]), 1)

    def test_an_unknown_word_is_refused(self):
        result = self.build(*PLATFORM, "--accelerate", "fast")
        self.assert_exit(result, 2)
        self.assert_says(result, "--accelerate=fast: expected auto, off or verify")


if __name__ == "__main__":
    main()
