#!/usr/bin/env python3
"""scripts/accelerator_records.py: what the repository says of a tool goes beside a set if tool and emulator are the same, and only then;
and scripts/calibrate-accelerators goes on after an interruption with what it had, and with nothing else.

Run by ctest, without network, emulator or worker.
"""
import importlib.machinery
import importlib.util
import json
import math
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


# As SetManifest() of tests/worker/accelerators/accelerator_set_test.cc.
def file(path, content, **more):
    return {"path": path, "size": len(content), "sha256": records.digest_of(content).removeprefix("sha256:"), **more}


def manifest():
    return {"format": 3, "name": "debian-test-arm64", "architecture": "arm64",
            "files": [file("bin/cc1", b"native cc1", executable=True), file("lib/libz.so.1", b"z")],
            "tools": [{"name": "gcc-12/cc1", "program": "bin/cc1", "loads": ["lib/libz.so.1"], "stands_for": file("/usr/lib/gcc/cc1", b"emulated cc1"),
                       "needs": [file("/lib/libisl.so", b"isl")],
                       "arguments": [{"kind": "fine-prefix", "text": "-dump"}, {"kind": "emulated-word", "text": "-v"}]}]}


def with_go():
    made = manifest()
    made["files"].append(file("bin/go-1.22.12-compile", b"native compile", executable=True))
    made["tools"].append({"name": "go-1.22.12/compile", "program": "bin/go-1.22.12-compile",
                          "loads": [], "stands_for": file("/usr/local/go/compile", b"emulated compile"), "needs": [], "arguments": [],
                          "variables": [{"kind": "needed", "text": "GOARCH=arm64"}]})
    return made


class IdentityTest(unittest.TestCase):
    def test_it_is_the_workers(self):
        # tests/worker/accelerators/accelerator_set_test.cc has the same.
        self.assertEqual(records.tool_identity(manifest(), manifest()["tools"][0]), "sha256:95541f74a0a35ec3e9d89b007fea87beabcb8a2c82713482a6214bf741dcfada")

    def test_another_tool_makes_no_difference_and_a_rule_does(self):
        self.assertEqual(records.tool_identity(with_go(), with_go()["tools"][0]), records.tool_identity(manifest(), manifest()["tools"][0]))
        other = with_go()
        other["tools"][1]["variables"][0]["text"] = "GOARCH=arm"
        self.assertNotEqual(records.tool_identity(other, other["tools"][1]), records.tool_identity(with_go(), with_go()["tools"][1]))

    def test_what_it_is_given_in_another_files_place_is_part_of_it(self):
        made = manifest()
        made["tools"][0]["arguments"].append({"kind": "replaced-file", "text": "-plugin", "from": "/usr/lib/plugin.so", "to": "lib/plugin.so"})
        made["files"].append(file("lib/plugin.so", b"plugin"))
        before = records.tool_identity(made, made["tools"][0])
        made["files"][-1] = file("lib/plugin.so", b"another")
        self.assertNotEqual(records.tool_identity(made, made["tools"][0]), before)

    def test_what_loads_nothing_is_the_same_in_every_set(self):
        made = with_go()
        before = records.tool_identity(made, made["tools"][1])
        made["files"][1] = file("lib/libz.so.1", b"another z")
        self.assertEqual(records.tool_identity(made, made["tools"][1]), before)
        made["files"][2] = file("bin/go-1.22.12-compile", b"another compile", executable=True)
        self.assertNotEqual(records.tool_identity(made, made["tools"][1]), before)


