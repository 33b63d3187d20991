#!/usr/bin/env python3
"""A worker on a real arm64 kernel: a machine of scripts/arm-host, with the arm64 packages of scripts/make-packages, joins a farm over
the net by one pasted line, builds natively as a host of its own, and what it builds is compared with what a worker of this machine
builds under emulation. CROSSMILL_PACKAGES names the folder of the packages (scripts/check arm makes them); without them, or where no
such machine can be made, it is skipped."""
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "people"))

from farm import BIN, ROOT, SKIPPED, can_run_arm64, main, step, tiny_archive
from machines_test import Machines

SCRIPT = ROOT / "scripts/arm-host"
# The emulated processors of a machine that is busy with other things: nothing is judged by these.
PATIENCE = 1500
MINUTES = 40
PLATFORM = "linux/arm64"
PARTS = ("crossmill-worker", "crossmill")


def packages():
    """The newest package of each part, or a skip."""
    folder = os.environ.get("CROSSMILL_PACKAGES", "")
    found = []
    for part in PARTS:
        files = sorted(pathlib.Path(folder).glob(f"{part}_*_arm64.deb"), key=lambda file: file.stat().st_mtime) if folder else []
        if not files:
            raise unittest.SkipTest("CROSSMILL_PACKAGES names no packages for arm64: scripts/check arm runs it")
        found.append(files[-1])
    return found


class ArmPackagesTest(unittest.TestCase):
    """What a cross compiler and a database of another architecture could have got wrong without an error."""

    def field(self, file, name):
        return subprocess.run(["dpkg-deb", "-f", file, name], capture_output=True, text=True, check=True).stdout.strip()

    def test_programs_and_dependencies_are_of_that_architecture(self):
        for file in packages():
            name = self.field(file, "Package")
            self.assertEqual(self.field(file, "Architecture"), "arm64")
            for library in ("libgrpc++1.51", "libc6 (>=", "libssl3 (>="):
                self.assertIn(library, self.field(file, "Depends"), name)
            with tempfile.TemporaryDirectory(prefix="crossmill-arm-", dir="/var/tmp") as folder:
                subprocess.run(["dpkg-deb", "-x", file, folder], check=True)
                program = pathlib.Path(folder, "usr/bin", name).read_bytes()[:20]
                # An ELF file of 64 bits, and the number of the machine.
                self.assertEqual((program[:5], program[18:20]), (b"\x7fELF\x02", b"\xb7\x00"), name)
                if name == "crossmill":
                    # As the program said it, emulated.
                    said = pathlib.Path(folder, "usr/share/bash-completion/completions/crossmill").read_text()
                    self.assertIn("crossmill", said)


