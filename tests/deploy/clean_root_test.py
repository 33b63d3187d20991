#!/usr/bin/env python3
"""The packages on a clean Debian that systemd boots (tests/deploy/clean_machines.py): installed, a build, upgraded, removed, purged. The
units are those of the packages, run by the real service manager; in a container of this machine's architecture, and on an emulated
machine of 64-bit ARM.

For root. CROSSMILL_PACKAGES names the folder with two versions of the packages, v1 and v2 (scripts/check packages and scripts/check arm
make them). apt's archives are those of this machine.
"""
import json
import os
import pathlib
import shlex
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from clean_machines import APT, ArmHost, Container
from farm import main, tiny_archive

PACKAGES = pathlib.Path(os.environ.get("CROSSMILL_PACKAGES", ROOT / "build/packages"))
NAMES = ("crossmill", "crossmill-coordinator", "crossmill-worker")
DATA = "/var/lib/crossmill/coordinator"
# Whether a program of the packages runs; also one that is removed already.
RUNNING = "ls -l /proc/[0-9]*/exe 2>/dev/null | grep -q /usr/bin/crossmill"


def packages_for(architecture):
    """(file, place in the machine) of both versions, or a skip."""
    found = []
    for version in ("v1", "v2"):
        debs = sorted((PACKAGES / version).glob(f"*_{architecture}.deb"))
        if not debs:
            raise unittest.SkipTest(f"{PACKAGES / version} has no packages for {architecture}: scripts/check packages, scripts/check arm")
        assert len(debs) == len(NAMES), f"{PACKAGES / version}: {debs}"
        found += [(deb, f"/root/{version}/{deb.name}") for deb in debs]
    return found


