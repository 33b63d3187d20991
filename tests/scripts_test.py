#!/usr/bin/env python3
"""The scripts' own promises: they say at once what is short, and one base image that fails keeps no other from being made.

Run by ctest. Programs of the machine are replaced by shims in PATH; nothing outside a temporary folder is written.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import stand_ins  # noqa: E402

# Makes a "root file system", unless its packages have what the test wants to fail.
MMDEBSTRAP = """#!/bin/sh
for argument; do
  case $argument in
    --include=*nodejs*) echo 'E: no such package: nodejs' >&2; exit 7 ;;
    */*.partial) output=$argument ;;
  esac
done
echo "root of $output" >"$output"
"""
DF = """#!/bin/sh
printf 'Filesystem 1048576-blocks Used Available Capacity Mounted on\\n'
case $2 in /elsewhere*) printf '/dev/b 9 9 4000 1%% /elsewhere\\n' ;; *) printf '/dev/a 9 9 2150 1%% /\\n' ;; esac
"""


class ScriptsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="crossmill-scripts-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.shims = self.folder / "bin"
        self.shims.mkdir()
        self.environment = {**os.environ, "PATH": f"{self.shims}:{os.environ['PATH']}",
                            "CROSSMILL_CACHE": str(self.folder / "cache")}

    def shim(self, name, text):
        file = self.shims / name
        file.write_text(text)
        file.chmod(0o755)

    def run_script(self, *arguments, **more):
        return subprocess.run(list(map(str, arguments)), capture_output=True, text=True, cwd=ROOT,
                              env={**self.environment, **more})

    # ---- what is short ----

    def require(self, needs, **more):
        return self.run_script("bash", "-euc", f"source scripts/resources.sh; {needs}; require_resources test", **more)

    def memory(self, mebibytes):
        file = self.folder / "meminfo"
        file.write_text(f"MemTotal: 99999999 kB\nMemAvailable: {mebibytes * 1024} kB\n")
        return str(file)

    def test_needs_on_one_file_system_add_up_and_are_told_with_what_is_free(self):
        self.shim("df", DF)
        result = self.require("need_space 2048 /tmp compiling; need_space 1024 /tmp images")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr, "test: needs 3.0 GiB on / (compiling 2.0 GiB, images 1.0 GiB), and 2.1 GiB are "
                                        "free\n")
        self.assertEqual(self.require("need_space 2048 /tmp compiling").stderr, "")

    def test_what_a_folder_holds_already_counts(self):
        self.shim("df", DF)
        with open(self.folder / "large", "wb") as file:
            file.write(b"x" * (200 << 20))
        self.assertEqual(self.require(f"need_folder 2300 {self.folder} compiling").returncode, 0)
        self.assertEqual(self.require(f"need_folder 2300 {self.shims} compiling").returncode, 1)
        self.assertEqual(self.require(f"need_space 2300 {self.folder} compiling").returncode, 1)

    def test_memory_for_a_compiler_is_needed_and_limits_how_many_run(self):
        result = self.require("true", MEMINFO=self.memory(700))
        self.assertEqual((result.returncode, result.stderr),
                         (1, "test: needs 1.2 GiB of memory for a compiler, and 0.7 GiB are available\n"))
        count = self.run_script("bash", "-c", "source scripts/resources.sh; compilers_that_fit",
                                MEMINFO=self.memory(1300))
        self.assertEqual(count.stdout, "1")

    def test_the_scripts_say_it_before_they_do_anything(self):
        self.shim("df", "#!/bin/sh\nprintf 'x\\n/dev/a 9 9 10 1%% /\\n'\n")
        for tool in ("apt-get", "cmake", "dpkg-query"):
            self.shim(tool, f"#!/bin/sh\necho {tool} ran >&2\nexit 9\n")
        for script in ("test", "run"):
            with self.subTest(script=script):
                # Folders that hold nothing yet, wherever this tree has been built.
                copy = self.folder / script
                (copy / "scripts").mkdir(parents=True)
                for file in (ROOT / "scripts").iterdir():
                    if file.is_file():
                        (copy / "scripts" / file.name).write_bytes(file.read_bytes())
                        (copy / "scripts" / file.name).chmod(0o755)
                result = self.run_script(copy / "scripts" / script)
                self.assertEqual(result.returncode, 1, result.stderr)
                self.assertRegex(result.stderr, rf"^{script}: needs [0-9.]+ GiB on / \(.*\), and 0.0 GiB are free\n$")
                self.assertEqual(result.stdout, "")

    # ---- base images ----

    def test_one_base_image_that_fails_keeps_no_other_from_being_made(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, as scripts/base-images does")
        if not list(pathlib.Path("/var/lib/apt/lists").glob("*Release")):
            self.skipTest("needs the package lists of this machine: apt-get update")
        self.shim("mmdebstrap", MMDEBSTRAP)
        self.shim("skopeo", "#!/bin/sh\nexit 1\n")
        made = ("--image", "debian", "--image", "node", "--image", "jre", "--arch", stand_ins.architecture())
        result = self.run_script("scripts/base-images", "build", *made)
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        self.assertRegex(result.stderr, r"base-images: no node: mmdebstrap failed for linux/\w+: see /\S+\n")
        self.assertTrue(result.stderr.endswith("base-images: without node; the others are there\n"), result.stderr)
        stand_ins.CACHE = pathlib.Path(self.environment["CROSSMILL_CACHE"])
        self.assertIsNotNone(stand_ins.find("debian:bookworm"))
        self.assertIsNotNone(stand_ins.find("eclipse-temurin:17-jre"))
        self.assertIsNone(stand_ins.find("node:18"))
        self.assertRegex(stand_ins.why_missing("node:18"),
                         r"^the stand-in for node:18 could not be made: mmdebstrap failed for linux/\w+: see /\S+$")
        self.assertIn("scripts/base-images makes it", stand_ins.why_missing("golang:1.19"))

        # Those that are there are imported, and the missing one is told again.
        crossmill = self.folder / "crossmill"
        crossmill.write_text('#!/bin/sh\necho "imported $5"\n')
        crossmill.chmod(0o755)
        imported = self.run_script("scripts/base-images", "import", *made, CROSSMILL=str(crossmill))
        self.assertEqual(imported.returncode, 1)
        self.assertIn("imported docker.io/library/debian:bookworm\n", imported.stdout)
        self.assertIn("imported docker.io/library/eclipse-temurin:17-jre\n", imported.stdout)
        self.assertNotIn("imported docker.io/library/node", imported.stdout)
        self.assertIn("base-images: no node: mmdebstrap failed", imported.stderr)

        # When it works again nothing of the failure is left.
        self.shim("mmdebstrap", MMDEBSTRAP.replace("*nodejs*", "*nothing*"))
        again = self.run_script("scripts/base-images", "build", *made)
        self.assertEqual((again.returncode, again.stderr), (0, ""))
        self.assertIsNotNone(stand_ins.find("node:18"))

    # ---- another architecture ----

    def test_what_cannot_be_emulated_is_refused_before_anything_is_changed(self):
        for words in (["--emulate", "vax"], ["--emulate"], ["--emulate", "../x"]):
            with self.subTest(words):
                result = self.run_script("scripts/setup-host", *words)
                self.assertEqual(result.returncode, 2)
                self.assertIn("arm (linux/arm/v7), riscv64, s390x or ppc64le", result.stderr)

    def test_another_release_comes_from_the_archives_of_this_one(self):
        own = self.run_script("bash", "-c", "source scripts/debian_archive.sh; own_release").stdout
        self.shim("apt-get", f"""#!/bin/sh
cat <<'TARGETS'
Debian|uri:/debian/|{own}|main
Debian|uri:/debian/|{own}|contrib
Debian|uri:/security/|{own}-security|main
Debian|uri:/debian/|{own}er|main
Elsewhere|uri:/other/|{own}|main
TARGETS
""")
        signed = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
        for release in (own, "forky"):
            with self.subTest(release):
                shell = self.run_script("bash", "-euc", f"source scripts/debian_archive.sh; suite={release}; debian_sources").stdout
                self.assertEqual(sorted(shell.splitlines()), [f"{signed} uri:/debian/ {release} contrib main",
                                                              f"{signed} uri:/security/ {release}-security main"])
                python = self.run_script("python3", "-c", "import sys; sys.path.insert(0, 'scripts'); import debian_archive as a; "
                                         f"print(a.source_lines('deb', a.archives('{release}')), end='')").stdout
                self.assertEqual(python.splitlines(), [f"{signed} uri:/debian/ {release} contrib", f"{signed} uri:/debian/ {release} main",
                                                       f"{signed} uri:/security/ {release}-security main"])

    def test_an_arm_host_says_what_the_machine_lacks_and_that_it_is_a_skip(self):
        # Nothing but what the script begins with.
        for tool in ("bash", "dirname", "nproc", "id", "cat", "tr", "realpath", "uname"):
            (self.shims / tool).symlink_to(shutil.which(tool))
        machine = self.folder / "machine"
        started = self.run_script("scripts/arm-host", "start", "--folder", machine, PATH=str(self.shims))
        self.assertEqual((started.returncode, started.stderr),
                         (77, "arm-host: qemu-system-aarch64 is missing: scripts/install-dependencies --arm\n"))
        self.assertFalse(machine.exists())

    def test_an_arm_host_that_does_not_run_is_said(self):
        machine = self.folder / "machine"
        self.assertEqual(self.run_script("scripts/arm-host", "status", "--folder", machine).returncode, 3)
        ran = self.run_script("scripts/arm-host", "run", "--folder", machine, "true")
        self.assertEqual((ran.returncode, ran.stderr), (1, f"arm-host: no machine runs in {machine}: scripts/arm-host start\n"))
        # A number that a living process of somebody else has is no machine: it is neither taken for one nor ended.
        machine.mkdir()
        (machine / "pid").write_text(f"{os.getpid()}\n")
        self.assertEqual(self.run_script("scripts/arm-host", "status", "--folder", machine).returncode, 3)
        (machine / "mine").write_text("kept\n")
        self.assertEqual(self.run_script("scripts/arm-host", "stop", "--remove", "--folder", machine).returncode, 0)
        self.assertEqual([file.name for file in machine.iterdir()], ["mine"])

    def test_packages_of_an_architecture_without_a_compiler_are_refused_before_anything_is_made(self):
        for tool in ("cmake", "cpack"):
            self.shim(tool, f"#!/bin/sh\necho {tool} ran >&2\nexit 9\n")
        refused = self.run_script("scripts/make-packages", "--arch", "riscv64")
        self.assertEqual(refused.returncode, 1)
        self.assertRegex(refused.stderr, r"^make-packages: packages for riscv64 are made on a machine of it; from here .*arm64\n$")

    # ---- what was skipped and what failed ----

    def test_what_a_test_is_made_of_besides_programs_is_made_too(self):
        if not (shutil.which("cmake") and shutil.which("ninja")):
            self.skipTest("needs cmake and ninja")
        project = self.folder / "project"
        (project / "part").mkdir(parents=True)
        (project / "main.c").write_text("int main(void) { return 0; }\n")
        (project / "CMakeLists.txt").write_text("""cmake_minimum_required(VERSION 3.20)
project(example C)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
add_subdirectory(part)
add_executable(never EXCLUDE_FROM_ALL main.c)
""")
        (project / "part" / "CMakeLists.txt").write_text("""add_library(things STATIC ../main.c)
add_executable(program ../main.c)
target_link_libraries(program PRIVATE things)
add_custom_command(OUTPUT probe COMMAND ${CMAKE_COMMAND} -E touch probe)
add_custom_target(probes ALL DEPENDS probe)
""")
        subprocess.run(["cmake", "-G", "Ninja", "-S", project, "-B", self.folder / "build" / "example"], check=True, capture_output=True)
        done = self.run_script("bash", "-euc", f"source scripts/test_functions.sh; cd {self.folder}; targets_of_all example")
        self.assertEqual(done.stdout.split(), ["part/probes", "program"], done.stderr)

    def test_skipped_tests_are_named_also_in_a_file_that_passed(self):
        results = self.folder / "results"
        results.mkdir()
        (results / "release.xml").write_text("""<testsuite>
            <testcase name="e2e_examples" status="run"><system-out>ok
skipped: test_page (Examples.test_page): no stand-in for node:18
</system-out></testcase>
            <testcase name="e2e_packages" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/><system-out>Ran 0
skipped: setUpClass (Packages): no stand-in for python:3.11</system-out></testcase>
            <testcase name="bench_smoke" status="notrun"><skipped message=""/><system-out>needs root</system-out></testcase>
            <testcase name="plan_test" status="run"><system-out>fine</system-out></testcase></testsuite>""")
        result = self.run_script("scripts/test_summary.py", results)
        self.assertEqual(result.stdout.splitlines(),
                         ["skipped: test_page (Examples.test_page): no stand-in for node:18",
                          "skipped: setUpClass (Packages): no stand-in for python:3.11",
                          "skipped: bench_smoke: needs root"])

    def test_failed_tests_stand_last_with_the_end_of_what_they_printed(self):
        results = self.folder / "results"
        results.mkdir()
        output = "\n".join(f"line {number}" for number in range(1, 101))
        (results / "release.xml").write_text(f"""<testsuite>
            <testcase name="e2e_farm" status="fail"><failure message=""/><system-out>{output}</system-out></testcase>
            <testcase name="tsan_test" status="notrun"><skipped message=""/><system-out>no compiler</system-out>
            </testcase></testsuite>""")
        lines = self.run_script("scripts/test_summary.py", results).stdout.splitlines()
        self.assertEqual(lines[:4], ["skipped: tsan_test: no compiler", "failed: e2e_farm (release)",
                                     "    (40 lines before)", "    line 41"])
        self.assertEqual((lines[-1], len(lines)), ("    line 100", 63))

    def test_cases_of_whole_programs_are_counted_and_a_program_that_ended_badly(self):
        results = self.folder / "results"
        (results / "asan-core").mkdir(parents=True)
        (results / "asan-core.xml").write_text("""<testsuite>
            <testcase name="plan_test" status="run"><system-out>fine</system-out></testcase>
            <testcase name="leaky_test" status="fail"><failure message=""/><system-out>a leak</system-out></testcase>
            <testcase name="crashing_test" status="fail"><failure message=""/><system-out>SEGV</system-out></testcase>
            </testsuite>""")
        (results / "asan-core" / "plan_test.xml").write_text("""<testsuites><testsuite>
            <testcase name="First" classname="PlanTest" status="run" result="completed"/>
            <testcase name="Second" classname="PlanTest" status="run" result="completed"/>
            <testcase name="Rooted" classname="PlanTest" status="run" result="skipped">
              <skipped message="plan_test.cc:1&#x0A;needs root"><![CDATA[plan_test.cc:1
needs root
]]></skipped></testcase></testsuite></testsuites>""")
        (results / "asan-core" / "leaky_test.xml").write_text("""<testsuites><testsuite>
            <testcase name="Only" classname="LeakyTest" status="run" result="completed"/></testsuite></testsuites>""")
        self.assertEqual(self.run_script("scripts/count_tests.py", results).stdout, "3 passed, 2 failed, 1 skipped\n")
        self.assertEqual(self.run_script("scripts/test_summary.py", results).stdout.splitlines(),
                         ["skipped: PlanTest.Rooted: needs root", "failed: leaky_test (asan-core)", "    a leak",
                          "failed: crashing_test (asan-core)", "    SEGV"])


if __name__ == "__main__":
    unittest.main()
