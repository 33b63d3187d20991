#!/usr/bin/env python3
"""The packages on a clean Debian that systemd boots in a container (systemd-nspawn): installed, a build, upgraded, removed,
purged. The units are those of the packages, run by the real service manager.

For root, with mmdebstrap and systemd-nspawn. CROSSMILL_PACKAGES names the folder with two versions of the packages, v1 and
v2 (scripts/check packages makes them). apt's archives are those of this machine.
"""
import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from farm import main, tiny_archive, wait_for

PACKAGES = pathlib.Path(os.environ.get("CROSSMILL_PACKAGES", ROOT / "build/packages"))
NAMES = ("crossmill", "crossmill-coordinator", "crossmill-worker")
DATA = "/var/lib/crossmill/coordinator"
# Whether a program of the packages runs; also one that is removed already.
RUNNING = "ls -l /proc/[0-9]*/exe 2>/dev/null | grep -q /usr/bin/crossmill"
APT = "apt-get -y -qq --no-install-recommends"


def debian_sources():
    """Lines for sources.list, by what apt of this machine has."""
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)", "Created-By: Packages"],
        capture_output=True, text=True, check=True).stdout
    lines = sorted({line for line in targets.splitlines() if line.startswith("Debian|")})
    key = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    return [f"deb {key} {uri} {release} {component}" for _, uri, release, component in (line.split("|") for line in lines)
            if release.split("-")[0] == "bookworm"]


class Machine:
    """A clean root file system, and the systemd that runs in it."""

    # Of what containers otherwise may not: steps' runtimes make keyrings, and namespaces in which /proc is mounted.
    OPTIONS = ["--register=no", "--keep-unit", "--capability=all", "--system-call-filter=add_key keyctl"]
    VARIABLES = {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "yes", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}

    def __init__(self, folder):
        self.root = folder / "root"
        self.root.mkdir(mode=0o755)
        self.log = folder / "boot.log"
        self.process = None

    def make(self):
        archive = self.root.parent / "root.tar"
        subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", "--include=systemd,dbus,ca-certificates,crun",
                        "--dpkgopt=force-unsafe-io", "--aptopt=Apt::Install-Recommends \"false\"", "bookworm", archive, "-"],
                       input="\n".join(debian_sources()), text=True, check=True)
        subprocess.run(["tar", "-xf", archive, "-C", self.root], check=True)
        archive.unlink()
        (self.root / "etc/resolv.conf").write_text(pathlib.Path("/etc/resolv.conf").read_text())

    def run_once(self, command):
        """Without systemd, with this machine's network."""
        subprocess.run(["systemd-nspawn", "-q", "-D", self.root, "--register=no", "--keep-unit", "sh", "-c", command],
                       check=True, stdin=subprocess.DEVNULL)

    def boot(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["systemd-nspawn", "-D", self.root, "--private-network", *self.OPTIONS, "-b"], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env=os.environ | self.VARIABLES)
        wait_for(lambda: self.sh("systemctl is-system-running").stdout.strip() in ("running", "degraded"), "the boot")
        # What the container lays over parts of /proc: no user namespace could mount its own then.
        self.sh("umount /proc/sys/kernel/random/boot_id /proc/kmsg; ip link set lo up 2>/dev/null")

    def sh(self, command, check=False):
        first = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout.split()
        if not first:
            return subprocess.CompletedProcess(command, 1, "", "it does not run")
        result = subprocess.run(
            ["nsenter", "-t", first[0], "-m", "-u", "-i", "-n", "-p", "-C", "env", "-i", "HOME=/root",
             "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive",
             "CROSSMILL_COORDINATOR=unix:/run/crossmill/coordinator.sock", "sh", "-c", command],
            capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)
        if check and result.returncode != 0:
            raise AssertionError(f"{command}: {result.returncode}\n{result.stdout[-3000:]}\n{result.stderr[-3000:]}\n" +
                                 self.sh("journalctl --no-pager -n 40 -u 'crossmill*'").stdout)
        return result

    def out(self, command):
        return self.sh(command, check=True).stdout.strip()

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class CleanRoot(unittest.TestCase):
    """One life of the packages, in the order of the tests' names."""

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root")
        for program in ("mmdebstrap", "systemd-nspawn", "nsenter"):
            if subprocess.run(["which", program], capture_output=True).returncode != 0:
                raise unittest.SkipTest(f"needs {program}")
        scratch = tempfile.TemporaryDirectory(prefix="crossmill-packages-", dir="/var/tmp", ignore_cleanup_errors=True)
        cls.addClassCleanup(scratch.cleanup)
        cls.machine = machine = Machine(pathlib.Path(scratch.name))
        machine.make()
        for version in ("v1", "v2"):
            (machine.root / "root" / version).mkdir()
            debs = list((PACKAGES / version).glob("*.deb"))
            assert len(debs) == len(NAMES), f"{PACKAGES / version}: {debs}"
            for deb in debs:
                subprocess.run(["cp", deb, machine.root / "root" / version], check=True)
        subprocess.run(["cp", tiny_archive(), machine.root / "root/tiny.tar"], check=True)
        # Later there is no network: nothing can come but these, and no port is shared with this machine.
        machine.run_once(f"apt-get update -qq && {APT} install --download-only /root/v1/*.deb")
        cls.addClassCleanup(machine.stop)
        machine.boot()

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
        wait_for(lambda: "connected" in self.out("crossmill worker ls"), "the worker's connection")
        self.assertIn("StatusText=connected to", self.out("systemctl show -p StatusText crossmill-worker@w1"))
        self.out("crossmill image import --stand-in /root/tiny.tar tiny")
        self.out("mkdir /root/c; printf 'FROM tiny\\nRUN echo hello > /hello\\nCOPY Dockerfile /\\n' > /root/c/Dockerfile")
        self.out("crossmill build -t first:1 /root/c")
        self.assertIn("first", self.out("crossmill image ls"))

    def test_3_systemd_reloads_watches_and_starts_again(self):
        self.out("systemctl reload crossmill-coordinator")
        self.assertIn("settings were read again", self.out("journalctl --no-pager -u crossmill-coordinator"))
        unit = "crossmill-coordinator"
        self.out(f"mkdir -p /run/systemd/system/{unit}.service.d; printf '[Service]\\nWatchdogSec=3\\n' > "
                 f"/run/systemd/system/{unit}.service.d/short.conf; systemctl daemon-reload; systemctl restart {unit}")
        first = self.out(f"systemctl show -P MainPID {unit}")
        time.sleep(6)
        self.assertEqual(self.out(f"systemctl show -P MainPID {unit}"), first, "a watchdog that hears something is content")
        self.out(f"kill -STOP {first}")
        wait_for(lambda: self.out(f"systemctl show -P NRestarts {unit}") == "1"
                 and self.out(f"systemctl is-active {unit} || true") == "active", "the start after it was stuck", limit=30)
        self.out(f"rm -r /run/systemd/system/{unit}.service.d; systemctl daemon-reload; systemctl restart {unit}")
        wait_for(lambda: "connected" in self.machine.sh("crossmill worker ls").stdout, "that the worker is there again")

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
        wait_for(lambda: "connected" in self.machine.sh("crossmill worker ls").stdout, "that the worker is there again")
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


if __name__ == "__main__":
    main()
