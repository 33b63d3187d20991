"""Native programs in the place of emulated ones, in real steps of the real worker: when they are executed, and when not.

The set has one tool, a small program for two architectures that says which one it is. Needs root, the user crossmill, an emulator
of arm64 with the flags POCF, and a kernel with binfmt_misc per user namespace (Linux 6.7); without them it is skipped.

    accelerated_steps_test.py WORKER EMULATED_PROBE NATIVE_PROBE
"""
import base64
import hashlib
import io
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tarfile
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "scripts"))
import accelerator_records  # noqa: E402

SKIPPED = 77
# A run takes about a second; only one that hangs is ended.
LONGEST_RUN = 300
WORKER, EMULATED, NATIVE = map(pathlib.Path, sys.argv[1:4])
FORMATS = pathlib.Path("/proc/sys/fs/binfmt_misc")


def digest(data):
    return hashlib.sha256(data).hexdigest()


def formats():
    """What is registered and enabled: name, and the entry's words."""
    for entry in sorted(FORMATS.iterdir()) if FORMATS.is_dir() else []:
        text = entry.read_text() if entry.name not in ("register", "status") else ""
        if text.startswith("enabled"):
            yield entry.name, dict(re.findall(r"^(\w+):? (\S+)$", text, re.M))


def emulator():
    return accelerator_records.emulator_of("arm64")


def why_not():
    if os.geteuid() != 0:
        return "needs root"
    if subprocess.run(["id", "crossmill"], capture_output=True, check=False).returncode != 0:
        return "needs the system user crossmill (scripts/setup-host)"
    if emulator() is None:
        return "no emulator of arm64 is registered with the flags POCF"
    # Such an entry works for the machine, since its file is open; a worker cannot register it again, and then accelerates nothing.
    for name, found in formats():
        if "F" in found.get("flags", "") and not os.path.isfile(found["interpreter"]):
            return f"binfmt_misc/{name} is registered with {found['interpreter']}, which is not there any more"
    # As the worker's user: what root may do in a namespace says nothing of it.
    own = subprocess.run(["setpriv", "--reuid", "crossmill", "--regid", "crossmill", "--clear-groups",
                          "unshare", "-Urm", "mount", "-t", "binfmt_misc", "binfmt_misc", "/mnt"],
                         capture_output=True, text=True, check=False)
    return "" if own.returncode == 0 else f"no binfmt_misc for user namespaces here (Linux 6.7): {own.stderr.strip()}"


def file_entry(path, data, **more):
    return {"path": path, "size": len(data), "sha256": digest(data), **more}


