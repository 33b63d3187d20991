"""A real farm for end-to-end tests: coordinator and workers as processes, data in a folder of its own.

Everything it starts it ends, by process id, also when a test fails. What a test needs and the machine
does not have is a visible skip.
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = pathlib.Path(os.environ.get("CROSSMILL_BIN", ROOT / "build" / "release" / "bin"))
START_LIMIT = 30


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, what, limit=START_LIMIT):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {limit} s")


def require_root_and_user():
    if os.geteuid() != 0:
        raise unittest.SkipTest("needs root: workers switch to the system user crossmill")
    if subprocess.run(["getent", "passwd", "crossmill"], capture_output=True).returncode != 0:
        raise unittest.SkipTest("needs the system user crossmill: scripts/setup-host makes it")


class Farm:
    """Coordinator, its tokens and its workers. Use as a context manager."""

    def __init__(self, workers=1, slots=2, worker_options=(), coordinator_options=()):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-e2e-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        self.data = self.folder / "coordinator"
        self.data.mkdir()
        self.port = free_port()
        self.worker_count = workers
        self.slots = slots
        self.worker_options = list(worker_options)
        self.coordinator_options = list(coordinator_options)
        self.coordinator = None
        self.workers = {}

    def __enter__(self):
        try:
            self.worker_token = self.token("worker", "workers")
            self.start_coordinator()
            for number in range(1, self.worker_count + 1):
                self.start_worker(f"w{number}")
            self.wait_for_workers(self.worker_count)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    # ---- processes ----

    def token(self, role, name):
        result = subprocess.run([BIN / "crossmill-coordinator", "--data", self.data, "token", role, name],
                                capture_output=True, text=True, check=True)
        return result.stdout.strip()

    def start_coordinator(self):
        log = open(self.folder / "coordinator.log", "ab")
        self.coordinator = subprocess.Popen(
            [BIN / "crossmill-coordinator", "--data", self.data, "--listen", f"127.0.0.1:{self.port}",
             *self.coordinator_options], stdout=log, stderr=log)
        log.close()
        wait_for(lambda: self.cli("version", "--json").returncode == 0, "the coordinator's start")

    def kill_coordinator(self):
        self.coordinator.kill()
        self.coordinator.wait()

    def start_worker(self, name):
        data = self.folder / name
        data.mkdir(exist_ok=True)
        shutil.chown(data, "crossmill", "crossmill")
        token_file = data / "token"
        token_file.write_text(self.worker_token + "\n")
        token_file.chmod(0o600)
        shutil.chown(token_file, "crossmill", "crossmill")
        log = open(self.folder / f"{name}.log", "ab")
        self.workers[name] = subprocess.Popen(
            [BIN / "crossmill-worker", "--coordinator", f"127.0.0.1:{self.port}", "--name", name, "--data", data,
             "--slots", str(self.slots), "--token-file", token_file, *self.worker_options], stdout=log, stderr=log)
        log.close()

    def kill_worker(self, name):
        worker = self.workers.pop(name)
        worker.kill()
        worker.wait()

    def wait_for_workers(self, count):
        def connected():
            result = self.cli("worker", "ls", "--json")
            if result.returncode != 0:
                return False
            return sum(1 for worker in json.loads(result.stdout) if worker["connected"]) >= count
        wait_for(connected, f"the connection of {count} workers")

    def close(self):
        for process in [*self.workers.values(), self.coordinator]:
            if process is None:
                continue
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if os.environ.get("CROSSMILL_KEEP"):
            print("kept", self.folder)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def logs(self):
        return "\n".join(f"==> {file.name}\n{file.read_text(errors='replace')[-4000:]}"
                         for file in sorted(self.folder.glob("*.log")))

    # ---- the command line ----

    def environment(self):
        return {**os.environ, "CROSSMILL_COORDINATOR": f"unix:{self.data}/coordinator.sock",
                "XDG_CACHE_HOME": str(self.folder / "cache")}

    def cli(self, *arguments, cwd=None, timeout=600):
        return subprocess.run([BIN / "crossmill", *map(str, arguments)], capture_output=True, text=True,
                              cwd=cwd, env=self.environment(), timeout=timeout, errors="replace")

    def start_cli(self, *arguments, cwd=None):
        return subprocess.Popen([BIN / "crossmill", *map(str, arguments)], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, cwd=cwd, env=self.environment())

    def build(self, context, *arguments):
        return self.cli("build", "--progress", "plain", *arguments, context)

    def show(self, build=""):
        arguments = ["show", "--json"] + ([str(build)] if build else [])
        result = self.cli(*arguments)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def import_base(self, name, archive):
        result = self.cli("image", "import", "--stand-in", archive, name)
        assert result.returncode == 0, result.stderr


class FarmTestCase(unittest.TestCase):
    """One farm for the tests of a class; a context folder for each test."""

    farm_options = {"workers": 1}

    @classmethod
    def setUpClass(cls):
        require_root_and_user()
        cls.farm = Farm(**cls.farm_options)
        cls.farm.__enter__()
        cls.addClassCleanup(cls.farm.close)

    def setUp(self):
        self.context = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-context-", dir="/var/tmp"))
        self.addCleanup(shutil.rmtree, self.context, ignore_errors=True)

    def write(self, name, content, mode=None):
        path = self.context / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content)
        if mode is not None:
            path.chmod(mode)
        return path

    def assert_exit(self, result, code):
        self.assertEqual(result.returncode, code,
                         f"stdout:\n{result.stdout[-4000:]}\nstderr:\n{result.stderr[-6000:]}\n{self.farm.logs()}")
