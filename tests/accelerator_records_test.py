#!/usr/bin/env python3
"""scripts/accelerator_records.py: the repository's record goes beside a set if set and emulator are its own, and only then;
and scripts/calibrate-accelerators goes on after an interruption with what it had, and with nothing else.

Run by ctest, without network, emulator or worker.
"""
import importlib.machinery
import importlib.util
import json
import pathlib
import shutil
import sys
import tempfile
import unittest
import unittest.mock

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import accelerator_records as records  # noqa: E402

NAME = "debian-bookworm-arm64"
SET = records.digest_of(b"set")
ARM64 = "7f454c460201010000000000000000000200b700"


def script(name):
    # No folder of compiled sources beside the scripts.
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), str(ROOT / "scripts" / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)


class TakeOverTest(Folder):
    def setUp(self):
        super().setUp()
        self.shipped, self.target = self.folder / "shipped", self.folder / "sets" / NAME
        self.shipped.mkdir()
        self.target.mkdir(parents=True)
        self.emulator = self.folder / "qemu-aarch64-static"
        self.emulator.write_bytes(b"emulator")

    def take_over(self, record, made=SET, emulator=None):
        if record is not None:
            (self.shipped / f"{NAME}.calibration.json").write_text(json.dumps(record))
        return "\n".join(records.take_over(self.target, made, emulator or self.emulator, self.shipped))

    def record(self, **other):
        return {"format": 1, "set": SET, "emulator": records.digest_of(b"emulator"), "made_at": "2026-11-29",
                "tools": {"gcc-12/cc1": {"units": 123, "equal": 123}}, **other}

    def put(self):
        return self.target.parent / f"{NAME}.calibration.json"

    def test_the_same_set_and_emulator_get_the_record_to_the_last_byte(self):
        said = self.take_over(self.record())
        self.assertEqual(self.put().read_bytes(), (self.shipped / self.put().name).read_bytes())
        self.assertIn("gcc-12/cc1 123 of 123", said)
        self.assertNotIn("calibrate-accelerators", said)

    def test_whatever_differs_is_said_and_keeps_the_record_away(self):
        other = records.digest_of(b"other")
        for record, what in ((self.record(set=other), f"the set is {SET}, the record is of {other}"),
                             (self.record(emulator=other), f"the record is of {other}"),
                             (self.record(format=2), "another format"),
                             (None, "no calibration")):
            with self.subTest(what):
                for file in self.shipped.iterdir():
                    file.unlink()
                said = self.take_over(record)
                self.assertIn(what, said)
                self.assertIn(f"scripts/calibrate-accelerators {self.target}", said)
                self.assertFalse(self.put().exists())

    def test_a_machine_without_an_emulator_gets_none(self):
        (self.shipped / f"{NAME}.calibration.json").write_text(json.dumps(self.record()))
        said = "\n".join(records.take_over(self.target, SET, None, self.shipped))
        self.assertIn("no emulator is registered", said)
        self.assertFalse(self.put().exists())


class EmulatorTest(Folder):
    def register(self, name, flags, magic=ARM64, state="enabled"):
        (self.folder / name).write_text(f"{state}\ninterpreter /usr/bin/{name}\nflags: {flags}\noffset 0\nmagic {magic}\n")

    def test_only_one_that_is_enabled_for_the_architecture_and_has_the_flags(self):
        (self.folder / "status").write_text("enabled\n")
        self.register("disabled", "POCF", state="disabled")
        self.register("riscv64", "POCF", magic=ARM64[:36] + "f300")
        self.register("without-argv0", "OCF")
        self.assertIsNone(records.emulator_of("arm64", self.folder))
        self.register("zz-qemu", "POCF")
        self.assertEqual(records.emulator_of("arm64", self.folder), pathlib.Path("/usr/bin/zz-qemu"))
        self.assertIsNone(records.emulator_of("arm64", self.folder / "none"))


class ShippedTest(unittest.TestCase):
    """What worker/accelerators/calibration_record.h wants of a record, of those that come with the repository."""

    def test_they_have_passed(self):
        for file in records.SHIPPED.glob("*.calibration.json"):
            record = json.loads(file.read_text())
            self.assertGreaterEqual(record["units"], 200, file)
            for digest in (record["set"], record["emulator"], record["corpus"], *record["base"]):
                self.assertRegex(digest, "^sha256:[0-9a-f]{64}$")
            for name, result in record["tools"].items():
                self.assertGreaterEqual(result["units"], 75, name)
                self.assertEqual((result["equal"], result["different"]), (result["units"], []), name)