class ArmHostTest(Machines):
    """`arm` is a machine in the network of the host `one`; the emulating worker is on the host `two`."""

    def setUp(self):
        files = packages()
        if os.uname().machine != "x86_64" or not can_run_arm64():
            self.skipTest("needs an x86_64 machine that emulates arm64 programs: scripts/setup-host")
        built = subprocess.run([SCRIPT, "build"], capture_output=True, text=True, timeout=PATIENCE)
        if built.returncode == SKIPPED:
            self.skipTest(built.stderr.strip())
        self.assertEqual(built.returncode, 0, built.stdout + built.stderr)
        archive = tiny_archive("arm64")
        super().setUp()
        imported = self.admin("image", "import", "--stand-in", archive, "tiny")
        self.assertEqual(imported.returncode, 0, imported.stderr)
        self.addCleanup(self.machine, "stop", "--remove")
        words = [word for file in files for word in ("--package", file)]
        started = self.machine("start", "--minutes", MINUTES, *words)
        if started.returncode == SKIPPED:
            self.skipTest(started.stderr.strip())
        self.assertEqual(started.returncode, 0, started.stdout + started.stderr)

    # ---- the machine ----

    def machine(self, action, *words):
        return subprocess.run(self.hosts.on("one", SCRIPT, action, "--folder", self.folder / "arm", *words), capture_output=True,
                              text=True, timeout=PATIENCE)

    def on_arm(self, *words):
        """What a command on the machine printed."""
        result = self.machine("run", *words)
        if result.returncode != 0:
            self.fail(f"{shlex.join(map(str, words))}: {result.returncode}\n{result.stdout}\n{result.stderr}\n{self.story_of_arm()}")
        return result.stdout

    def story_of_arm(self):
        journal = self.machine("run", "journalctl", "--no-pager", "--lines=60", "--unit=crossmill-worker@*").stdout
        return f"{journal}\n{self.logs()}"

    def join_arm(self):
        """The pasted line, and what it says to do next."""
        joined = self.on_arm(*shlex.split(self.invite("--pool", "arm")))
        name = re.match(r"joined \S+ as worker (\S+)", joined).group(1)
        self.on_arm("systemctl", "enable", "--now", f"crossmill-worker@{name}")
        return name

    # ---- builds ----

    def build(self, text, *options):
        """A build of a recipe, by a person on the farm's machine; its JSON."""
        context = self.folder / "context"
        context.mkdir(exist_ok=True)
        (context / "Dockerfile").write_text(text)
        built = self.run_on("farm", BIN / "crossmill", "--coordinator", f"unix:{self.data}/coordinator.sock", "build", "--progress",
                            "plain", "--json", "--platform", PLATFORM, *options, context)
        if built.returncode != 0:
            self.fail(f"{built.returncode}\n{built.stdout}\n{built.stderr}\n{self.story_of_arm()}")
        return json.loads(built.stdout)

    def test_it_joins_and_builds_what_an_emulating_worker_builds(self):
        self.assertEqual(self.on_arm("uname", "-m").strip(), "aarch64")
        native = self.join_arm()
        emulating = self.join("two", "--name", "emulating")
        self.start_worker("two")
        self.wait_for_connected(native, emulating)

        listed = {worker["name"]: worker for worker in self.admin_json("worker", "ls")}
        boot_id = self.on_arm("cat", "/proc/sys/kernel/random/boot_id").strip()
        self.assertNotEqual(listed[native]["host_id"], listed[emulating]["host_id"])
        self.assertEqual(listed[native]["host_id"].replace("-", ""), boot_id.replace("-", ""))
        kinds = {name: {each["platform"]: each["emulated"] for each in worker["platforms"]} for name, worker in listed.items()}
        self.assertEqual((kinds[native][PLATFORM], kinds[emulating][PLATFORM]), (False, True))

        # By the pool: only the machine can take it. The step says itself what executes it.
        alone = self.build("FROM tiny\nRUN uname -r >/kernel && cat /kernel\n", "--pool", "arm")
        ran = step(alone, "RUN uname")
        self.assertEqual((ran["worker"], ran["emulated"]), (native, False))
        console = self.admin("logs", str(alone["id"])).stdout
        self.assertIn(self.on_arm("uname", "-r").strip(), console)
        self.assertNotIn(os.uname().release, console)

        # Two hosts, and not `--allow-same-host`: they have to be two.
        compared = self.build("FROM tiny\nRUN mkdir /made && seq 1 20000 | sha256sum >/made/sum && chown 1000:1000 /made/sum\n"
                              "RUN uname -m >/made/machine\n", "--verify", "2")
        self.assertEqual(compared["verdict"], "reproducible", self.story_of_arm())
        [cell] = compared["cells"]
        self.assertEqual((cell["comparison"]["hosts"], cell["comparison"]["same_host"]), (2, False))
        for text in ("RUN mkdir", "RUN uname"):
            self.assert_both_executed(step(compared, text), native, emulating)

        self.assert_witnesses(compared["id"], native, emulating)
        self.assert_the_command_line_works_there(compared["id"])

    def assert_both_executed(self, one, native, emulating):
        layers = {one["worker"]: one["layer_digest"]} | {replica["worker"]: replica["layer_digest"] for replica in one["replicas"]}
        self.assertEqual(set(layers), {native, emulating}, one)
        self.assertEqual(len(set(layers.values())), 1, one)

    def assert_witnesses(self, build, native, emulating):
        """The record of the comparison has who was native and who was not."""
        compared = self.admin_json("diff", str(build))
        witnesses = [witness for cell in compared["cells"] for each in cell["steps"] for witness in each["witnesses"]]
        self.assertEqual({(witness["worker"], witness["emulated"]) for witness in witnesses}, {(native, False), (emulating, True)})

    def assert_the_command_line_works_there(self, build):
        """A person at the ARM machine: the authority's file and a token."""
        given = {"/root/farm.pem": self.authority.read_text(), "/root/token": self.admin_token + "\n"}
        for path, text in given.items():
            self.on_arm("sh", "-c", f"umask 077; printf %s {shlex.quote(text)} >{path}")
        self.on_arm("sh", "-c", f"crossmill --ca-file /root/farm.pem login {self.address} </root/token")
        seen = json.loads(self.on_arm("crossmill", "show", str(build), "--json"))
        self.assertEqual((seen["id"], seen["verdict"]), (build, "reproducible"))


if __name__ == "__main__":
    main()
