"""`crossmill up` of root: the coordinator is a system user of its own, and root's machine is not within its reach."""
import json
import os
import pathlib
import pwd
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import farm  # noqa: E402

USER = "crossmill-coordinator"


def status_of(pid):
    """Fields of /proc/PID/status."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.split() for name, _, value in (line.partition(":") for line in lines)}


class UpAsRoot(unittest.TestCase):
    def setUp(self):
        farm.require_root_and_user()
        try:
            self.account = pwd.getpwnam(USER)
        except KeyError:
            self.skipTest(f"needs the system user {USER}: scripts/setup-host makes it")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-up-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        self.data = self.folder / "data"
        self.addCleanup(subprocess.run, ["rm", "-rf", "--one-file-system", self.folder], capture_output=True)
        self.addCleanup(self.cli, "down")

    def cli(self, *arguments, code=None, **more):
        said = subprocess.run([farm.BIN / "crossmill", "--data", self.data, *map(str, arguments)], capture_output=True, text=True,
                              timeout=300, env={**os.environ, "XDG_CACHE_HOME": str(self.folder / "cache")} | more)
        if code is not None:
            self.assertEqual(said.returncode, code, f"{arguments}: {said.stdout}{said.stderr}{self.log()}")
        return said

    def log(self):
        file = self.data / "run/coordinator.log"
        return file.read_text(errors="replace")[-4000:] if file.exists() else ""

    def coordinator(self, *arguments):
        return subprocess.run([farm.BIN / "crossmill-coordinator", "--config", "none", "--data", self.data, *arguments],
                              capture_output=True, text=True, timeout=60)

    def pid(self):
        return int((self.data / "run/coordinator.pid").read_text().split()[0])

    def build(self, text, code=0):
        context = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        (context / "Dockerfile").write_text(text)
        return self.cli("build", "--progress", "plain", context, code=code)

    def assert_is_account(self):
        status = status_of(self.pid())
        self.assertEqual(set(status["Uid"]), {str(self.account.pw_uid)})
        self.assertEqual(set(status["Gid"]), {str(self.account.pw_gid)})
        self.assertNotIn("0", status["Groups"])
        for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(status[capabilities][0], 16), 0, capabilities)
        self.assertEqual(status["NoNewPrivs"], ["1"])

    def test_a_farm_of_root_from_up_to_down(self):
        self.cli("up", "--workers", "1", code=0)
        self.assert_is_account()
        for name in ("record.db", "content", "tokens", "coordinator.sock"):
            self.assertEqual((self.data / name).stat().st_uid, self.account.pw_uid, name)
        for name in (".", "run", "workers", "run/w1.token", "run/coordinator.pid"):
            self.assertEqual((self.data / name).stat().st_uid, 0, name)
        # The socket is root's and its own.
        for user, code in ((USER, 0), ("crossmill", 5), ("nobody", 5)):
            said = subprocess.run(["setpriv", "--reuid", user, "--regid", user if user != "nobody" else "nogroup", "--clear-groups",
                                   farm.BIN / "crossmill", "--data", self.data, "worker", "ls"], capture_output=True, text=True,
                                  env={**os.environ, "HOME": "/nonexistent"})
            self.assertEqual(said.returncode, code, (user, said.stdout, said.stderr))
        self.cli("image", "import", "--stand-in", farm.tiny_archive(), "tiny", code=0)
        self.build(f"FROM tiny\nRUN echo {time.monotonic_ns()} > /x\n")
        said = json.loads(self.cli("doctor", "--json").stdout)
        self.assertTrue(said)
        # Tokens that root makes are read by the coordinator.
        made = self.coordinator("token", "read", "somebody")
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertEqual((self.data / "tokens").stat().st_uid, self.account.pw_uid)
        address = (self.data / "run/listen").read_text().strip()
        self.cli("--coordinator", address, "ls", code=0, CROSSMILL_TOKEN=made.stdout.strip())
        # It dies, and the keeper starts it again as whom it was.
        before = self.pid()
        os.kill(before, 9)
        farm.wait_for(lambda: self.pid() != before and self.cli("worker", "ls").returncode == 0, "the keeper's start")
        self.assert_is_account()
        backup = self.folder / "backup"
        self.cli("admin", "backup", backup, code=0)
        checked = self.coordinator("check")
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        self.assert_only_its_own()
        self.cli("down", code=0)
        self.cli("up", "--workers", "1", code=0)
        self.assertIn("tiny", self.cli("image", "ls", code=0).stdout)
        self.cli("down", code=0)
        self.cli("admin", "restore", backup, "--force", code=0)
        self.cli("up", "--workers", "1", code=0)
        self.assert_is_account()
        self.assert_only_its_own()
        self.build(f"FROM tiny\nRUN echo {time.monotonic_ns()} > /x\n")

    def assert_only_its_own(self):
        others = [path for path in self.data.rglob("*") if not path.is_relative_to(self.data / "run")
                  and not path.is_relative_to(self.data / "workers") and path.lstat().st_uid != self.account.pw_uid]
        self.assertEqual(others, [])

    def test_a_data_folder_of_root_is_taken_over(self):
        self.data.mkdir()
        socket = self.data / "coordinator.sock"
        process = subprocess.Popen([farm.BIN / "crossmill-coordinator", "--config", "none", "--data", self.data],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        farm.wait_for(lambda: self.cli("worker", "ls").returncode == 0, "the start as root")
        self.assertEqual(set(status_of(process.pid)["Uid"]), {"0"})
        self.cli("image", "import", "--stand-in", farm.tiny_archive(), "tiny", code=0)
        # Killed, so that socket and log of the record stay.
        process.kill()
        process.wait()
        self.assertEqual(socket.lstat().st_uid, 0)
        outside = self.folder / "outside"
        outside.write_text("root's")
        (self.data / "logs").mkdir(exist_ok=True)
        (self.data / "logs/link").symlink_to(outside)
        self.cli("up", "--workers", "1", code=0)
        self.assert_is_account()
        self.assertEqual(outside.stat().st_uid, 0)
        self.assertIn("were given to crossmill-coordinator", self.log())
        self.build(f"FROM tiny\nRUN echo {time.monotonic_ns()} > /x\n")

    def test_what_the_user_cannot_reach_is_told(self):
        closed = self.folder / "closed"
        closed.mkdir(mode=0o700)
        self.data = closed / "data"
        said = self.cli("up", "--workers", "0")
        self.assertNotEqual(said.returncode, 0)
        self.assertIn("who cannot reach its data folder", said.stdout + said.stderr)
        key = self.folder / "key.pem"
        key.write_text("x")
        key.chmod(0o600)
        self.data = self.folder / "data"
        said = self.coordinator("--user", USER, "--listen", "127.0.0.1:0", "--tls-cert", key, "--tls-key", key)
        self.assertEqual(said.returncode, 2)
        self.assertIn(f"--tls-cert {key}: the coordinator runs as the user {USER}, who cannot read it", said.stderr)

    def test_without_the_user_up_says_so(self):
        """In a mount namespace whose accounts lack it."""
        accounts = self.folder / "passwd"
        accounts.write_text("".join(line for line in pathlib.Path("/etc/passwd").read_text().splitlines(keepends=True)
                                    if not line.startswith(USER + ":")))
        said = subprocess.run(["unshare", "--mount", "sh", "-c", 'mount --bind "$1" /etc/passwd && exec "$2" --data "$3" up --workers 0',
                               "sh", accounts, farm.BIN / "crossmill", self.data], capture_output=True, text=True, timeout=120)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertIn(f"warning: the coordinator runs as root: there is no system user {USER}; scripts/setup-host makes it",
                      said.stderr)
        self.assertEqual(set(status_of(self.pid())["Uid"]), {"0"})
        # Then there is one.
        said = self.cli("up", "--workers", "0", code=0)
        self.assertNotIn("warning", said.stderr)
        self.assert_is_account()


if __name__ == "__main__":
    farm.main()