class PlayedRunner:
    """A worker that compiles nothing. `different`: the unit whose object is another one natively."""

    def __init__(self, different=""):
        self.runs, self.different = [], different

    def run(self, layers, command, accelerate):
        self.runs.append(accelerate)
        native = accelerate == "trial"
        self.left = {"cc1.executed": b"/dev/accelerators/bin/cc1\n" if native else b"/usr/bin/qemu\n", "u0001.o": b"object",
                     "u0001.code": b"0\n"}
        if native and self.different:
            self.left[self.different] = b"another"
        return {"startedAt": "0", "finishedAt": "2000000000"}

    def files(self, step, folder):
        return self.left


class ResumedTest(Folder):
    MANIFEST = {"tools": [{"name": "gcc-12/cc1", "program": "bin/cc1", "stands_for": {"path": "/usr/lib/cc1"}}]}
    ABOUT = {"set": "s", "emulator": "e", "corpus": "c", "base": ["b"]}

    def executions(self, about):
        """How often each way was executed in a calibration of two parts, one at a time."""
        calibrate, runner = script("calibrate-accelerators"), PlayedRunner()
        corpus = self.folder / "corpus"
        corpus.mkdir(exist_ok=True)
        for number in range(2):
            (corpus / f"part-{number}.sh").touch()
        arguments = type("Arguments", (), {"corpus": corpus, "keep": self.folder / "kept", "jobs": 1})
        left, seconds = calibrate.execute(arguments, self.MANIFEST, about, runner, [])
        self.assertEqual(left["emulated"], {"u0001.o": b"object", "u0001.code": b"0\n"})
        self.assertEqual(seconds, {"accelerated": 4, "emulated": 4})
        return runner.runs.count("trial"), runner.runs.count("off")

    def test_what_was_complete_is_not_executed_again_and_another_set_keeps_what_was_emulated(self):
        self.assertEqual(self.executions(self.ABOUT), (2, 2))
        self.assertEqual(self.executions(self.ABOUT), (0, 0))
        (self.folder / "kept" / "emulated" / "part-1" / "complete.json").unlink()
        self.assertEqual(self.executions(self.ABOUT), (0, 1))
        self.assertEqual(self.executions({**self.ABOUT, "set": "other"}), (2, 0))
        self.assertEqual(self.executions({**self.ABOUT, "emulator": "other"}), (2, 2))


class WholeCalibrationTest(Folder):
    def calibrate(self, different=""):
        """(whether it passed, its record)."""
        made = self.folder / NAME
        corpus = self.folder / "corpus"
        for folder in (made, corpus, self.folder / "work"):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        tool = {"name": "gcc-12/cc1", "program": "bin/cc1", "stands_for": {"path": "/usr/lib/cc1"}, "arguments": []}
        (made / "manifest.json").write_text(json.dumps({"architecture": "arm64", "tools": [tool]}))
        (corpus / "part-0.sh").touch()
        (corpus / "units.json").write_text(json.dumps([{"name": "u0001", "language": "c", "command": ["gcc", "-O2", "one.c"]}]))
        emulator = self.folder / "qemu"
        emulator.write_bytes(b"emulator")
        calibrate = script("calibrate-accelerators")
        arguments = type("Arguments", (), {"set": made, "corpus": corpus, "base": None, "worker": None, "jobs": 2,
                                           "keep": self.folder / "work" / "kept"})
        with unittest.mock.patch.multiple(calibrate.worker_steps, Runner=lambda *_: PlayedRunner(different),
                                          base_layers=lambda *_: [{"tar": {"hash": "b" * 64}}]), \
                unittest.mock.patch.object(calibrate.accelerator_records, "emulator_of", lambda _: emulator):
            passed = calibrate.calibrate(arguments, self.folder / "work")
        record = json.loads((self.folder / f"{NAME}.calibration.json").read_text())
        return passed, record, records.digest_of((made / "manifest.json").read_bytes())

    def test_its_record_is_of_the_set_and_the_emulator(self):
        passed, record, made = self.calibrate()
        self.assertTrue(passed)
        self.assertEqual(records.differences(record, made, self.folder / "qemu"), [])
        self.assertEqual(record["tools"]["gcc-12/cc1"],
                         {"units": 1, "equal": 1, "not_compiled": 0, "emulated": 0, "different": []})
        self.assertEqual((record["units"], record["base"]), (1, ["sha256:" + "b" * 64]))

    def test_a_unit_that_differs_is_told_with_its_command(self):
        passed, record, _ = self.calibrate(different="u0001.o")
        self.assertFalse(passed)
        self.assertEqual(record["tools"]["gcc-12/cc1"]["different"], ["u0001 gcc -O2 one.c"])


if __name__ == "__main__":
    unittest.main()