class TakeOverTest(Folder):
    def setUp(self):
        super().setUp()
        self.shipped, self.target = self.folder / "shipped", self.folder / "sets" / NAME
        self.shipped.mkdir()
        self.target.mkdir(parents=True)
        self.emulator = self.folder / "qemu-aarch64-static"
        self.emulator.write_bytes(b"emulator")
        self.result = {"tool": records.tool_identity(manifest(), manifest()["tools"][0]), "emulator": records.digest_of(b"emulator"),
                       "made_at": "2026-11-29T10:00:00", "units": 123, "equal": 123}

    def take_over(self, made, **other):
        records.write(self.shipped / f"{NAME}.calibration.json", {"gcc-12/cc1": {**self.result, **other}})
        return "\n".join(records.take_over(self.target, made, self.emulator, self.shipped))

    def put(self):
        return self.target.parent / f"{NAME}.calibration.json"

    def test_the_same_tool_and_emulator_get_the_result(self):
        said = self.take_over(manifest())
        self.assertEqual(records.read(self.put()), {"gcc-12/cc1": self.result})
        self.assertIn("gcc-12/cc1: calibrated 2026-11-29, 123 of 123", said)
        self.assertNotIn("calibrate-accelerators", said)

    def test_of_a_set_with_more_tools_each_has_its_own(self):
        said = self.take_over(with_go())
        self.assertEqual(list(records.read(self.put())), ["gcc-12/cc1"])
        self.assertIn("go-1.22.12/compile: not calibrated: none comes", said)
        self.assertIn(f"scripts/calibrate-accelerators {self.target}", said)

    def test_a_toolchains_tool_has_one_record_for_all_sets(self):
        made = with_go()
        result = {**self.result, "tool": records.tool_identity(made, made["tools"][1])}
        records.write(self.shipped / "go-arm64.calibration.json", {"go-1.22.12/compile": result})
        self.assertIn("go-1.22.12/compile: calibrated 2026-11-29", self.take_over(made))
        self.assertEqual(list(records.read(self.put())), ["gcc-12/cc1", "go-1.22.12/compile"])
        # One that loads what its set has is another one in each.
        made["tools"][1]["loads"] = ["lib/libz.so.1"]
        self.assertIn("it was made of other packages", self.take_over(made))

    def test_another_sets_tool_of_the_same_name_says_nothing_and_hides_nothing(self):
        other = {"gcc-12/cc1": {**self.result, "tool": records.digest_of(b"of another architecture")}}
        records.write(self.shipped / "debian-zebra-arm.calibration.json", other)
        self.assertIn("gcc-12/cc1: calibrated", self.take_over(manifest()))
        (self.shipped / f"{NAME}.calibration.json").unlink()
        self.assertIn("none comes with the repository", "\n".join(records.take_over(self.target, manifest(), self.emulator, self.shipped)))

    def test_whatever_differs_is_said_and_keeps_the_result_away(self):
        other = records.digest_of(b"other")
        for changes, what in (({"tool": other}, f"the calibrated one {other}"), ({"emulator": other}, f"the calibration is against {other}")):
            with self.subTest(what):
                said = self.take_over(manifest(), **changes)
                self.assertIn(what, said)
                self.assertIn(f"scripts/calibrate-accelerators {self.target}", said)
                self.assertFalse(self.put().exists())

    def test_a_record_of_another_format_says_nothing(self):
        file = self.shipped / f"{NAME}.calibration.json"
        file.write_text(json.dumps({"format": 1, "set": "x", "tools": {"gcc-12/cc1": self.result}}))
        self.assertEqual(records.read(file), {})

    def test_a_machine_without_an_emulator_gets_none(self):
        self.emulator = None
        self.assertIn("no emulator is registered", self.take_over(manifest()))
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

    def test_one_of_the_highest_byte_first(self):
        self.register("s390x", "POCF", magic="7f454c4602020100000000000000000000020016")
        self.assertEqual(records.emulator_of("s390x", self.folder), pathlib.Path("/usr/bin/s390x"))


class ShippedTest(unittest.TestCase):
    """What worker/accelerators/calibration_record.h wants of a record, of those that come with the repository."""

    def test_they_have_passed(self):
        for record in records.SHIPPED.glob("*.calibration.json"):
            self.assertTrue(records.read(record), record)
            for name, result in records.read(record).items():
                self.assertGreaterEqual(result["corpus_units"], 200, name)
                for digest in (result["tool"], result["emulator"], result["corpus"], *result["base"]):
                    self.assertRegex(digest, "^sha256:[0-9a-f]{64}$")
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


