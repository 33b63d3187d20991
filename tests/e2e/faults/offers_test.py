#!/usr/bin/env python3
"""A step has a secret and the client's ssh agent while the coordinator, its worker or the client is killed: the build
ends as docs/cli.md says, and neither a value nor a process, mount or socket is left."""
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import leftovers
from farm import FarmTestCase, main, require_program, wait_for

SECRET = "planted-offer-" + os.urandom(9).hex()

# It asks the agent until that answers: while nobody who has one is attached, each question fails.
RECIPE = """
    FROM tiny
    COPY ssh/ /
    RUN --mount=type=secret,id=planted,required=true --mount=type=ssh,required=true \\
        ssh-add -l && echo {marker}; sleep 4; i=0; \\
        until ssh-add -L > /keys; do i=$((i+1)); [ $i -gt 200 ] && exit 9; sleep 0.5; done; \\
        cat /run/secrets/planted | wc -c > /size; cat /run/secrets/planted; sleep 1
    RUN grep planted-key /keys && test "$(cat /size)" = {size} && test ! -e /run/secrets/planted
    """


class OffersTest(FarmTestCase):
    farm_options = {"workers": 2, "slots": 1, "coordinator_options": ["--worker-timeout", "8"]}

    @classmethod
    def setUpClass(cls):
        require_program("ssh-keygen", "ssh-agent", "ssh-add", "ldd")
        # After the farm's end, since cleanups run backwards.
        cls.addClassCleanup(lambda: cls.assert_nothing_is_left())
        super().setUpClass()

    @classmethod
    def assert_nothing_is_left(cls):
        farm = getattr(cls, "farm", None)
        if farm is None:
            return
        left = leftovers.processes_named(farm.folder, {os.getpid()}) + leftovers.users_of(farm.folder, [])
        assert not left, left

    def setUp(self):
        super().setUp()
        self.began = time.time()
        self.folder = pathlib.Path(str(self.context) + "-ssh")
        self.folder.mkdir(mode=0o700)
        self.addCleanup(shutil.rmtree, self.folder)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "planted-key", "-f", self.folder / "id"],
                       check=True)
        self.key_line = (self.folder / "id").read_text().splitlines()[2]
        environment = self.farm.environment()
        self.farm.environment = lambda: {**environment, "PLANTED": SECRET, "TMPDIR": str(self.folder)}
        self.addCleanup(lambda: self.farm.__dict__.pop("environment"))
        self.marker = f"marker-{time.monotonic_ns()}"
        self.add_ssh_add()
        self.dockerfile(RECIPE.format(marker=self.marker, size=len(SECRET)))
        self.key = f"offers-{self.marker}"

    def add_ssh_add(self):
        """The host's ssh-add with its libraries, for the tiny base has none."""
        program = shutil.which("ssh-add")
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        for path in [program, *re.findall(r"(/\S+) \(0x", listed)]:
            copy = self.context / "ssh" / path.lstrip("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(os.path.realpath(path), copy)

    def start(self):
        client = self.farm.start_build(self.context, "--secret", "id=planted,env=PLANTED", "--ssh",
                                       f"default={self.folder / 'id'}", "--idempotency-key", self.key)
        self.addCleanup(client.communicate)
        self.addCleanup(client.kill)
        return client

    def wait_for_step(self):
        # The instruction itself has the marker, too; its console begins with the key.
        wait_for(lambda: re.search(rf"planted-key[^\n]*\n(.*\n)*?[^\n]*{self.marker}", self.farm.cli("logs").stdout),
                 "the step's first answer of the agent", 120)

    def busy(self):
        workers = json.loads(self.farm.cli("worker", "ls", "--json").stdout)
        return next(worker["name"] for worker in workers if worker["slots_used"])

    def assert_ends_well(self, client):
        out, err = client.communicate(timeout=300)
        self.assertEqual(client.returncode, 0, f"{out[-3000:]}\n{err[-5000:]}\n{self.farm.logs()}")
        self.assertNotIn(SECRET, out + err)
        self.assertIn("***", out + err)
        self.assert_nowhere()
        return err

    def assert_nowhere(self):
        """Neither the secret nor the key: in the farm's folder, and in what appeared where temporary files are."""
        wait_for(lambda: not subprocess.run(["pgrep", "-f", f"ssh-agent.*{self.folder}"], capture_output=True).stdout,
                 "the end of the client's own agent", 30)
        seen = 0
        for path in self.files():
            try:
                data = path.read_bytes()
            except OSError:
                continue
            seen += 1
            for needle in (SECRET, self.key_line):
                self.assertNotIn(needle.encode(), data, path)
        self.assertGreater(seen, 10, "the search looks in the wrong place")
        sockets = [str(path) for path in self.farm.folder.rglob("*") if self.is_socket(path)]
        self.assertEqual([path for path in sockets if "ssh" in path or "agent" in path], [])

    @staticmethod
    def is_socket(path):
        try:
            return stat.S_ISSOCK(path.lstat().st_mode)
        except OSError:
            return False

    def files(self):
        for folder, _, names in os.walk(self.farm.folder):
            for name in names:
                path = pathlib.Path(folder, name)
                if path.is_file() and not path.is_symlink():
                    yield path
        for place in ("/tmp", "/var/tmp"):
            for path in pathlib.Path(place).iterdir():
                try:
                    new = path.is_file() and not path.is_symlink() and path.stat().st_mtime >= self.began \
                        and path.stat().st_size < 64 << 20
                except OSError:
                    continue
                if new:
                    yield path

    def test_the_coordinator_is_killed(self):
        client = self.start()
        self.wait_for_step()
        self.farm.kill_coordinator()
        self.farm.start_coordinator()
        self.assertIn("trying again", self.assert_ends_well(client))

    def test_the_worker_is_killed(self):
        client = self.start()
        self.wait_for_step()
        victim = self.busy()
        self.farm.kill_worker(victim)
        self.assert_ends_well(client)
        self.farm.start_worker(victim)
        self.farm.wait_for_workers(2)

    def test_the_client_is_killed_and_another_comes(self):
        client = self.start()
        self.wait_for_step()
        client.kill()
        client.wait()
        again = self.start()
        err = self.assert_ends_well(again)
        self.assertIn("was submitted before with this key", err)


if __name__ == "__main__":
    main()