class AcceleratedStepsTest(unittest.TestCase):
    def setUp(self):
        # The worker's user has to reach what is made here, whatever the caller's umask is.
        self.addCleanup(os.umask, os.umask(0o022))
        folder = tempfile.TemporaryDirectory(prefix="crossmill-accelerated.", dir="/var/tmp")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.folder.chmod(0o755)
        (self.folder / "blobs").mkdir()
        self.emulated, self.native = EMULATED.read_bytes(), NATIVE.read_bytes()
        self.library = b"what the tool reads besides"
        self.files = {"bin/tool": (self.emulated, 0o755), "lib/needed": (self.library, 0o644),
                      # Never in the table, since it is a byte longer.
                      "bin/probe": (self.emulated + b"\0", 0o755)}
        self.folders = ()
        self.rules = [("fine-prefix", "-dump"), ("emulated-prefix", "-d"), ("emulated-word", "-v"), ("included-file", "-include")]
        self.make_set()

    def make_set(self, more=(), variables=(), folders=(), processor=()):
        """Rules besides the usual ones, as a manifest has them; `more`: of arguments."""
        folder = self.folder / "sets" / "test-arm64"
        (folder / "bin").mkdir(parents=True, exist_ok=True)
        (folder / "bin" / "plugin").write_bytes(b"the set's own")
        (folder / "bin" / "tool").write_bytes(self.native)
        tool = {"name": "probe", "program": "bin/tool", "loads": [], "stands_for": file_entry("/bin/tool", self.emulated),
                "needs": [file_entry("/lib/needed", self.library)],
                "arguments": [*more, *({"kind": kind, "text": text} for kind, text in self.rules)],
                "variables": list(variables), "folders": list(folders), "processor": list(processor)}
        manifest = {"format": 3, "name": "test-arm64", "architecture": "arm64", "tools": [tool],
                    "files": [file_entry("bin/tool", self.native, executable=True), file_entry("bin/plugin", b"the set's own")]}
        self.manifest = json.dumps(manifest).encode()
        (folder / "manifest.json").write_bytes(self.manifest)

    def calibrate(self, **changes):
        manifest = json.loads(self.manifest)
        result = {"tool": accelerator_records.tool_identity(manifest, manifest["tools"][0]),
                  "emulator": accelerator_records.digest_of(emulator().read_bytes()), "corpus_units": 250, "units": 100, "equal": 100}
        accelerator_records.write(self.folder / "sets" / "test-arm64.calibration.json", {"probe": {**result, **changes}})

    def root(self):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name in ("bin", "etc", "lib", "tmp", *self.folders, *sorted(self.files)):
                entry = tarfile.TarInfo(name)
                entry.mode, entry.type = (self.files[name][1], tarfile.REGTYPE) if name in self.files else (0o777, tarfile.DIRTYPE)
                data = self.files[name][0] if name in self.files else b""
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
        data = buffer.getvalue()
        (self.folder / "blobs" / f"sha256-{digest(data)}").write_bytes(data)
        return {"tar": {"hash": digest(data), "sizeBytes": str(len(data))}}

    def step(self, *argv, accelerate="trial", env=(), replica=0, task=(), step=(), sets=True, **run):
        """What the step's program printed; self.said has all that the worker wrote."""
        task = {**dict(task), "name": "test", "platform": {"os": "linux", "architecture": "arm64"}, "parents": [self.root()],
                "sourceDateEpoch": "1700000000", "replica": replica,
                "steps": [{**dict(step), "number": 2, "instruction": "RUN", "text": "RUN test", "clampTime": "1700000001",
                           "run": {"argv": list(argv), "env": [*([] if any(each.startswith("PATH=") for each in env) else ["PATH=/bin"]), *env], "cwd": "/", "network": "NETWORK_MODE_NONE",
                                   **run}}]}
        file = self.folder / "task.json"
        file.write_text(json.dumps(task))
        command = [WORKER, "run", file, "--blobs", self.folder / "blobs", "--data", self.folder / "data",
                   "--accelerate", accelerate, *(["--accelerators", self.folder / "sets"] if sets else [])]
        result = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=LONGEST_RUN, check=False)
        self.said = result.stderr
        self.assertEqual(result.returncode, 0, result.stderr)
        self.result = json.loads(result.stdout)
        lines = [line for line in result.stderr.splitlines()
                 if line.startswith(("native", "emulated", "refused", "written")) and not line.startswith("emulated /usr")]
        self.assertEqual(len(lines), 1, result.stderr)
        return lines[0]

    # ---- what is executed natively ----

    def test_a_program_with_the_right_content_is_replaced_with_its_own_arguments(self):
        self.assertEqual(self.step("/bin/tool", "say", "one", ""), "native /bin/tool one ")
        self.assertIn("accelerated by test-arm64 sha256:" + digest(self.manifest), self.said)

    def test_one_that_comes_in_the_step_is_recognised_by_its_content(self):
        self.assertEqual(self.step("/bin/probe", "copy", "/bin/tool", "/tmp/installed", "say", "x"), "native /tmp/installed x")

    def test_a_user_of_the_recipe_has_it_too(self):
        self.assertEqual(self.step("/bin/tool", "say", user="1234:1234"), "native /bin/tool")

    def test_arguments_that_are_fine(self):
        self.assertEqual(self.step("/bin/tool", "say", "-dumpbase", "-vx"), "native /bin/tool -dumpbase -vx")
        self.assertEqual(self.step("/bin/tool", "say", "-include", "/lib/needed"), "native /bin/tool -include /lib/needed")

    def test_a_file_of_the_set_in_the_place_of_one_that_is_named(self):
        self.make_set([{"kind": "replaced-file", "text": "-plugin", "from": "/lib/needed", "to": "bin/plugin"}])
        self.assertEqual(self.step("/bin/tool", "say", "-plugin", "/lib/needed", "x"),
                         "native /bin/tool -plugin /dev/accelerators/bin/plugin x")
        # Another file, none, or two: what the emulated tool would load is not known.
        for words in (["-plugin", "/lib/other"], ["-plugin"], ["x"], ["-plugin", "/lib/needed", "-plugin", "/lib/needed"]):
            with self.subTest(words):
                self.assertEqual(self.step("/bin/tool", "say", *words), " ".join(["emulated /bin/tool", *words]))

    def test_arguments_that_only_the_native_one_gets(self):
        self.make_set([{"kind": "added", "text": "-cc1", "from": "--target=x"}, {"kind": "added", "text": "--for", "from": "--for", "to": "y"},
                       {"kind": "replaced-file", "text": "-plugin", "from": "/lib/needed", "to": "bin/plugin"}])
        plugin = ["-plugin", "/lib/needed"], "-plugin /dev/accelerators/bin/plugin"
        self.assertEqual(self.step("/bin/tool", "say", *plugin[0], "z"), f"native /bin/tool --target=x --for y say {plugin[1]} z")
        self.assertEqual(self.step("/bin/probe", "as", "/bin/tool", "tool", "-cc1as", *plugin[0]), f"native tool --for y -cc1as {plugin[1]}")
        # A file may have such a name, and the program is none the less for it.
        for words in (["-cc1as"], ["-o", "-cc1.o"], ["--force", "--form=x"]):
            with self.subTest(words):
                self.assertEqual(self.step("/bin/tool", "say", *words, *plugin[0]), f"native /bin/tool --target=x --for y say {' '.join(words)} {plugin[1]}")
        self.assertEqual(self.step("/bin/tool", "say", *plugin[0], "--for=z"), f"native /bin/tool --target=x say {plugin[1]} --for=z")

    # ---- what stays emulated ----

    def test_arguments_that_are_not(self):
        for words in (["-v"], ["-da"], ["-include", "/lib/missing"], ["-include"]):
            with self.subTest(words):
                self.assertEqual(self.step("/bin/tool", "say", *words), " ".join(["emulated /bin/tool", *words]))
        self.files["lib/needed.gch"] = (b"precompiled", 0o644)
        self.assertTrue(self.step("/bin/tool", "say", "-include", "/lib/needed").startswith("emulated"))

    def test_variables_that_would_mean_something_to_the_emulated_one(self):
        for variable in ("LD_PRELOAD=/lib/x.so", "LD_LIBRARY_PATH=/lib", "LD_RUN_PATH=/opt/lib", "QEMU_CPU=max", "LANG=de_DE.UTF-8", "LC_ALL=C.ISO",
                         "GCC_EXEC_PREFIX=/opt/", "LANGUAGE=de", "LANGUAGE=C:de", "LANGUAGE=C.UTF-8"):
            with self.subTest(variable):
                self.assertEqual(self.step("/bin/tool", "say", env=[variable]), "emulated /bin/tool")
        self.assertEqual(self.step("/bin/tool", "say", env=["LANG=C.UTF-8", "LC_ALL=", "LDFLAGS=-s"]), "native /bin/tool")
        # As configure scripts of autoconf have them.
        self.assertEqual(self.step("/bin/tool", "say", env=["LC_ALL=C", "LANGUAGE=C"]), "native /bin/tool")
        self.assertEqual(self.step("/bin/tool", "say", env=["LANGUAGE=POSIX"]), "native /bin/tool")

    def test_variables_that_the_tool_needs_or_must_not_have(self):
        self.make_set(variables=[{"kind": "needed", "text": "FOR=arm64"}, {"kind": "emulated-prefix", "text": "DEBUG"}])
        for expected, env in (("native", ["FOR=arm64"]), ("native", ["A=b", "FOR=arm64", "FOREIGN=x", "XDEBUG=1"]), ("emulated", []),
                              ("emulated", ["FOR=arm"]), ("emulated", ["FOR=arm644"]), ("emulated", ["FOR="]), ("emulated", ["XFOR=arm64"]),
                              ("emulated", ["FOR=arm64", "DEBUG=1"]), ("emulated", ["FOR=arm64", "DEBUGGER=gdb"])):
            with self.subTest(env):
                self.assertEqual(self.step("/bin/tool", "say", env=env), f"{expected} /bin/tool")

    def test_variables_of_loaders_and_linkers_that_make_no_difference_for_the_tool(self):
        self.make_set(variables=[{"kind": "fine-prefix", "text": "LD_RUN_PATH="},
                                 {"kind": "library-folders", "text": "LD_LIBRARY_PATH=", "from": "libc.so.6 needed"}])
        self.folders = ("opt", "opt/glibc-hwcaps")
        for expected, variable in (("native", "LD_RUN_PATH=/opt/lib"), ("emulated", "LD_RUN_PATHS=/opt/lib"), ("native", "LD_LIBRARY_PATH=/tmp"),
                                   ("native", "LD_LIBRARY_PATH=/tmp:/missing"), ("native", "LD_LIBRARY_PATH="), ("emulated", "LD_LIBRARY_PATH=/lib"),
                                   # Where a loader would find one of the libraries: in a later folder, in the working directory, for a processor.
                                   ("emulated", "LD_LIBRARY_PATH=/tmp:/lib"), ("emulated", "LD_LIBRARY_PATH=/tmp;/lib"),
                                   ("emulated", "LD_LIBRARY_PATH=/opt"), ("emulated", "LD_LIBRARY_PATH=" + "/tmp" * 1100),
                                   ("emulated", "LD_PRELOAD=/tmp/x.so")):
            with self.subTest(variable[:60]):
                self.assertEqual(self.step("/bin/tool", "say", env=[variable]), f"{expected} /bin/tool")
        self.assertEqual(self.step("/bin/tool", "say", env=["LD_LIBRARY_PATH="], cwd="/lib"), "emulated /bin/tool")
        self.assertEqual(self.step("/bin/tool", "say", env=["LD_LIBRARY_PATH=/tmp:"], cwd="/lib"), "emulated /bin/tool")

    def test_what_a_call_as_a_whole_has_to_be(self):
        self.make_set([{"kind": "needed", "text": "-cc1", "from": "-triple"}])
        for expected, words in (("native", ["-cc1", "-triple"]), ("native", ["x"]), ("emulated", ["-cc1"]), ("emulated", ["-cc1", "-triples"])):
            with self.subTest(words):
                self.assertEqual(self.step("/bin/tool", "say", *words), " ".join([expected, "/bin/tool", *words]))

    def test_a_program_that_learns_from_its_name_where_it_lies(self):
        self.make_set([{"kind": "own-name", "text": ""}])
        self.files["tmp/other"] = (b"something else", 0o755)
        self.folders = ("one", "two")
        self.files["two/tool"] = (b"another tool", 0o755)
        for expected, path, name in (("native", "/bin", "tool"), ("native", "/one:/bin:/two", "tool"), ("emulated", "/two:/bin", "tool"),
                                     ("emulated", "/one", "tool"), ("emulated", "/bin", "other"), ("native", "/one", "/bin/tool"),
                                     ("emulated", "/bin", "/tmp/other"), ("native", "", "../bin/tool"), ("emulated", "", "tool")):
            with self.subTest(f"{name} of {path}"):
                self.assertEqual(self.step("/bin/probe", "as", "/bin/tool", name, "say", env=[f"PATH={path}"], cwd="/one"), f"{expected} {name}")

    def test_a_program_that_learns_from_its_name_what_it_is(self):
        self.make_set([{"kind": "own-name", "text": "tool tool++"}])
        for expected, name in (("native", "tool"), ("native", "tool++"), ("native", "tool-19"), ("native", "tool++-19.1"), ("emulated", "arm-tool"),
                               ("emulated", "tool-cl"), ("emulated", "tool19"), ("emulated", "tool-"), ("emulated", "-19"), ("emulated", "too")):
            with self.subTest(name):
                self.files[f"bin/{name}"] = (self.emulated, 0o755)
                self.assertEqual(self.step(f"/bin/{name}", "say"), f"{expected} /bin/{name}")

    def test_a_program_that_looks_beside_itself(self):
        self.make_set([{"kind": "own-place", "text": ""}])
        self.assertEqual(self.step("/bin/tool", "say"), "native /bin/tool")
        self.assertEqual(self.step("/bin/probe", "as", "/bin/tool", "any", "say"), "native any")
        self.assertEqual(self.step("/bin/probe", "copy", "/bin/tool", "/tmp/tool", "say"), "emulated /tmp/tool")

    def test_folders_that_have_nothing_else(self):
        self.make_set(folders=[{"kind": "entries", "text": "/plugins", "from": "one.so two.so"}, {"kind": "entries", "text": "/missing"}])
        self.folders = ("plugins",)
        self.files["plugins/one.so"] = (b"1", 0o644)
        self.assertEqual(self.step("/bin/tool", "say"), "native /bin/tool")
        for name in ("plugins/on", "plugins/three.so", "plugins/one.so two.so", "missing"):
            with self.subTest(name):
                self.files[name] = (b"2", 0o644)
                self.assertEqual(self.step("/bin/tool", "say"), "emulated /bin/tool")
                del self.files[name]

    def test_a_folder_without_files_of_a_kind(self):
        self.make_set(folders=[{"kind": "without", "text": "/one", "from": ".cfg"}])
        self.assertEqual(self.step("/bin/tool", "say"), "native /bin/tool")
        self.folders = ("one",)
        self.files["one/other"] = self.files["one/cfg"] = self.files["one/a.cfg.txt"] = (b"2", 0o644)
        self.assertEqual(self.step("/bin/tool", "say"), "native /bin/tool")
        self.files["one/x.cfg"] = (b"2", 0o644)
        self.assertEqual(self.step("/bin/tool", "say"), "emulated /bin/tool")

    def test_telemetry_of_go_is_off(self):
        self.make_set(variables=[{"kind": "telemetry-off", "text": ""}])
        self.folders = ("home", "home/.config", "home/.config/go", "home/.config/go/telemetry", "xdg", "xdg/go", "xdg/go/telemetry")
        place, other = "home/.config/go/telemetry/mode", "xdg/go/telemetry/mode"
        for expected, mode, env in (("emulated", "", ["HOME=/home"]), ("native", "off 2026-01-01", ["HOME=/home"]), ("native", "off", ["HOME=/home"]),
                                    ("native", "off\n", ["HOME=/home"]), ("emulated", "offer", ["HOME=/home"]), ("emulated", "on 2026-01-01", ["HOME=/home"]),
                                    ("emulated", "of", ["HOME=/home"]), ("native", "", ["HOME="]), ("emulated", "off", ["HOME=/tmp"]),
                                    ("emulated", "off", ["HOME=/home", "XDG_CONFIG_HOME=/xdg"]), ("emulated", "off", ["XDG_CONFIG_HOME=xdg", "HOME=/home"]),
                                    ("native", "off", ["HOME=/home", "XDG_CONFIG_HOME="])):
            with self.subTest(f"{mode} {env}"):
                self.files.pop(place, None)
                if mode:
                    self.files[place] = (mode.encode(), 0o644)
                self.assertEqual(self.step("/bin/tool", "say", env=env), f"{expected} /bin/tool")
        self.files[other] = (b"off", 0o644)
        self.assertEqual(self.step("/bin/tool", "say", env=["HOME=/tmp", "XDG_CONFIG_HOME=/xdg"]), "native /bin/tool")

    HASH, OTHER_HASH = "-0123456789abcdef", "-fedcba9876543210"

    def test_crates_that_only_the_emulated_compiler_can_load(self):
        self.make_set([{"kind": "native-crates", "text": ""}])
        self.folders = ("deps", "crates", "system", "found")
        self.files["found/libused.rlib"] = (b"metadata" + self.HASH.encode(), 0o644)
        self.files["deps/libserde-1111111111111111.rlib"] = (b"metadata" * 9 + b"\x11" + self.HASH.encode() + b"\x0f", 0o644)
        self.files["deps/libplain-2222222222222222.rmeta"] = (b"meta-data - " * 5000 + self.HASH[:-1].encode() + b"0", 0o644)
        self.files[f"deps/libserde_derive{self.HASH}.so"] = (b"a macro", 0o755)
        self.files[f"deps/libunused{self.OTHER_HASH}.so"] = (b"a macro", 0o755)
        self.files["system/libz.so"] = (self.shared_object(b".text"), 0o755)
        self.files["crates/libmacro.so"] = (self.shared_object(b".rustc"), 0o755)
        plain, serde = "plain=/deps/libplain-2222222222222222.rmeta", "serde=/deps/libserde-1111111111111111.rlib"
        deps = ["-L", "dependency=/deps"]
        for expected, words in (
                ("native", []), ("native", deps), ("native", ["-L/system", "-L", "native=/crates", "--extern", "proc_macro"]),
                ("native", [*deps, "--extern", plain]), ("native", ["--extern", serde]),
                ("emulated", [*deps, "--extern", serde]), ("emulated", ["--extern=priv:" + serde, "-Ldependency=/deps"]),
                ("emulated", [*deps, "--extern", plain, "--extern", serde]),
                ("emulated", ["--extern", f"serde_derive=/deps/libserde_derive{self.HASH}.so"]),
                ("emulated", ["-L", "/crates"]), ("emulated", ["-Lcrate=/crates"]), ("emulated", ["-L", "all=/crates"]),
                # What `extern crate` finds may need a macro of the other folder; without macros there is nothing to need.
                ("emulated", ["-L", "crate=/found", *deps]), ("emulated", [*deps, "-L/found"]), ("native", ["-L", "/found"]),
                ("native", ["-L", "/system", *deps]),
                # A macro without a hash could be anybody's; of a file that is not there nothing is known.
                ("emulated", ["-L", "dependency=/crates", "--extern", plain]), ("emulated", [*deps, "--extern", "gone=/deps/libgone.rlib"])):
            with self.subTest(words):
                self.assertEqual(self.step("/bin/tool", "say", *words), " ".join([expected, "/bin/tool", *words]))

    def test_a_call_that_writes_metadata(self):
        self.make_set([{"kind": "no-metadata", "text": ""}])
        self.files["tmp/main.rs"] = (b"fn main() {} // a crate, of type bin", 0o644)
        self.files["tmp/library"] = (b"#![crate_type = \"lib\"]", 0o644)
        self.files["tmp/lib.rs"] = (b"#![crate_type = \"lib\"]", 0o644)
        for expected, words in (
                ("native", ["/tmp/main.rs"]), ("native", ["/tmp/main.rs", "--emit=link,dep-info"]), ("native", ["/tmp/main.rs", "--emit", "dep-info=x"]),
                ("native", ["--crate-type", "bin", "/tmp/lib.rs"]), ("native", ["--crate-type=cdylib,staticlib", "/tmp/main.rs"]),
                ("emulated", ["/tmp/lib.rs"]), ("emulated", ["-"]), ("emulated", []), ("emulated", ["/tmp/gone.rs"]),
                # The crate's first file needs no suffix, and what has one may be another option's value.
                ("emulated", ["/tmp/library", "-o", "/tmp/main.rs"]), ("native", ["/tmp/main.rs", "--out-dir", "/tmp"]),
                ("emulated", ["/tmp/main.rs", "/tmp/main.rs"]), ("emulated", ["/tmp/main.rs", "--crate-type", "lib"]),
                ("emulated", ["/tmp/main.rs", "--crate-type=bin,rlib"]), ("emulated", ["/tmp/main.rs", "--crate-type=bin", "--crate-type", "proc-macro"]),
                ("emulated", ["/tmp/main.rs", "--emit=link,metadata"]), ("emulated", ["/tmp/main.rs", "--emit", "metadata=/tmp/x"]),
                ("emulated", ["/tmp/main.rs", "--crate-type"]), ("emulated", ["/tmp/main.rs", "--crate-type", "bin" * 30])):
            with self.subTest(words):
                self.assertEqual(self.step("/bin/tool", "say", *words), " ".join([expected, "/bin/tool", *words]))

    @staticmethod
    def shared_object(section):
        """An ELF file with one section of that name, and the names'."""
        names = b"\0" + section + b"\0.shstrtab\0"
        header = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 3, 183, 1, 0, 0, 64 + len(names), 0, 64, 0, 0, 64, 3, 2)
        sections = [struct.pack("<IIQQQQIIQQ", *fields) for fields in (
            [0] * 10, [1, 1, 0, 0, 64, 0, 0, 0, 1, 0], [2 + len(section), 3, 0, 0, 64, len(names), 0, 0, 1, 0])]
        return header + names + b"".join(sections)

    def test_a_replaced_program(self):
        self.files["bin/tool"] = (self.emulated[:-1] + bytes([self.emulated[-1] ^ 1]), 0o755)
        self.assertEqual(self.step("/bin/tool", "say"), "emulated /bin/tool")

    def test_one_that_is_replaced_in_the_step(self):
        self.files["bin/other"] = (self.emulated[:-1] + bytes([self.emulated[-1] ^ 1]), 0o755)
        self.assertEqual(self.step("/bin/probe", "copy", "/bin/other", "/bin/tool", "say"), "emulated /bin/tool")

    def test_one_whose_library_is_another(self):
        self.files["lib/needed"] = (b"x" * len(self.library), 0o644)
        self.assertEqual(self.step("/bin/tool", "say"), "emulated /bin/tool")
        del self.files["lib/needed"]
        self.assertEqual(self.step("/bin/tool", "say"), "emulated /bin/tool")

    def test_a_set_uid_program(self):
        for mode in (0o4755, 0o2755):
            self.files["bin/tool"] = (self.emulated, mode)
            self.assertEqual(self.step("/bin/tool", "say", user="1234:1234"), "emulated /bin/tool")

    def test_where_the_root_preloads_libraries(self):
        self.files["etc/ld.so.preload"] = (b"", 0o644)
        self.assertEqual(self.step("/bin/tool", "say"), "emulated /bin/tool")

    def test_a_replica(self):
        self.assertEqual(self.step("/bin/tool", "say", replica=1), "emulated /bin/tool")
        self.assertNotIn("accelerated by", self.said)

    # ---- the emulator's processor ----

    def signatures(self, *words, **more):
        """How the processor of a step signs addresses, and what is on record of it."""
        said, _, signs = self.step("/bin/probe", "signs", *words, **more).rpartition(" ")
        self.assertEqual(said, " ".join(["emulated", "/bin/probe", *words]))
        told = {each["aspect"]: each["value"] for each in self.result["steps"][0]["circumstances"]}
        return signs, told["ASPECT_EMULATED_PROCESSOR"]

    def own_signatures(self):
        """Of the emulator as it is registered."""
        # As the kernel would: the program's path, and its argv[0].
        made = subprocess.run([emulator().resolve(), EMULATED, "signs"], capture_output=True, text=True, check=True)
        return made.stdout.split()[-1]

    QUICK = ("own", "max,pauth-impdef=on")
    OTHER = "the emulator's own"

    def test_emulated_programs_run_on_a_processor_that_signs_quickly(self):
        if (own := self.own_signatures()) != "qarma":
            self.assertEqual(self.signatures(), (own, self.OTHER))
            self.skipTest(f"{emulator()} signs addresses by an algorithm of its own anyway")
        self.assertEqual(self.signatures("", "-cpu", "two words"), self.QUICK)
        # Of a user of the recipe, without any set, and of a replica, too: it is the same for all that is compared.
        self.assertEqual(self.signatures(user="1234:1234"), self.QUICK)
        self.assertEqual(self.signatures(sets=False, accelerate="auto"), self.QUICK)
        self.assertNotIn("acceleration", self.result["steps"][0])
        self.assertEqual(self.signatures(replica=1), self.QUICK)
        self.assertEqual(self.signatures(task={"acceleratorsOff": [f"sha256:{digest(self.manifest)}"]}), self.QUICK)
        self.assertEqual(self.step("/bin/probe", "copy", "/bin/probe", "/tmp/other", "signs"), "emulated /tmp/other own")

    def test_the_emulators_own_processor(self):
        own = self.own_signatures(), self.OTHER
        self.assertEqual(self.signatures(accelerate="off"), own)
        self.assertEqual(self.signatures(task={"acceleration": "ACCELERATION_OFF"}), own)
        # The recipe asks for one itself.
        self.assertEqual(self.signatures(env=["QEMU_CPU=max"]), (own[0], "max"))
        self.assertEqual(self.signatures(env=["QEMU_CPU=cortex-a72"]), ("not", "cortex-a72"))

    # ---- what is on record, and compared ----

    def made(self, *argv, **more):
        """The step's result: a program that lies leaves another file when it is native."""
        self.step(*argv, **more)
        return self.result["steps"][0]

    def test_the_set_is_on_record(self):
        made = self.made("/bin/tool", "say")
        self.assertEqual(made["acceleration"], {"set": "test-arm64", "digest": f"sha256:{digest(self.manifest)}", "tools": ["probe"]})
        self.assertNotIn("accelerationCheck", made)
        self.assertNotIn("acceleration", self.made("/bin/tool", "say", accelerate="off"))

    def test_compilers_that_the_set_does_not_stand_for_are_told(self):
        self.folders = ("usr", "usr/bin")
        self.files["usr/bin/rustc"] = (b"a compiler", 0o755)
        made = self.made("/bin/tool", "say")
        told = "/usr/bin/rustc: no tool of the set stands for it"
        self.assertEqual(made["acceleration"]["unmatched"], [told])
        self.assertIn(f"emulated {told}", self.said)

    def test_a_build_and_the_farm_can_forbid_it(self):
        self.assertEqual(self.step("/bin/tool", "say", task={"acceleration": "ACCELERATION_OFF"}), "emulated /bin/tool")
        off = {"acceleratorsOff": [f"sha256:{digest(self.manifest)}"]}
        self.assertEqual(self.step("/bin/tool", "say", task=off), "emulated /bin/tool")
        self.assertNotIn("acceleration", self.result["steps"][0])
        self.assertEqual(self.step("/bin/tool", "say", task={"acceleratorsOff": ["sha256:" + digest(b"")]}), "native /bin/tool")

    VERIFY = {"acceleration": "ACCELERATION_VERIFY"}

    def test_equal_executions(self):
        made = self.made("/bin/tool", "say", task=self.VERIFY)
        check = made["accelerationCheck"]
        self.assertEqual((check["outcome"], check["set"]), ("OUTCOME_EQUAL", "test-arm64"))
        self.assertGreater(check["acceleratedSeconds"], 0)
        self.assertGreater(check["emulatedSeconds"], 0)
        self.assertIn("acceleration", made)
        # Only the first execution has a console.
        self.assertEqual(self.said.count(" /bin/tool"), 1, self.said)

    def test_a_set_that_lies_is_found_and_the_emulated_result_counts(self):
        made = self.made("/bin/tool", "note", "/tmp/which", task=self.VERIFY)
        check = made["accelerationCheck"]
        self.assertEqual((check["outcome"], check["digest"]), ("OUTCOME_SET_DIFFERS", f"sha256:{digest(self.manifest)}"))
        self.assertEqual(base64.b64decode(check["path"]), b"tmp/which")
        self.assertNotIn("acceleration", made)
        emulated = self.made("/bin/tool", "note", "/tmp/which", accelerate="off")
        self.assertEqual(made["layer"], emulated["layer"])
        self.assertNotEqual(self.made("/bin/tool", "note", "/tmp/which")["layer"], emulated["layer"])

    def test_a_step_that_differs_by_itself_accuses_nobody(self):
        made = self.made("/bin/tool", "take", "/proc/sys/kernel/random/uuid", "/tmp/other", task=self.VERIFY)
        self.assertEqual(made["accelerationCheck"]["outcome"], "OUTCOME_RECIPE_DIFFERS")

    def test_a_replica_that_differs_from_what_a_set_made_says_whose_fault_it_is(self):
        first = self.made("/bin/tool", "note", "/tmp/which")
        step = {"expected": first["layer"], "expectedAccelerator": first["acceleration"]["digest"]}
        made = self.made("/bin/tool", "note", "/tmp/which", replica=1, step=step)
        self.assertEqual(made["accelerationCheck"]["outcome"], "OUTCOME_SET_DIFFERS")
        self.assertEqual(base64.b64decode(made["accelerationCheck"]["path"]), b"tmp/which")
        # On a worker that does not have it.
        made = self.made("/bin/tool", "note", "/tmp/which", replica=1, step=step, accelerate="off")
        self.assertIn("does not have the set", made["accelerationCheck"]["reason"])
        # Equal ones are not looked at.
        step["expected"] = made["layer"]
        self.assertNotIn("accelerationCheck", self.made("/bin/tool", "note", "/tmp/which", replica=1, step=step))

    # ---- what a step cannot do ----

    def test_nothing_of_it_can_be_written(self):
        for path in ("/dev/accelerators/bin/tool", "/dev/accelerators/new", "/dev/accelerators.table"):
            with self.subTest(path):
                self.assertEqual(self.step("/bin/probe", "write", path), "refused")

    def test_nothing_of_it_is_in_the_layer(self):
        self.step("/bin/tool", "say")
        layer = self.result["steps"][0]["layer"]["tar"]["hash"]
        with tarfile.open(self.folder / "blobs" / f"sha256-{layer}") as tar:
            self.assertEqual([name for name in tar.getnames() if "accel" in name or name.strip("./").startswith("dev/")], [])

    # ---- what has to be on record ----

    def test_a_tool_for_another_processor_is_not_used(self):
        self.make_set(processor=["never-heard-of"])
        self.assertEqual(self.step("/bin/tool", "say"), "emulated /bin/tool")
        self.assertIn("this machine's processor has no never-heard-of", self.said)

    def test_without_a_calibration_nothing_is_used(self):
        self.assertEqual(self.step("/bin/tool", "say", accelerate="auto"), "emulated /bin/tool")
        self.assertNotIn("accelerated by", self.said)
        self.assertIn("its calibration is not on record", self.said)

    def test_with_one_it_is(self):
        self.calibrate()
        self.assertEqual(self.step("/bin/tool", "say", accelerate="auto"), "native /bin/tool")
        self.assertEqual(self.step("/bin/tool", "say", accelerate="off"), "emulated /bin/tool")

    def test_one_of_something_else_does_not_count(self):
        for changes in ({"tool": "sha256:" + digest(b"")}, {"emulator": "sha256:" + digest(b"")}, {"corpus_units": 5}, {"equal": 99}):
            with self.subTest(changes):
                self.calibrate(**changes)
                self.assertEqual(self.step("/bin/tool", "say", accelerate="auto"), "emulated /bin/tool")

    def test_a_set_that_was_changed_is_not_used(self):
        self.calibrate()
        (self.folder / "sets" / "test-arm64" / "bin" / "tool").write_bytes(b"something else")
        self.assertEqual(self.step("/bin/tool", "say", accelerate="auto"), "emulated /bin/tool")
        self.assertIn("is not what the set's manifest says", self.said)


if __name__ == "__main__":
    if reason := why_not():
        print(f"skipped: {reason}")
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv[:1])
