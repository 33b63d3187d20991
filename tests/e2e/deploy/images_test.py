#!/usr/bin/env python3
"""The images of deploy/images, built by scripts/build-images on a real farm on the stand-in for debian:bookworm-slim: the same bytes
twice, and programs that run: the coordinator of its image answers, a worker of its image joins it and builds, the command line
talks to it. CROSSMILL_PACKAGES names a folder with the packages of scripts/make-packages (scripts/check images makes them)."""
import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import stand_ins
from container import Container, Unpacked
from farm import BIN, ROOT, FarmTestCase, main, step, wait_for

COMPOSE = ROOT / "deploy/compose/compose.yaml"
NATIVE = stand_ins.architecture()
BASE = "debian:bookworm"


class WorkerImage(Unpacked):
    """With what deploy/compose gives a worker, and this machine's network."""

    def write_spec(self, arguments):
        super().write_spec(arguments)
        file = self.bundle / "config.json"
        spec = json.loads(file.read_text())
        given = re.search(r"cap_add: \[([A-Z_, ]+)\]", COMPOSE.read_text())[1].split(", ")
        capabilities = [f"CAP_{name}" for name in given]
        spec["process"]["capabilities"] = {kind: capabilities for kind in ("bounding", "effective", "permitted")}
        spec["process"]["noNewPrivileges"] = False
        # seccomp, apparmor and systempaths are unconfined.
        for name in ("seccomp", "maskedPaths", "readonlyPaths"):
            spec["linux"].pop(name, None)
        # As Docker has it: there, and not to be written. What runs steps looks which kind it is.
        spec["mounts"].append({"destination": "/sys/fs/cgroup", "type": "bind", "source": "/sys/fs/cgroup",
                               "options": ["rbind", "ro", "nosuid", "nodev", "noexec"]})
        spec["linux"]["namespaces"] = [one for one in spec["linux"]["namespaces"] if one["type"] != "network"]
        file.write_text(json.dumps(spec))


class Images(FarmTestCase):
    farm_options = {"workers": 2}

    @classmethod
    def setUpClass(cls):
        cls.packages = os.environ.get("CROSSMILL_PACKAGES")
        if not cls.packages:
            raise unittest.SkipTest("CROSSMILL_PACKAGES names no packages: scripts/check images runs it")
        if not stand_ins.registry_answers() and stand_ins.find(BASE) is None:
            raise unittest.SkipTest(f"no registry answers, and {stand_ins.why_missing(BASE)}")
        super().setUpClass()
        if not stand_ins.registry_answers():
            cls.farm.import_base("debian:bookworm-slim", stand_ins.find(BASE))
        platforms = [NATIVE]
        if os.environ.get("CROSSMILL_IMAGES_ARCHS"):
            platforms = os.environ["CROSSMILL_IMAGES_ARCHS"].split(",")
        cls.made = subprocess.run(
            [ROOT / "scripts/build-images", "--packages", cls.packages, "--name", "farm",
             *[word for arch in platforms for word in ("--arch", arch)], "--", "--allow-same-host", "--progress", "plain"],
            capture_output=True, text=True, env=cls.farm.environment() | {"CROSSMILL": str(BIN / "crossmill")})
        cls.version = subprocess.run([BIN / "crossmill", "--version"], capture_output=True, text=True).stdout.split()[-1]

    def setUp(self):
        super().setUp()
        self.assertEqual(self.made.returncode, 0, self.story(self.made))

    def unpack(self, name, kind=Unpacked):
        image = kind(self.farm, f"farm-{name}:{self.version}", f"linux/{NATIVE}")
        self.addCleanup(image.close)
        return image

    def test_nothing_of_their_installation_is_left(self):
        for name in ("coordinator", "worker", "cli"):
            root = self.unpack(name).root
            for path in ("var/lib/apt/lists", "var/log", "tmp", "var/cache/apt/archives"):
                files = [file for file in (root / path).rglob("*") if file.is_file()]
                self.assertEqual(files, [], name)
            self.assertFalse((root / "packages").exists() and any((root / "packages").iterdir()))
            self.assertFalse((root / "lib/systemd/systemd").exists())

    def test_ids_are_those_that_the_chart_knows(self):
        root = self.unpack("coordinator").root
        self.assertIn("crossmill-coordinator:x:801:801:", (root / "etc/passwd").read_text())
        self.assertEqual((root / "var/lib/crossmill/coordinator").stat().st_uid, 801)
        root = self.unpack("worker").root
        self.assertIn("crossmill:x:800:800:", (root / "etc/passwd").read_text())
        self.assertEqual((root / "etc/subuid").read_text(), (root / "etc/subgid").read_text())

    def test_the_coordinator_answers(self):
        with Container(self.unpack("coordinator"), ["--config", "none", "--data", "/var/lib/crossmill/coordinator", "--http",
                                                    "127.0.0.1:7071"]) as container:
            self.assertEqual(container.get("http://127.0.0.1:7071/livez")[0], 200)
            wait_for(lambda: container.get("http://127.0.0.1:7071/readyz")[0] == 200, "readiness")
            self.assertEqual(container.user(), (801, 801))

    def test_a_worker_of_its_image_joins_and_builds_without_privileges(self):
        image = self.unpack("worker", WorkerImage)
        (image.root / "token").write_text(self.farm.worker_token + "\n")
        (image.root / "token").chmod(0o444)
        arguments = ["--config", "none", "--coordinator", f"127.0.0.1:{self.farm.port}", "--name", "image", "--data",
                     "/var/lib/crossmill/workers/container", "--token-file", "/token"]
        with Container(image, arguments) as container:
            def connected():
                listed = json.loads(self.farm.cli("worker", "ls", "--json").stdout)
                if container.process.poll() is not None:
                    raise AssertionError(container.output())
                return any(worker["name"] == "image" and worker["connected"] for worker in listed)
            wait_for(connected, "the connection of the worker")
            self.dockerfile("""
                FROM tiny
                RUN mkdir /d && echo text > /d/file && chown 65534:65534 /d
            """)
            for worker in ("w1", "w2"):
                self.assert_exit(self.farm.cli("worker", "drain", worker), 0)
            try:
                built = self.build_json("--no-cache")
            finally:
                for worker in ("w1", "w2"):
                    self.farm.cli("worker", "undrain", worker)
            self.assertEqual(step(built, "RUN mkdir")["worker"], "image", container.output())
            again = self.build_json("--no-cache")
            self.assertEqual(again["index_digest"], built["index_digest"])

    def test_worker_and_command_line_are_programs(self):
        for name, words in (("worker", "Executes build stages"), ("cli", "Usage:")):
            with Container(self.unpack(name), ["--help"]) as container:
                self.assertEqual(container.wait(), 0, container.output())
                self.assertIn(words, container.output())


if __name__ == "__main__":
    main()
