#!/usr/bin/env python3
"""A worker with no more than the rootless pods of deploy/helm have, by the chart's own golden file: a user namespace of 65,536 ids
in which it is root with some capabilities, the chart's subordinate ids, no privileges on the machine. It joins a farm, and
what it builds has the bytes of a usual worker."""
import pathlib
import pwd
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from farm import BIN, ROOT, FarmTestCase, main, require_program, step, wait_for

GOLDEN = ROOT / "tests/golden/deploy/plain/expected.yaml"
# Where the pod's ids begin on this machine, as the kubelet chooses it.
FIRST = 1879048192
# Of the image (deploy/images/Dockerfile).
USER_OF_IMAGE = 800
# Until the ids are mapped, and it is root of them.
WAIT = 'read go; exec setpriv --reuid=0 --regid=0 --clear-groups -- "$@"'
SCRIPT = """
mount --make-rprivate /
mount --bind "$1.users" /etc/subuid
mount --bind "$1.groups" /etc/subgid
mount --bind "$2/newuidmap" /usr/bin/newuidmap
mount --bind "$2/newgidmap" /usr/bin/newgidmap
capabilities=$3
shift 3
exec setpriv --ambient-caps=-all --inh-caps=-all --bounding-set="-all,$capabilities" -- "$@"
"""


def ids(user):
    """All of 65,536 but root and the worker's user."""
    return f"crossmill:1:{user - 1}\ncrossmill:{user + 1}:{65535 - user}\n"


class Pod(FarmTestCase):
    farm_options = {"workers": 1}

    @classmethod
    def setUpClass(cls):
        require_program("unshare", "setpriv", "setcap")
        super().setUpClass()
        text = GOLDEN.read_text()
        cls.ids = re.search(r"\n  ids: \|\n((?:    crossmill:.*\n)+)", text)[1].replace("    ", "")
        cls.capabilities = re.search(r"add: \[([A-Z_, ]+)\]", text)[1].lower().split(", ")
        # With the ids of this machine's user and group where the chart has those of the image's.
        file = cls.farm.folder / "ids"
        user = pwd.getpwnam("crossmill")
        for name, own in (("users", user.pw_uid), ("groups", user.pw_gid)):
            part = file.with_name(f"ids.{name}")
            part.write_text(ids(own))
            part.chmod(0o644)
        cls.start(file)
        try:
            cls.farm.wait_for_workers(2)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{(cls.farm.folder / 'pod.log').read_text()}") from error

    @classmethod
    def start(cls, id_file):
        farm = cls.farm
        data = farm.folder / "pod"
        data.mkdir()
        (data / "token").write_text(farm.worker_token + "\n")
        for path in (data, data / "token"):
            shutil.chown(path, FIRST, FIRST)
        # As in the image, whose files are those of the pod's root: file capabilities, not setuid.
        tools = farm.folder / "tools"
        tools.mkdir(mode=0o755)
        for name, capability in (("newuidmap", "cap_setuid"), ("newgidmap", "cap_setgid")):
            shutil.copyfile(f"/usr/bin/{name}", tools / name)
            (tools / name).chmod(0o755)
            shutil.chown(tools / name, FIRST, FIRST)
            subprocess.run(["setcap", "-n", str(FIRST), f"{capability}+ep", tools / name], check=True)
        log = open(farm.folder / "pod.log", "ab")
        worker = subprocess.Popen(
            ["unshare", "--user", "--mount", "--propagation=unchanged", "--keep-caps", "sh", "-ec", WAIT, "sh", "sh", "-ec", SCRIPT,
             "sh", id_file, tools,
             ",".join("+" + name for name in cls.capabilities), BIN / "crossmill-worker", "--coordinator",
             f"127.0.0.1:{farm.port}", "--name", "pod", "--data", data / "data", "--token-file", data / "token", "--slots", "2"],
            stdin=subprocess.PIPE, stdout=log, stderr=log)
        log.close()
        # Ended with the farm.
        farm.workers["pod"] = worker
        uid_map = pathlib.Path(f"/proc/{worker.pid}/uid_map")
        own = pathlib.Path("/proc/self/ns/user").readlink()
        wait_for(lambda: pathlib.Path(f"/proc/{worker.pid}/ns/user").readlink() != own, "the pod's user namespace")
        uid_map.write_text(f"0 {FIRST} 65536")
        uid_map.with_name("gid_map").write_text(f"0 {FIRST} 65536")
        worker.stdin.write(b"\n")
        worker.stdin.close()

    def test_the_chart_gives_all_ids_of_the_pod_but_two(self):
        self.assertEqual(self.ids, ids(USER_OF_IMAGE))
        self.assertIn(f"--uid {USER_OF_IMAGE} ", (ROOT / "deploy/images/Dockerfile").read_text())

    def test_it_builds_the_same_bytes_as_a_worker_of_the_machine(self):
        self.dockerfile("""
            FROM tiny
            RUN mkdir /d && echo text > /d/file && chmod 4755 /d/file && chown 65534:65534 /d /d/file
            USER 1000
            RUN test "$(id -u)" = 1000 && test ! -w /d
        """)
        built = self.build_json("--verify", "2", "--allow-same-host", "--require", "reproducible")
        made = step(built, "RUN mkdir")
        self.assertEqual({made["worker"], *(replica["worker"] for replica in made["replicas"])}, {"w1", "pod"})

    def test_without_control_groups_limits_are_watched(self):
        listed = self.farm.cli("worker", "ls", "-v")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        pod = re.search(r"(?ms)^pod\n(.*?)(?:^\w|\Z)", listed.stdout)[1]
        self.assertRegex(pod, r"(?m)^  limit of memory: watchdog", listed.stdout)
        self.assertNotIn(": control group", pod)
        self.assertIn("limits of all steps together: memory not limited, processes not limited", (self.farm.folder / "pod.log").read_text())


if __name__ == "__main__":
    main()