class ToolsTest(unittest.TestCase):
    def test_a_corpus_is_of_the_tools_that_it_has_units_for(self):
        calibrate = script("calibrate-accelerators")
        names = [tool["name"] for tool in calibrate.tools_of(with_go(), [{"language": "c"}])]
        self.assertEqual(names, ["gcc-12/cc1"])
        names = [tool["name"] for tool in calibrate.tools_of(with_go(), [{"language": "go", "of": "go-1.22.12"}])]
        self.assertEqual(names, ["go-1.22.12/compile"])
        self.assertEqual(calibrate.tools_of(with_go(), [{"language": "go", "of": "go-1.21.0"}]), [])

    def test_of_rust_the_version_counts_and_of_clang_and_binutils_the_units_alone(self):
        calibrate = script("calibrate-accelerators")
        made = {"tools": [{"name": name} for name in ("rust-1.85.1/rustc", "clang-19.1.7/clang", "clang-19.1.7/lld", "binutils-2.44-3/as",
                                                      "binutils-2.44-3/ld", "binutils-2.44-3/ar", "binutils-2.44-3/strip")]}
        for units, tools in (([{"language": "rust", "of": "rust-1.85.1"}], ["rust-1.85.1/rustc"]), ([{"language": "rust", "of": "rust-1.63.0"}], []),
                             ([{"language": "clang-c"}, {"language": "clang-link"}], ["clang-19.1.7/clang", "clang-19.1.7/lld"]),
                             ([{"language": "archive"}, {"language": "strip"}], ["binutils-2.44-3/ar", "binutils-2.44-3/strip"])):
            with self.subTest(units):
                self.assertEqual([tool["name"] for tool in calibrate.tools_of(made, units)], tools)

    def test_every_kind_of_unit_has_a_tool_and_every_tool_a_probe(self):
        calibrate, probes = script("calibrate-accelerators"), script("accelerator_probes.py")
        for name in calibrate.KINDS:
            tool = {"name": f"go-1/{name}" if name in ("compile", "asm", "link") else f"x-1/{name}", "program": "bin/x-1", "stands_for": {"path": "/x"}}
            with self.subTest(name):
                self.assertIn(".executed", probes.script([tool], ["part-0.sh"]))

    def test_a_linker_is_told_what_the_driver_is_told_for_it(self):
        calibrate = script("calibrate-accelerators")
        tool = {"name": "clang-19.1.7/lld", "arguments": [{"kind": "emulated-prefix", "text": "--thinlto-"}, {"kind": "emulated-prefix", "text": "-O"}]}
        self.assertFalse(calibrate.is_emulated(tool, {"language": "clang-link", "command": ["clang", "-O2", "a.o"]}))
        told = ["clang", "-O2", "-Wl,--icf=all,--thinlto-jobs=1", "a.o"]
        self.assertTrue(calibrate.is_emulated(tool, {"language": "clang-link", "command": told}))