class LifeOfPackages:
    """One life of the packages, in the order of the tests' names."""

    kind = None

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root")
        packages = packages_for(cls.kind.architecture)
        cls.kind.require()
        scratch = tempfile.TemporaryDirectory(prefix="crossmill-packages-", dir="/var/tmp", ignore_cleanup_errors=True)
        cls.addClassCleanup(scratch.cleanup)
        cls.machine = cls.kind(pathlib.Path(scratch.name))
        cls.addClassCleanup(cls.machine.stop)
        cls.machine.start([*packages, (tiny_archive(cls.kind.architecture), "/root/tiny.tar")])

    def out(self, command):
        return self.machine.out(command)

    def fails(self, command):
        self.assertNotEqual(self.machine.sh(command).returncode, 0, command)

    def test_1_installed_the_coordinator_runs_as_its_own_user(self):
        self.out(f"{APT} install /root/v1/*.deb")
        self.assertEqual(self.out("systemctl is-active crossmill-coordinator"), "active")
        self.assertEqual(self.out("systemctl is-enabled crossmill-coordinator"), "enabled")
        shown = self.out("systemctl show -p StatusText -p MainPID crossmill-coordinator")
        self.assertIn("StatusText=serving", shown)
        pid = self.out("systemctl show -P MainPID crossmill-coordinator")
        self.assertEqual(self.out(f"stat -c %U /proc/{pid}"), "crossmill-coordinator")
        self.assertEqual(self.out(f"stat -c '%U %a' {DATA}"), "crossmill-coordinator 700")
        self.assertEqual(self.out("stat -c '%U %a' /run/crossmill/coordinator.sock"), "crossmill-coordinator 600")
        # Whether it is granted is the container's.
        self.assertEqual(self.out("systemctl show -P OOMScoreAdjust crossmill-coordinator"), "-500")
        self.fails("systemctl --failed --no-legend | grep .")
        self.out(RUNNING)

    def test_2_a_worker_is_an_instance_and_builds(self):
        self.out("sed s/NAME/w1/ /usr/share/doc/crossmill-worker/examples/worker.toml > /etc/crossmill/workers/w1.toml")
        self.out("umask 077; crossmill-coordinator token worker w1 > /etc/crossmill/workers/w1.token")
        self.assertEqual(self.out(f"stat -c %U {DATA}/tokens"), "crossmill-coordinator")
        self.out("systemctl enable --now crossmill-worker@w1")
        self.machine.wait_for(lambda: "connected" in self.out("crossmill worker ls"), "the worker's connection")
        self.assertIn("StatusText=connected to", self.out("systemctl show -p StatusText crossmill-worker@w1"))
        self.out("crossmill image import --stand-in /root/tiny.tar tiny")
        self.out("mkdir /root/c; printf 'FROM tiny\\nRUN echo hello > /hello\\nCOPY Dockerfile /\\n' > /root/c/Dockerfile")
        self.out("crossmill build -t first:1 /root/c")
        self.assertIn("first", self.out("crossmill image ls"))

    def test_3_systemd_reloads_watches_and_starts_again(self):
        self.out("systemctl reload crossmill-coordinator")
        self.assertIn("settings were read again", self.out("journalctl --no-pager -u crossmill-coordinator"))
        unit, watchdog = "crossmill-coordinator", self.machine.watchdog
        self.out(f"mkdir -p /run/systemd/system/{unit}.service.d; printf '[Service]\\nWatchdogSec={watchdog}\\n' > "
                 f"/run/systemd/system/{unit}.service.d/short.conf; systemctl daemon-reload; systemctl restart {unit}")
        first = self.out(f"systemctl show -P MainPID {unit}")
        time.sleep(2 * watchdog)
        self.assertEqual(self.out(f"systemctl show -P MainPID {unit}"), first, "a watchdog that hears something is content")
        self.out(f"kill -STOP {first}")
        self.machine.wait_for(lambda: self.out(f"systemctl show -P NRestarts {unit}") == "1" and
                              self.out(f"systemctl is-active {unit} || true") == "active", "the start after it was stuck")
        self.out(f"rm -r /run/systemd/system/{unit}.service.d; systemctl daemon-reload; systemctl restart {unit}")
        self.machine.wait_for(lambda: "connected" in self.machine.sh("crossmill worker ls").stdout, "that the worker is there again")

    def test_4_an_upgrade_keeps_data_and_settings_and_starts_the_new_version(self):
        self.out("printf 'stop-delay = 1\\n' >> /etc/crossmill/coordinator.toml; rm /root/c/Dockerfile")
        before = [self.out(f"systemctl show -P MainPID {unit}") for unit in ("crossmill-coordinator", "crossmill-worker@w1")]
        builds = self.out("crossmill ls --json")
        self.out(f"{APT} install /root/v2/*.deb")
        self.assertTrue(self.out("dpkg-query -W -f '${Version}' crossmill-coordinator").endswith("-2"))
        after = [self.out(f"systemctl show -P MainPID {unit}") for unit in ("crossmill-coordinator", "crossmill-worker@w1")]
        for old, new in zip(before, after):
            self.assertNotEqual(old, new)
        self.assertIn("stop-delay = 1", self.out("cat /etc/crossmill/coordinator.toml"))
        self.machine.wait_for(lambda: "connected" in self.machine.sh("crossmill worker ls").stdout, "that the worker is there again")
        self.assertEqual(json.loads(self.out("crossmill ls --json")), json.loads(builds))
        self.out("printf 'FROM first:1\\nRUN cat /hello > /again\\n' > /root/c/Dockerfile; crossmill build -t second:1 /root/c")

    def test_5_removal_keeps_what_was_made(self):
        self.out("mkdir /var/lib/crossmill/other; touch /var/lib/crossmill/other/file")
        self.out(f"{APT} remove {shlex.join(NAMES)}")
        self.fails(RUNNING)
        self.fails("ls /usr/bin/crossmill*")
        for kept in (f"{DATA}/record.db", f"{DATA}/tokens", "/var/lib/crossmill/workers/w1/signing-key.pem",
                     "/etc/crossmill/coordinator.toml", "/etc/crossmill/workers/w1.toml"):
            self.out(f"test -f {kept}")
        self.out(f"{APT} install /root/v2/*.deb")
        self.assertIn("second", self.out("crossmill image ls"))
        self.assertEqual(self.out("systemctl is-enabled crossmill-coordinator"), "enabled")

    def test_6_purging_takes_what_is_ours_and_nothing_else(self):
        self.out(f"{APT} purge {shlex.join(NAMES)}")
        self.fails(RUNNING)
        self.fails(f"ls -d {DATA} /var/lib/crossmill/workers /etc/crossmill/coordinator.toml")
        self.fails("dpkg-query -W -f '${db:Status-Status}\\n' 'crossmill*' | grep -v not-installed")
        self.out("test -f /var/lib/crossmill/other/file && test -f /etc/crossmill/workers/w1.toml")
        left = self.out("find / -xdev -name '*crossmill*' -not -path '/proc/*' -not -path '/root/*' -not -path '/tmp/*' "
                        "-not -path '/var/log/*' -not -path '/var/cache/*'").split()
        allowed = ("/var/lib/crossmill", "/etc/crossmill", "/etc/systemd/system/multi-user.target.wants/crossmill-worker@w1")
        self.assertEqual([path for path in left if not path.startswith(allowed)], [])


class CleanContainer(LifeOfPackages, unittest.TestCase):
    kind = Container


class CleanArmHost(LifeOfPackages, unittest.TestCase):
    kind = ArmHost


if __name__ == "__main__":
    main()
