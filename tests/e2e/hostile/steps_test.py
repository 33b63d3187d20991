#!/usr/bin/env python3
"""Hostile steps: what a RUN tries against its sandbox, its worker and the other steps; and what -o local writes of an image
that is not meant well."""
import os
import pathlib
import stat
import subprocess
import time

from corpus import Case, HostileTest, corpus, descendants
from farm import main, wait_for

SECRET = "the-secret-4711"


def held(*conditions):
    """Conditions that hold in a sandbox; what fails is told."""
    return " && ".join(conditions) + " && echo held-as-said && exit 3"


def denied(*commands):
    return held(*[f"! ({command}) 2>/dev/null" for command in commands])


CASES = [
    Case("mount", "mount of a tmpfs, of the host's disk, and over /proc", "no such capability in a sandbox", r"held-as-said", denied("busybox mount -t tmpfs x /mnt", "busybox mount --bind / /mnt", "busybox mount -t proc p /proc"), sentence="Operation not permitted"),
    Case("unshare", "a user namespace of its own, for new privileges", "the system call filter", r"held-as-said", denied("busybox unshare -U true", "busybox unshare -m true"), sentence="Operation not permitted"),
    Case("chroot-escape", "chroot and back", "the root is pivoted", r"held-as-said", held("mkdir /j", "(busybox chroot /j /bin/sh -c true 2>/dev/null || true)", "! ls /j/../../../var/lib/crossmill 2>/dev/null"), sentence="(its own root)"),
    Case("proc-sysrq", "writes to /proc/sysrq-trigger and /proc/sys", "read-only parts of /proc", r"held-as-said", denied("echo b > /proc/sysrq-trigger", "echo 1 > /proc/sys/kernel/panic", "echo x > /proc/sys/kernel/core_pattern"), sentence="Read-only file system"),
    Case("proc-kcore", "reads of /proc/kcore, /proc/keys and /proc/timer_list", "masked parts of /proc", r"held-as-said", held("test $(head -c 100 /proc/kcore 2>/dev/null | wc -c) = 0", "test $(cat /proc/keys 2>/dev/null | wc -c) = 0"), sentence="(empty)"),
    Case("proc-others", "processes of the host in /proc", "a process namespace of its own", r"held-as-said", held("test $(ls /proc | grep -c '^[0-9]*$') -lt 12", "! cat /proc/1/root/var/lib/crossmill/token 2>/dev/null"), sentence="(its own)"),
    Case("sys-write", "writes to /sys", "/sys is read-only", r"held-as-said", denied("echo 1 > /sys/kernel/uevent_helper", "echo mem > /sys/power/state"), sentence="Read-only file system"),
    Case("cgroup-escape", "a release_agent in a cgroup", "cgroups are read-only or not there", r"held-as-said", denied("echo /x > /sys/fs/cgroup/release_agent", "mkdir /sys/fs/cgroup/x"), sentence="Read-only file system"),
    Case("devices-made", "mknod of the host's disk", "devices do not open in a sandbox", r"held-as-said", held("(mknod /d b 8 0 2>/dev/null || true)", "! dd if=/d of=/dev/null bs=1 count=1 2>/dev/null", "(mknod /m c 1 1 2>/dev/null || true)", "! dd if=/m of=/dev/null bs=1 count=1 2>/dev/null"), sentence="Operation not permitted"),
    Case("setuid-shell", "a setuid shell for a user of the sandbox", "no new privileges", r"held-as-said", held("cp /bin/busybox /s && chmod 4755 /s", "test -u /s"), sentence="(root of the sandbox is nobody outside)"),
    Case("kill-all", "kill -9 -1", "a process namespace of its own", r"held-as-said", "kill -9 -1; " + held("true"), sentence="(only its own)"),
    Case("reboot", "reboot and shutdown", "no such capability", r"held-as-said", denied("busybox reboot -f", "busybox poweroff -f"), sentence="Operation not permitted"),
    Case("clock", "setting the clock", "no such capability", r"held-as-said", held("(date -s 2001-01-01 >/dev/null 2>&1 || true)", "test $(date +%Y) -gt 2020"), sentence="Operation not permitted"),
    Case("hostname", "setting the host's name", "a name space of its own, or no such capability", r"held-as-said", held("(hostname hostile 2>/dev/null || true)"), sentence="(its own)"),
    Case("loopback-port", "a port of the worker's machine", "a network of its own", r"held-as-said", denied("nc -w 1 127.0.0.1 PORT < /dev/null"), sentence="Connection refused"),
    Case("metadata-address", "169.254.169.254", "a network of its own", r"held-as-said", denied("nc -w 1 169.254.169.254 80 < /dev/null"), sentence="Network is unreachable"),
    Case("daemon-setsid", "a process that leaves its session and outlives the step", "the process namespace ends with the step", r"held-as-said", "setsid sleep 4711 >/dev/null 2>&1 & " + held("true"), sentence="(killed with the step)"),
    Case("daemon-double-fork", "a process whose parents are gone", "the process namespace ends with the step", r"held-as-said", "(setsid sh -c '(sleep 4712 >/dev/null 2>&1 &) &' &) ; " + held("true"), sentence="(killed with the step)"),
    Case("daemon-holds-output", "a process that keeps the console open", "the step ends with its first process", r"held-as-said", "setsid sleep 4713 & " + held("true"), sentence="(the step ends at once)"),
    Case("fork-many", "2,000 processes at once", "limits of the sandbox, memory of the machine", r"held-as-said", "for i in $(seq 1 2000); do sleep 4714 & done 2>/dev/null; " + held("true"), sentence="(killed with the step)"),
    Case("console-flood", "100 MB of console without a line feed", "the console is bounded", r"held-as-said|Dockerfile:2", "dd if=/dev/zero bs=1M count=100 2>/dev/null | tr '\\0' x; echo; " + held("true"), sentence="(cut, and said so)"),
    Case("files-by-thousands", "20,000 files in a folder", "time of the step", r"held-as-said", "mkdir /m && cd /m && seq 1 20000 | xargs touch && " + held("true"), sentence="(a layer like others)"),
    Case("names-of-files", "files whose names are line feeds, escapes and dashes", "names are bytes in layers", r"held-as-said", "touch \"$(printf 'a\\nb')\" \"$(printf 'c\\033[2J')\" ./-rf && " + held("true"), sentence="(kept)"),
    Case("sparse-file", "a file of 1 TB of holes", "layers are packed as they are read", r"held-as-said|Dockerfile:2", "dd if=/dev/zero of=/sparse bs=1 count=0 seek=1099511627776 2>/dev/null; rm -f /sparse; " + held("true"), sentence="(removed again: it takes no room; one that stays is read as 1 TB, see docs/operations.md)"),
    Case("layer-whiteouts", "files called .wh.bin and .wh..wh..opq", "names of whiteouts", r"names that begin with \.wh\. mean removals in image layers and cannot be stored in one; give it another name", "touch /.wh.bin /.wh..wh..opq; exit 0"),
    Case("xattr-overlay", "a folder that says it is opaque", "extended attributes of overlayfs", r"held-as-said", denied("busybox setfattr -n trusted.overlay.opaque -v y /bin"), sentence="Operation not permitted"),
]

