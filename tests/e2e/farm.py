"""A real farm for end-to-end tests: coordinator and workers as processes, data in a folder of its own.

Everything it starts it ends, by process id, also when a test fails. What a test needs and the machine
does not have is a visible skip; main() ends with 77 when nothing but skips was left.

CROSSMILL_BIN names the folder of the programs, CROSSMILL_KEEP=1 keeps a farm's folder, and with
CROSSMILL_E2E_USER=crossmill-coordinator coordinators become that user, as those of root's `crossmill up` do. With
CROSSMILL_E2E_RUNTIME=runc workers run their steps by that runtime, unless a test names one.
"""
import functools
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest

import tiny_base

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = pathlib.Path(os.environ.get("CROSSMILL_BIN", ROOT / "build" / "release" / "bin"))
START_LIMIT = 60
CACHE = pathlib.Path(os.environ.get("CROSSMILL_E2E_CACHE", ROOT / "build" / "e2e"))
SKIPPED = 77
AS_USER = ["--user", os.environ["CROSSMILL_E2E_USER"]] if os.environ.get("CROSSMILL_E2E_USER") else []
RUNTIME = ["--runtime", os.environ["CROSSMILL_E2E_RUNTIME"]] if os.environ.get("CROSSMILL_E2E_RUNTIME") else []


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


def require_program(*names):
    for name in names:
        if shutil.which(name) is None:
            raise unittest.SkipTest(f"needs the program {name}")


def can_run_arm64():
    """Whether this machine runs 64-bit ARM programs: by itself or by an interpreter for all namespaces (flag F)."""
    if os.uname().machine == "aarch64":
        return True
    entry = pathlib.Path("/proc/sys/fs/binfmt_misc/qemu-aarch64")
    if not entry.exists():
        return False
    flags = next((line.split()[1] for line in entry.read_text().splitlines() if line.startswith("flags:")), "")
    return "F" in flags


@functools.cache
def tiny_archive(*architectures):
    """The path of an archive with the tiny base, made once per checkout and version of tiny_base.py."""
    architectures = architectures or (tiny_base.machine_architecture(),)
    version = hashlib.sha256(pathlib.Path(tiny_base.__file__).read_bytes()).hexdigest()[:12]
    archive = CACHE / f"tiny-{'-'.join(architectures)}-{version}.tar"
    if not archive.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        partial = archive.with_suffix(f".{os.getpid()}")
        try:
            tiny_base.make(partial, architectures)
        except (OSError, subprocess.CalledProcessError) as error:
            partial.unlink(missing_ok=True)
            detail = getattr(error, "stderr", None) or b""
            raise unittest.SkipTest(f"cannot make the tiny base image: {error} {detail.decode(errors='replace')}")
        partial.rename(archive)
    return archive


def main():
    """Runs the tests of the calling file."""
    program = unittest.main(module="__main__", exit=False, verbosity=2)
    result = program.result
    for test, reason in result.skipped:
        print(f"skipped: {test}: {reason}")
    if not result.wasSuccessful():
        sys.exit(1)
    # A test of which only some subtests were skipped has run.
    whole = [test for test, _ in result.skipped if not isinstance(test, unittest.case._SubTest)]
    everything_skipped = whole and len(whole) >= result.testsRun
    sys.exit(SKIPPED if everything_skipped else 0)


def require_root_and_user():
    if os.geteuid() != 0:
        raise unittest.SkipTest("needs root: workers switch to the system user crossmill")
    if subprocess.run(["getent", "passwd", "crossmill"], capture_output=True).returncode != 0:
        raise unittest.SkipTest("needs the system user crossmill: scripts/setup-host makes it")


def fill_disk(path, left=0):
    """Makes a file that takes the room of its disk until so many bytes are left."""
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 65536)
        except OSError:
            pass
        file.truncate(max(0, file.tell() - left))


