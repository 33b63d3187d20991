#!/usr/bin/env python3
"""A 64-bit ARM machine with a kernel of its own (scripts/arm-host) as a worker: it joins over TLS, counts as another host and as
native, and what it builds has the bytes of this machine's worker, which emulates. CROSSMILL_PACKAGES names the folder with
its package (scripts/check images)."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from farm import ROOT, FarmTestCase, can_run_arm64, main, step, wait_for

# The first time it makes a root file system, by emulation; then a kernel boots in software.
BOOT_LIMIT = 1500


class ArmHost(FarmTestCase):
    tiny_architectures = ("amd64", "arm64")

    @classmethod
    def setUpClass(cls):
        cls.packages = os.environ.get("CROSSMILL_PACKAGES")
        if not cls.packages or not list(pathlib.Path(cls.packages).glob("crossmill-worker_*_arm64.deb")):
            raise unittest.SkipTest("CROSSMILL_PACKAGES names no package for arm64: scripts/check images runs it")
        if shutil.which("qemu-system-aarch64") is None or not can_run_arm64():
            raise unittest.SkipTest("needs qemu-system-aarch64 and emulation of arm64: scripts/install-dependencies --cross")
        certificates = pathlib.Path("/var/tmp", f"crossmill-arm-host-{os.getpid()}")
        certificates.mkdir(mode=0o755)
        cls.addClassCleanup(shutil.rmtree, certificates)
        cls.certificate, key = certificates / "cert.pem", certificates / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=coordinator", "-addext", "subjectAltName=IP:127.0.0.1,IP:10.0.2.2", "-keyout", key,
                        "-out", cls.certificate], check=True, capture_output=True)
        cls.farm_options = {"workers": 1, "worker_options": ["--ca", cls.certificate],
                            "coordinator_options": ["--tls-cert", cls.certificate, "--tls-key", key]}
        super().setUpClass()
        cls.start_machine()

    @classmethod
    def start_machine(cls):
        farm = cls.farm
        token = farm.folder / "arm-token"
        token.write_text(farm.token("worker", "arm-host") + "\n")
        folder = os.environ.get("CROSSMILL_ARM_HOST", str(ROOT / "build/arm-host"))
        log = open(farm.folder / "arm-host.log", "ab")
        machine = subprocess.Popen(
            [ROOT / "scripts/arm-host", "--coordinator", f"10.0.2.2:{farm.port}", "--token-file", token, "--ca", cls.certificate,
             "--packages", cls.packages, "--folder", folder], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True)
        log.close()
        cls.addClassCleanup(cls.end, machine)

        def connected():
            if machine.poll() is not None:
                raise AssertionError(farm.logs())
            try:
                farm.wait_for_workers(2)
            except AssertionError:
                return False
            return True
        wait_for(connected, "the connection of the ARM machine", BOOT_LIMIT)

    @staticmethod
    def end(machine):
        if machine.poll() is None:
            os.killpg(machine.pid, signal.SIGTERM)
            machine.wait()

    def test_it_is_another_host_and_native_and_gives_the_same_bytes(self):
        self.dockerfile("""
            FROM tiny
            RUN mkdir /d && echo text > /d/file && chmod 4755 /d/file && chown 1000:1000 /d
        """)
        native = self.build_json("--platform", "linux/arm64", "--emulation", "never")
        made = step(native, "RUN mkdir")
        self.assertEqual((made["worker"], made["emulated"]), ("arm-host", False))
        # Two hosts, or it could not be said to be reproducible without --allow-same-host.
        verified = self.build_json("--platform", "linux/arm64", "--no-cache", "--verify", "2", "--require", "reproducible")
        made = step(verified, "RUN mkdir")
        self.assertEqual({made["worker"], *(replica["worker"] for replica in made["replicas"])}, {"w1", "arm-host"})
        self.assertEqual(verified["index_digest"], native["index_digest"])


if __name__ == "__main__":
    main()