SECRETS = [
    Case("secret-echoed", "a step that prints its secret", "values of secrets are blotted out of the console", r"\| \*\*\*", "cat /run/secrets/s; exit 3", sentence="***"),
    Case("secret-in-layer", "a step that keeps its secret in a file", "layers are searched for secrets", r"secret", "cat /run/secrets/s > /kept"),
    Case("secret-next-step", "the next step looks for it", "secrets are mounted for their step only", r"held-as-said", "true\nRUN " + held("! test -e /run/secrets/s"), sentence="(not there)"),
]

# Steps that make an image whose files -o local writes to the client's disk.
OUTPUTS = [
    Case("local-setuid", "a setuid program", "modes of -o local", r"1 files lost their setuid and setgid bits, 'su' is the first", "cp /bin/busybox /out/su && chmod 6755 /out/su"),
    Case("local-link-out", "a link to /etc/passwd, and one to ..", "links are written as links, never followed", r"(?s).*", "ln -s /etc/passwd /out/l && ln -s .. /out/up", sentence="(links)"),
    Case("local-owner", "files of another owner", "owners of -o local", r"(?s).*", "touch /out/o && chown 12345:54321 /out/o", sentence="(the client's, also where root writes them)"),
    Case("local-names", "names with escapes and line feeds", "text is made printable", r"(?s).*", "touch \"/out/$(printf 'a\\033[2J\\nb')\"", sentence="(kept; printed as ?)"),
    Case("local-pipe", "a pipe, which would block a reader", "-o local", r"(?s).*", "mkfifo /out/p", sentence="(written as a pipe, or left out with a note)"),
    Case("local-deep", "folders 400 deep", "-o local", r"(?s).*", "cd /out && for i in $(seq 1 400); do mkdir d && cd d; done", sentence="(kept)"),
    Case("local-hard-links", "a hard link between files", "hard links are within the folder", r"(?s).*", "echo x > /out/a && ln /out/a /out/b", sentence="(a link)"),
]


