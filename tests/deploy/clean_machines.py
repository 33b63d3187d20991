"""Clean Debian machines on which the packages are tried, booted by systemd: a container of this machine's architecture, and an emulated
machine of 64-bit ARM (scripts/arm-host)."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/e2e"), str(ROOT / "scripts")]

import debian_archive
import tiny_base
from farm import SKIPPED, can_run_arm64, wait_for

# Whose packages are made.
RELEASE = "bookworm"

# Minimal machines leave documentation out, and the example of a setting is there.
APT = "apt-get -y -qq --no-install-recommends -o Dpkg::Options::=--path-include=/usr/share/doc/crossmill*"
# Of every command in a machine, whatever way it comes in.
ENVIRONMENT = ("env", "-i", "HOME=/root", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive",
               "CROSSMILL_COORDINATOR=unix:/run/crossmill/coordinator.sock")


class Machine:
    """What both have: commands in it. `patience`: seconds after which something in it does not happen any more; `watchdog`: seconds in
    which a program that is well says so."""

    architecture = ""
    patience = 0
    watchdog = 0

    def command_line(self, command):
        """Of this machine, for a command of a shell there; None while there is no such machine."""
        raise NotImplementedError

    def sh(self, command, check=False, stdin=subprocess.DEVNULL):
        words = self.command_line(command)
        if words is None:
            return subprocess.CompletedProcess(command, 1, "", "it does not run")
        result = subprocess.run(words, capture_output=True, text=True, timeout=10 * self.patience, stdin=stdin)
        if check and result.returncode != 0:
            raise AssertionError(f"{command}: {result.returncode}\n{result.stdout[-3000:]}\n{result.stderr[-3000:]}\n" +
                                 self.sh("journalctl --no-pager -n 40 -u 'crossmill*'").stdout)
        return result

    def out(self, command):
        return self.sh(command, check=True).stdout.strip()

    def wait_for(self, condition, what):
        wait_for(condition, what, limit=self.patience)


class Container(Machine):
    """A root file system of mmdebstrap's, and the systemd that systemd-nspawn begins in it."""

    architecture = tiny_base.machine_architecture()
    patience = 30
    watchdog = 3
    # Of what containers otherwise may not: steps' runtimes make keyrings, and namespaces in which /proc is mounted.
    OPTIONS = ["--register=no", "--keep-unit", "--capability=all", "--system-call-filter=add_key keyctl"]
    VARIABLES = {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "yes", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}

    def __init__(self, folder):
        self.root = folder / "root"
        self.root.mkdir(mode=0o755)
        self.log = folder / "boot.log"
        self.process = None

    @staticmethod
    def require():
        for program in ("mmdebstrap", "systemd-nspawn", "nsenter"):
            if shutil.which(program) is None:
                raise unittest.SkipTest(f"needs {program}")

    def start(self, packages):
        """Boots with the packages in /root/v1 and /root/v2, and what they need beside."""
        archive = self.root.parent / "root.tar"
        subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", "--include=systemd,dbus,ca-certificates,crun",
                        "--dpkgopt=force-unsafe-io", "--aptopt=Apt::Install-Recommends \"false\"", RELEASE, archive, "-"],
                       input=debian_archive.source_lines("deb", debian_archive.archives(RELEASE)), text=True, check=True)
        subprocess.run(["tar", "-xf", archive, "-C", self.root], check=True)
        archive.unlink()
        (self.root / "etc/resolv.conf").write_text(pathlib.Path("/etc/resolv.conf").read_text())
        for file, place in packages:
            self.put(file, place)
        # Later there is no network: nothing can come but these, and no port is shared with this machine.
        subprocess.run(["systemd-nspawn", "-q", "-D", self.root, "--register=no", "--keep-unit", "sh", "-c",
                        f"apt-get update -qq && {APT} install --download-only /root/v1/*.deb"], check=True, stdin=subprocess.DEVNULL)
        self.boot()

    def put(self, file, place):
        target = self.root / place.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)

    def boot(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["systemd-nspawn", "-D", self.root, "--private-network", *self.OPTIONS, "-b"], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env=os.environ | self.VARIABLES)
        self.wait_for(lambda: self.sh("systemctl is-system-running").stdout.strip() in ("running", "degraded"), "the boot")
        # What the container lays over parts of /proc: no user namespace could mount its own then.
        self.sh("umount /proc/sys/kernel/random/boot_id /proc/kmsg; ip link set lo up 2>/dev/null")

    def command_line(self, command):
        first = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout.split()
        if not first:
            return None
        return ["nsenter", "-t", first[0], "-m", "-u", "-i", "-n", "-p", "-C", *ENVIRONMENT, "sh", "-c", command]

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class ArmHost(Machine):
    """A machine of scripts/arm-host: a kernel of its own, whose processors are emulated. It has what the packages depend on."""

    architecture = "arm64"
    # Its processors, on a machine that may do other things meanwhile: nothing is judged by these.
    patience = 300
    watchdog = 20
    MINUTES = 60
    SCRIPT = ROOT / "scripts/arm-host"

    def __init__(self, folder):
        self.folder = folder / "machine"

    @classmethod
    def require(cls):
        if os.uname().machine != "x86_64" or not can_run_arm64():
            raise unittest.SkipTest("needs an x86_64 machine that emulates arm64 programs: scripts/setup-host")
        built = subprocess.run([cls.SCRIPT, "build"], capture_output=True, text=True)
        if built.returncode == SKIPPED:
            raise unittest.SkipTest(built.stderr.strip())
        if built.returncode != 0:
            raise AssertionError(built.stdout + built.stderr)

    def script(self, action, *words):
        return [self.SCRIPT, action, "--folder", self.folder, *words]

    def start(self, packages):
        started = subprocess.run(self.script("start", "--minutes", str(self.MINUTES)), capture_output=True, text=True)
        if started.returncode == SKIPPED:
            raise unittest.SkipTest(started.stderr.strip())
        if started.returncode != 0:
            raise AssertionError(started.stdout + started.stderr)
        self.wait_for(lambda: self.sh("systemctl is-system-running").stdout.strip() in ("running", "degraded"), "the boot")
        for file, place in packages:
            self.put(file, place)

    def put(self, file, place):
        with open(file, "rb") as stream:
            self.sh(f"mkdir -p $(dirname {place}) && cat > {place}", check=True, stdin=stream)

    def command_line(self, command):
        return self.script("run", *ENVIRONMENT, "sh", "-c", command)

    def stop(self):
        subprocess.run(self.script("stop", "--remove"), capture_output=True)