class CorpusTest(unittest.TestCase):
    def test_each_combination_of_options_meets_each_level_on_every_architecture(self):
        corpus = script("make-accelerator-corpus")
        self.assertEqual(math.gcd(len(corpus.LEVELS), len(corpus.EXTRAS)), 1)
        self.assertEqual(math.gcd(len(corpus.LINKS), len(corpus.LINK_EXTRAS)), 1)
        for one, other in ((corpus.LEVELS, corpus.LTO_EXTRAS), (corpus.LEVELS, corpus.LTO_OUTPUTS), (corpus.LTO_EXTRAS, corpus.LTO_OUTPUTS)):
            self.assertEqual(math.gcd(len(one), len(other)), 1)
        self.assertEqual(set(corpus.ARCHITECTURES), set(script("make-accelerators").TARGETS))
        for name, architecture in corpus.ARCHITECTURES.items():
            with self.subTest(name):
                own = "{0} {1} {2} {3} {4} {5}"
                self.assertEqual(own.format(*architecture.options).split(), list(architecture.options))
                self.assertTrue(all(any(f"{{{number}}}" in extra for extra in corpus.EXTRAS) for number in range(6)))

    def test_a_small_part_has_its_share_of_links_and_none_of_no_objects(self):
        corpus = script("make-accelerator-corpus")
        units = [{"name": "u0001", "folder": "zlib", "command": ["gcc"]}]
        self.assertEqual(len(corpus.made_of(units, 0, 2, 1)), corpus.EACH_PART)
        made = corpus.made_of(units, 0, 2, 10)
        self.assertEqual([unit["name"] for unit in made], ["u0002", "u0003", "u0004"])
        self.assertEqual(corpus.made_of([{**units[0], "folder": "musl"}], 0, 2, 10), [])

    def test_no_two_of_other_corpora_have_a_common_divisor_either(self):
        clang, rust = script("clang_corpus.py"), script("make-rust-corpus")
        for one, other in ((clang.LEVELS, clang.EXTRAS), (clang.LINKS, clang.LINK_EXTRAS), (rust.LEVELS, rust.EXTRAS), (rust.LEVELS, rust.OUTPUTS),
                           (rust.EXTRAS, rust.OUTPUTS), (rust.EXTRAS, rust.PROGRAM_OUTPUTS), (rust.LEVELS, rust.UNLINKED)):
            self.assertEqual(math.gcd(len(one), len(other)), 1)

    def test_clang_links_of_each_source_one_object(self):
        clang = script("clang_corpus.py")
        units = [{"folder": "own", "command": ["clang", option, "-c", source, "-o", f"/out/{number}.o"]}
                 for number, (option, source) in enumerate((("-O0", "a.c"), ("-O1", "a.c"), ("-O2", "b.c"), ("-g", "b.c")))]
        chosen = []
        clang.some_of(units, 1, 4, chosen)
        self.assertEqual([unit["command"][-1] for unit in chosen], ["/out/1.o", "/out/2.o"])

    def test_a_crate_is_compiled_after_what_it_needs(self):
        crates = script("make-rust-corpus").CRATES
        names = list(crates)
        for name, crate in crates.items():
            self.assertTrue(all(names.index(need) < names.index(name) for need in crate.needs), name)

    def test_without_what_stays_emulated_there_is_what_the_others_need(self):
        units = [{"name": f"u{number}", "command": ["rustc", *words.split()]} for number, words in enumerate((
            "lib.rs --crate-type lib --emit=link,metadata --out-dir /out/u0.out", "lib.rs --crate-type=rlib --out-dir /out/u1.out",
            "main.rs --extern lib=/out/u0.out/liblib.rlib --out-dir /out/u2.out", "derive.rs --crate-type=proc-macro --out-dir /out/u3.out",
            "derived.rs --extern derive=/out/u3.out/libderive.so", "--print=cfg", "c.rs --crate-type=cdylib -Cprofile-use=x", "c.rs --crate-type=cdylib"))]
        kept = [unit["name"] for unit in script("make-rust-corpus").native_only(units)]
        self.assertEqual(kept, ["u0", "u2", "u7"])

    def test_an_older_rustc_gets_the_same_programs_in_its_words(self):
        programs = script("rust_programs.py")
        newer, older = programs.all_programs(), programs.all_programs(older=True)
        self.assertEqual(list(newer), list(older))
        for name, words in programs.OLDER.items():
            for word, _ in words:
                self.assertIn(word, newer[name])
                self.assertNotIn(word, older[name])
        for word in ("OnceLock", "ffi::c_char"):
            self.assertNotIn(word, "".join(older.values()))
        rust = script("make-rust-corpus")
        self.assertTrue(set(rust.OLDER) <= set(rust.EXTRAS))

    def test_what_binutils_are_calibrated_with_is_enough_of_each(self):
        binutils = script("binutils_corpus.py")
        units = binutils.Units()
        for number in range(binutils.COUNT * binutils.PARTS):
            binutils.archive_units(units, number)
            binutils.other_units(units, number)
        languages = [unit["language"] for part in units.parts for unit in part]
        for language in ("archive", "ranlib", "strip", "objcopy", "nm"):
            self.assertGreaterEqual(languages.count(language), 80, language)


class UnitsTest(unittest.TestCase):
    def test_what_is_compiled_when_it_is_linked_counts_by_its_sources(self):
        count = script("calibrate-accelerators").translation_units
        self.assertEqual(count({"command": ["gcc", "-O2", "-flto", "a.c", "b.c", "-o", "/out/u.linked"]}), 2)
        self.assertEqual(count({"command": ["g++", "-g", "-c", "a.cpp", "-o", "/out/u.o"]}), 1)
        self.assertEqual(count({"command": ["g++", "/out/a.o", "/out/b.o", "-o", "/out/u.linked"]}), 1)


class OutputsTest(unittest.TestCase):
    """What is no difference between two executions: what neither of two emulated ones has alike."""

    def test_names_by_chance_and_what_the_emulator_says(self):
        calibrate = script("calibrate-accelerators")
        emulated = calibrate.by_unit({"u1.err": b"ld: /tmp/ccdw6dMm.ltrans0.ltrans.o: undefined\nqemu: uncaught target signal 11\n"})
        self.assertEqual(emulated, calibrate.by_unit({"u1.err": b"ld: /tmp/ccWcscbk.ltrans0.ltrans.o: undefined\n"}))
        self.assertNotEqual(emulated, calibrate.by_unit({"u1.err": b"ld: /tmp/ccWcscbk.ltrans1.ltrans.o: undefined\n"}))
        # strip unpacks an archive beside it.
        self.assertEqual(calibrate.by_unit({"u1.err": b"strip: /out/stXZTzsu/a.o: no symbols\n"}),
                         calibrate.by_unit({"u1.err": b"strip: /out/st2TIuXv/a.o: no symbols\n"}))
        # Of a file that a compiler left every byte counts.
        self.assertNotEqual(calibrate.by_unit({"u1.o": b"/tmp/ccdw6dMm.o"}), calibrate.by_unit({"u1.o": b"/tmp/ccWcscbk.o"}))