@corpus("steps", CASES)
class StepsTest(HostileTest):
    def run_case(self, case):
        self.write("Dockerfile", f"FROM tiny\nRUN {case.data}\n".replace("PORT", str(self.farm.port)))
        begun = time.monotonic()
        result = self.build("--step-timeout", "60")
        said = result.stdout + result.stderr
        self.assertLess(time.monotonic() - begun, 50)
        self.assert_case(case, said[:20000] + said[-20000:], self.story(result))
        if "held-as-said" in case.says and "|" not in case.says:
            self.assertIn("held-as-said\n", said.replace("    held-as-said", "held-as-said"), self.story(result))
            self.assertIn("exit code 3", said, self.story(result))
        wait_for(lambda: not subprocess.run(["pgrep", "-f", "^sleep 471[0-9]"], capture_output=True).stdout, "the end of what the step started", 20)


@corpus("steps", SECRETS)
class SecretsTest(HostileTest):
    def run_case(self, case):
        (self.context / "value").write_text(SECRET)
        self.write("Dockerfile", f"FROM tiny\nRUN --mount=type=secret,id=s {case.data}\n")
        result = self.build("--secret", f"id=s,src={self.context}/value")
        self.assert_case(case, result.stdout + result.stderr, self.story(result))
        # Nowhere in the record or the logs; consoles and layers are the recipe's.
        kept = subprocess.run(["grep", "-rlF", SECRET, self.farm.data, *self.farm.folder.glob("*.log")], capture_output=True, text=True).stdout
        self.assertEqual([path for path in kept.splitlines() if "/logs/" not in path and "/blobs/" not in path], [])


# What is found below the folder that was written: (what it is, what it should be).
WRITTEN = {
    "local-link-out": lambda place: ([os.readlink(place / "l"), os.readlink(place / "up")], ["/etc/passwd", ".."]),
    "local-names": lambda place: (os.listdir(place), ["a\x1b[2J\nb"]),
    "local-deep": lambda place: (sum(1 for _ in os.walk(place)) - 1, 400),
    "local-hard-links": lambda place: (os.lstat(place / "a").st_ino, os.lstat(place / "b").st_ino),
    "local-setuid": lambda place: (oct(os.lstat(place / "su").st_mode & 0o7000), oct(0)),
    "local-owner": lambda place: (os.lstat(place / "o").st_uid, os.geteuid()),
}


@corpus("outputs", OUTPUTS)
class OutputsTest(HostileTest):
    def run_case(self, case):
        # COPY gives all to root, unless it is told otherwise.
        owner = "--chown=12345:54321 " if case.name == "local-owner" else ""
        self.write("Dockerfile", f"FROM tiny AS made\nRUN mkdir /out && {case.data}\nFROM scratch\nCOPY --from=made {owner}/out /\n")
        place = self.context / "place"
        beside = self.context / "beside"
        beside.write_text("untouched")
        result = self.build("-o", f"type=local,dest={place}")
        self.assert_case(case, result.stdout + result.stderr, self.story(result))
        self.assertEqual(beside.read_text(), "untouched")
        self.assertEqual(sorted(path.name for path in self.context.iterdir()), ["Dockerfile", "beside", "place"])
        if case.name in WRITTEN:
            found, wanted = WRITTEN[case.name](place)
            self.assertEqual(found, wanted)
        for path in place.rglob("*") if case.name != "local-deep" else ():
            info = os.lstat(path)
            self.assertFalse(stat.S_ISCHR(info.st_mode) or stat.S_ISBLK(info.st_mode), path)


if __name__ == "__main__":
    main()