class Farm:
    """Coordinator, its tokens and its workers. Use as a context manager."""

    def __init__(self, workers=1, slots=2, worker_options=(), coordinator_options=(), options_of=None,
                 worker_environment=None, worker_command=(), coordinator_command=()):
        """`slots` None: workers take what the machine has room for. `options_of`: further options of single workers by
        name; `worker_environment`: added variables; `worker_command`, `coordinator_command`: what starts them as
        somebody else, or with other limits."""
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-e2e-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        self.data = self.folder / "coordinator"
        self.data.mkdir()
        self.port = free_port()
        self.worker_count = workers
        self.slots = slots
        self.worker_options = list(worker_options)
        self.options_of = dict(options_of or {})
        self.worker_environment = dict(worker_environment or {})
        self.worker_command = list(worker_command)
        self.coordinator_options = list(coordinator_options)
        self.coordinator_command = list(coordinator_command)
        self.coordinator = None
        self.workers = {}

    def __enter__(self):
        try:
            self.worker_token = self.token("worker", "*")
            self.client_token = self.token("client", "clients")
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
            [*self.coordinator_command, BIN / "crossmill-coordinator", "--data", self.data, "--listen", f"127.0.0.1:{self.port}",
             *AS_USER, *self.coordinator_options], stdout=log, stderr=log)
        log.close()
        wait_for(lambda: self.cli("worker", "ls", "--json").returncode == 0, "the coordinator's start")

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
            [*self.worker_command, BIN / "crossmill-worker", "--coordinator", f"127.0.0.1:{self.port}", "--name", name, "--data", data,
             *(("--slots", str(self.slots)) if self.slots else ()), "--token-file", token_file,
             *(() if "--runtime" in [*self.worker_options, *self.options_of.get(name, ())] else RUNTIME),
             *self.worker_options, *self.options_of.get(name, ())], stdout=log, stderr=log,
            env={**os.environ, **self.worker_environment})
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
            # Deeper than what Python removes, where recipes are hostile.
            subprocess.run(["rm", "-rf", "--one-file-system", self.folder], capture_output=True)

    def logs(self):
        return "\n".join(f"==> {file.name}\n{file.read_text(errors='replace')[-4000:]}"
                         for file in sorted(self.folder.glob("*.log")))

    # ---- the command line ----

    def environment(self):
        return {**os.environ, "CROSSMILL_COORDINATOR": f"unix:{self.data}/coordinator.sock",
                "XDG_CACHE_HOME": str(self.folder / "cache")}

    def cli(self, *arguments, cwd=None, timeout=600, env=None):
        return subprocess.run([BIN / "crossmill", *map(str, arguments)], capture_output=True, text=True,
                              cwd=cwd, env=self.environment() | (env or {}), timeout=timeout, errors="replace")

    def start_cli(self, *arguments, cwd=None):
        return subprocess.Popen([BIN / "crossmill", *map(str, arguments)], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, cwd=cwd, env=self.environment())

    def build(self, context, *arguments):
        return self.cli("build", "--progress", "plain", *arguments, context)

    def start_build(self, context, *arguments):
        return self.start_cli("build", "--progress", "plain", *arguments, context)

    def show(self, build=""):
        arguments = ["show", "--json"] + ([str(build)] if build else [])
        result = self.cli(*arguments)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def import_base(self, name, archive):
        result = self.cli("image", "import", "--stand-in", archive, name)
        assert result.returncode == 0, result.stderr