class FoundRulesTest(unittest.TestCase):
    """Calls of which a native program was found to make something else."""

    def judge(self, rules, emulated, native, command="cc1"):
        calibrate = script("calibrate-accelerators")
        tool = {"arguments": script("accelerator_rules.py").written(rules, llvm="aarch64-unknown-linux-gnu")}
        for expected, calls in ((True, emulated), (False, native)):
            for words in calls:
                with self.subTest(words):
                    self.assertEqual(calibrate.is_emulated(tool, {"command": [command, *words.split()]}), expected)

    def test_compilers(self):
        rules = script("accelerator_rules.py").COMPILER_RULES
        self.judge(rules, ("-march=x86-64", "-march=native", "-march=", "-fpreprocessed x.i", "-iwithprefix include", "-iwithprefixbefore x"),
                   ("-march=armv8.2-a+sve", "-march=rv64gc", "-march=z14", "-march=arch13", "-march=armv7-a+neon", "-mtune=cortex-a72"))

    def test_assembler_linker_and_what_handles_objects(self):
        rules = script("accelerator_rules.py")
        self.judge(rules.ASSEMBLER_RULES, ("-f x.s",), ("-fPIC", "-o x.o x.s"))
        self.judge(rules.LINKER_RULES, ("-plug x", "--plugi x", "-sysroot=/x", "--sysr=/x"), ("-plugin-opt=-fresolution=x", "-pie", "--print-map"))
        self.judge(rules.ARCHIVE_RULES, ("--plug x", "--pl=x", "--plugin x"), ("rcs a.a x.o", "--preserve-dates x"))

    def test_programs_of_llvm(self):
        rules = script("accelerator_rules.py")
        self.judge(rules.CLANG_RULES, ("--driver-mode=cl", "-Xclang -version", "-mllvm --version", "-ftemplate-depth=2500", "-xcuda x"), ("-O2 -c x.c",))
        self.judge(rules.LLD_RULES, ("-plugin-opt=-version", "--plugin-opt=-mcpu=native", "-plugin-opt=thinlto-index-only"), ("-plugin-opt=O2", "-plugin-opt=mcpu=x"))
        self.judge(rules.RUST_RULES, ("--crate-type=bin -C target_cpu=native", "--crate-type=bin -OCtarget-cpu=native", "--crate-type=bin -Cllvm_args=x"),
                   ("--crate-type=bin -O -Ctarget-cpu=cortex-a72 -g",))

    def test_a_change_of_one_architecture_is_no_gap_of_another(self):
        make = script("make-accelerators")
        versions = ("12.2.0-14cross1", "12.2.0-14+deb12u1")
        self.assertIn(("emulated-prefix", "-fstack-protector"), make.gap_rules(*versions, "arm64"))
        self.assertEqual(make.gap_rules(*versions, "s390x"), [])
        self.assertEqual(make.gap_rules("14.2.0-19cross1", "14.2.0-19", "riscv64"), [])
        for unknown in ((*versions, "ppc64el"), ("12.2.0-14cross1", "12.2.0-15", "arm64")):
            with self.assertRaisesRegex(make.Failed, "it is not known what that makes different"):
                make.gap_rules(*unknown)

    def test_go_counts_what_its_programs_do_since_a_version(self):
        has_telemetry = script("make-accelerators").has_telemetry
        self.assertEqual([has_telemetry(name) for name in ("go-1.19.8-2", "go-1.22.12", "go-1.23.0", "go-1.24.4-1", "go-1.27.4", "go-2.0")],
                         [False, False, True, True, True, True])


class GoRulesTest(unittest.TestCase):
    """Calls of Go's tools that are not calibrated stay emulated, however their flags are written."""

    def test_one_dash_or_two_and_a_value_behind_or_beside(self):
        rules, calibrate = script("make-accelerators").rules, script("calibrate-accelerators")
        tool = {"arguments": [{"kind": kind, "text": text} for kind, text in rules.GO_RULES]}
        for words in (["-race"], ["--race"], ["-buildmode=c-shared"], ["--buildmode=plugin"], ["-buildmode", "c-archive"],
                      ["--buildmode", "shared"], ["-d", "fuzz"], ["--dynlink"], ["-V=full"], ["--V=full"], ["@file"], ["--cpuprofile=x"]):
            with self.subTest(words):
                self.assertTrue(calibrate.is_emulated(tool, {"command": ["compile", *words]}))
        for words in (["-buildmode=pie"], ["-buildmode=exe"], ["-d=checkptr=1"], ["-p", "main"], ["-trimpath", "/x"], ["-importcfg", "a"]):
            with self.subTest(words):
                self.assertFalse(calibrate.is_emulated(tool, {"command": ["compile", *words]}))


class DebianGoTest(Folder):
    def test_its_root_is_made_whole_of_what_is_of_every_architecture_without_what_was_compiled_before(self):
        go = script("go_toolchain.py")
        toolchain = object.__new__(go.OfDebian)
        toolchain.root, toolchain.work = go.debian_root("bookworm"), self.folder
        root, shared = self.folder / "arm64/usr/lib/go-1.19", self.folder / "arm64/usr/share/go-1.19"
        for path in ("pkg/tool/linux_arm64/compile", "pkg/linux_arm64/fmt.a", "VERSION"):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(path)
        for path in ("src/fmt/print.go", "src/fmt/print_test.go", "src/fmt/testdata/x", "test/a.go", "misc/b"):
            (shared / path).parent.mkdir(parents=True, exist_ok=True)
            (shared / path).write_text(path)
        for name in ("src", "test", "misc"):
            (root / name).symlink_to(f"../../share/go-1.19/{name}")
        toolchain.make_root("arm64", self.folder / "made")
        made = [file.relative_to(self.folder / "made").as_posix() for file in (self.folder / "made").rglob("*") if not file.is_dir()]
        self.assertEqual(sorted(made), ["VERSION", "pkg/tool/linux_arm64/compile", "src/fmt/print.go"])
        self.assertFalse(any(file.is_symlink() for file in (self.folder / "made").rglob("*")))

    def test_how_often_it_was_built_again_is_not_in_its_name(self):
        name = script("go_toolchain.py").debian_name
        self.assertEqual((name("1.24.4-1\n"), name("1.19.8-2+b3")), ("go-1.24.4-1", "go-1.19.8-2"))


class ResumedTest(Folder):
    TOOLS = [{"name": "gcc-12/cc1", "program": "bin/cc1", "stands_for": {"path": "/usr/lib/cc1"}}]
    ABOUT = {"set": "s", "emulator": "e", "corpus": "c", "base": ["b"]}

    def executions(self, about):
        """How often each way was executed in a calibration of two parts, one at a time."""
        calibrate, runner = script("calibrate-accelerators"), PlayedRunner()
        corpus = self.folder / "corpus"
        corpus.mkdir(exist_ok=True)
        for number in range(2):
            (corpus / f"part-{number}.sh").touch()
        arguments = type("Arguments", (), {"corpus": corpus, "keep": self.folder / "kept", "jobs": 1})
        left, seconds = calibrate.execute(arguments, self.TOOLS, about, runner, [])
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
        """(whether it passed, the result of the tool)."""
        made = self.folder / NAME
        corpus = self.folder / "corpus"
        for folder in (made, corpus, self.folder / "work"):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        (made / "manifest.json").write_text(json.dumps(manifest()))
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
        return passed, records.read(self.folder / f"{NAME}.calibration.json")["gcc-12/cc1"]

    def test_its_result_is_of_the_tool_and_the_emulator(self):
        passed, result = self.calibrate()
        self.assertTrue(passed)
        self.assertEqual(records.difference(result, records.tool_identity(manifest(), manifest()["tools"][0]), self.folder / "qemu"), "")
        self.assertEqual((result["units"], result["equal"], result["not_compiled"], result["emulated"], result["different"]), (1, 1, 0, 0, []))
        self.assertEqual((result["corpus_units"], result["base"]), (1, ["sha256:" + "b" * 64]))

    def test_what_was_calibrated_before_stays(self):
        file = self.folder / f"{NAME}.calibration.json"
        records.write(file, {"go-1.22.12/compile": {"units": 300}})
        self.calibrate()
        self.assertEqual(list(records.read(file)), ["go-1.22.12/compile", "gcc-12/cc1"])

    def test_a_unit_that_differs_is_told_with_its_command(self):
        passed, result = self.calibrate(different="u0001.o")
        self.assertFalse(passed)
        self.assertEqual(result["different"], ["u0001 gcc -O2 one.c"])


if __name__ == "__main__":
    unittest.main()