class FarmTestCase(unittest.TestCase):
    """One farm with the base image `tiny` for the tests of a class; a context folder for each test."""

    farm_options = {"workers": 1}
    tiny_architectures = ()

    @classmethod
    def serve_packages(cls, *packages, log=None):
        """Runs tests/support/package_index.py for the class, with its usual packages or with these; its address."""
        words = [word for package in packages for word in ("--package", package)]
        words += ["--log", log] if log else []
        index = subprocess.Popen([sys.executable, ROOT / "tests/support/package_index.py", *words],
                                 stdout=subprocess.PIPE, text=True)
        cls.addClassCleanup(index.communicate)
        cls.addClassCleanup(index.terminate)
        return index.stdout.readline().strip()

    @classmethod
    def setUpClass(cls):
        require_root_and_user()
        archive = tiny_archive(*cls.tiny_architectures)
        cls.farm = Farm(**cls.farm_options)
        cls.farm.__enter__()
        cls.addClassCleanup(cls.farm.close)
        cls.farm.import_base("tiny", archive)

    def setUp(self):
        self.context = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-context-", dir="/var/tmp"))
        self.addCleanup(subprocess.run, ["rm", "-rf", "--one-file-system", self.context], capture_output=True)

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

    def dockerfile(self, text):
        return self.write("Dockerfile", textwrap.dedent(text).lstrip("\n"))

    def build(self, *arguments):
        return self.farm.build(self.context, *arguments)

    def build_json(self, *arguments, code=0):
        result = self.build("--json", *arguments)
        self.assert_exit(result, code)
        return json.loads(result.stdout)

    def assert_exit(self, result, code):
        self.assertEqual(result.returncode, code, self.story(result))

    def story(self, result):
        return f"stdout:\n{result.stdout[-4000:]}\nstderr:\n{result.stderr[-6000:]}\n{self.farm.logs()}"

    def assert_says(self, result, *texts):
        """Each text is somewhere in what the command printed."""
        said = result.stdout + result.stderr
        for text in texts:
            self.assertIn(text, said, self.story(result))

    def assert_farm_goes_on(self):
        """A build that executes something new succeeds."""
        with tempfile.TemporaryDirectory(prefix="crossmill-context-", dir="/var/tmp") as folder:
            pathlib.Path(folder, "Dockerfile").write_text(f"FROM tiny\nRUN echo {time.monotonic_ns()} > /after\n")
            result = self.farm.build(folder)
        self.assert_exit(result, 0)


HTTP_PORT = free_port()


class HttpCase(FarmTestCase):
    """A farm with an HTTP door, requests to it, and the events of streams."""

    farm_options = {"workers": 1, "coordinator_options": ["--http", f"127.0.0.1:{HTTP_PORT}"]}

    def request(self, verb, path, body=None, token=True, **fields):
        """Status, fields and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", HTTP_PORT, timeout=60)
        self.addCleanup(connection.close)
        given = {name.replace("_", "-"): value for name, value in fields.items()}
        if token:
            given.setdefault("Authorization", f"Bearer {self.farm.client_token}")
        connection.request(verb, path, body, given)
        response = connection.getresponse()
        return response.status, response.headers, response.read()

    def json(self, path, status=200, verb="GET", **more):
        got, fields, body = self.request(verb, path, **more)
        self.assertEqual(got, status, body)
        document = json.loads(body)
        if status >= 400:
            self.assertEqual(fields["Content-Type"], "application/problem+json")
            self.assertEqual(document["status"], status)
            self.assertRegex(document["requestId"], "^[0-9a-f]{16}$")
        return document

    def raw(self, data, wait=5):
        """What the door answers to bytes."""
        with socket.create_connection(("127.0.0.1", HTTP_PORT), timeout=wait) as connection:
            connection.sendall(data)
            answer = b""
            try:
                while piece := connection.recv(65536):
                    answer += piece
            except (TimeoutError, ConnectionResetError):
                pass
        return answer

    def events(self, path, most=10_000, **fields):
        """The events of a stream to its end, or the first ones: (id, kind, data)."""
        connection = http.client.HTTPConnection("127.0.0.1", HTTP_PORT, timeout=60)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.farm.client_token}",
                                                     **{n.replace("_", "-"): v for n, v in fields.items()}})
            response = connection.getresponse()
            self.assertEqual(response.status, 200, path)
            self.assertEqual(response.headers["Content-Type"], "text/event-stream")
            found, current = [], {}
            while len(found) < most and (line := response.readline()):
                line = line.decode().rstrip("\n")
                if line.startswith(":"):
                    continue
                if line:
                    name, value = line.split(": ", 1)
                    current[name] = value
                elif current:
                    found.append((current.get("id"), current["event"], json.loads(current["data"])))
                    current = {}
            return found
        finally:
            connection.close()


def steps(build, platform=None):
    """The steps of all stages of a build's JSON, in order."""
    return [step for stage in build["stages"] if platform in (None, stage["platform"]) for step in stage["steps"]]


def step(build, text, platform=None):
    """The step whose instruction begins with `text`."""
    return next(step for step in steps(build, platform) if step["text"].startswith(text))


def text_of_log(result):
    """What `crossmill logs` or the plain progress printed, without the prefixes."""
    return "\n".join(line.split(" | ", 1)[-1] for line in result.splitlines())
