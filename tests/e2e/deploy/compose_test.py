#!/usr/bin/env python3
"""deploy/compose/compose.yaml without Docker: its commands as plain processes, in their order, with the folders and ports of this
test for those of the containers. What prepare.sh makes lets a worker and a person in, the health check says when."""
import contextlib
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import daemons
from farm import BIN, ROOT, main, require_program, require_root_and_user, tiny_archive, wait_for

try:
    import yaml
except ImportError:
    yaml = None

FOLDER = ROOT / "deploy/compose"


def free_ports(count):
    """Different ones: all are held until the last is known."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Compose(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        require_root_and_user()
        require_program("openssl")
        if yaml is None:
            raise unittest.SkipTest("needs python3-yaml: scripts/install-dependencies --test")

    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-compose-", dir="/var/tmp"))
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.root.chmod(0o755)
        self.services = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
        grpc, http, buildkit = free_ports(3)
        # What containers have in their place; the name of a service is this machine here.
        self.places = {"/etc/crossmill": str(self.root / "etc"), "/var/lib/crossmill": str(self.root / "data"),
                       "0.0.0.0:7070": f"127.0.0.1:{grpc}", "coordinator:7070": f"127.0.0.1:{grpc}", "localhost:7070": f"localhost:{grpc}",
                       "0.0.0.0:7071": f"127.0.0.1:{http}", "127.0.0.1:7071": f"127.0.0.1:{http}",
                       "0.0.0.0:7072": f"127.0.0.1:{buildkit}", "localhost:7072": f"localhost:{buildkit}"}
        self.temporary = self.root / "tmp"
        self.temporary.mkdir()
        for volume in ("etc/tls", "etc/workers", "etc/clients", "data/coordinator", "data/workers"):
            (self.root / volume).mkdir(parents=True)
        self.environment = {**{name: value for name, value in os.environ.items() if not name.startswith("CROSSMILL_")},
                            "PATH": f"{BIN}:{os.environ['PATH']}"}

    def here(self, text):
        # In one pass, so that nothing is replaced in what was put there.
        return re.sub("|".join(map(re.escape, self.places)), lambda found: self.places[found[0]], text)

    def prepare(self):
        user = pwd.getpwnam("crossmill")
        subprocess.run(["sh", FOLDER / "prepare.sh"], check=True, env=self.environment | {
            "ETC": str(self.root / "etc"), "DATA": str(self.root / "data/coordinator"), "OWNER": f"{user.pw_uid}:{user.pw_gid}",
            "NAMES": "farm.example 10.1.2.3 fd00::1", "TMPDIR": str(self.temporary)})
        self.assertEqual(list(self.temporary.iterdir()), [], "keys of authorities are kept")

    def start(self, name):
        log = open(self.root / f"{name}.log", "ab")
        words = [self.here(word) for word in self.services[name]["command"]]
        process = subprocess.Popen([BIN / f"crossmill-{name}", "--config", "none", *words], stdout=log, stderr=log,
                                   env=self.environment)
        log.close()
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def logs(self):
        return "\n".join(file.read_text(errors="replace")[-3000:] for file in self.root.glob("*.log"))

    def cli(self, *arguments):
        clients = self.root / "etc/clients"
        return subprocess.run([BIN / "crossmill", "--coordinator", self.here("localhost:7070"), "--token-file", clients / "token",
                               "--ca-file", clients / "ca.pem", *map(str, arguments)], capture_output=True, text=True,
                              env=self.environment | {"XDG_CACHE_HOME": str(self.root / "cache")}, timeout=600)

    def test_prepared_once_it_stays(self):
        self.prepare()
        files = {path: path.read_bytes() for path in (self.root / "etc").rglob("*") if path.is_file()}
        self.assertEqual(len(files), 9)
        self.prepare()
        self.assertEqual(files, {path: path.read_bytes() for path in (self.root / "etc").rglob("*") if path.is_file()})
        for kind, name in (("hostname", "coordinator"), ("hostname", "farm.example"), ("ip", "10.1.2.3"), ("ip", "fd00::1")):
            checked = subprocess.run(["openssl", "verify", "-CAfile", self.root / "etc/clients/ca.pem", f"-verify_{kind}", name,
                                      self.root / "etc/tls/cert.pem"], capture_output=True, text=True)
            self.assertEqual(checked.returncode, 0, checked.stderr)

    def test_a_farm_of_its_commands_builds(self):
        self.prepare()
        kind, check = self.services["coordinator"]["healthcheck"]["test"]
        self.assertEqual(kind, "CMD-SHELL")
        healthy = lambda: subprocess.run(["sh", "-c", self.here(check)], capture_output=True, timeout=60).returncode == 0
        self.assertFalse(healthy())
        coordinator = self.start("coordinator")
        wait_for(lambda: healthy() or coordinator.poll() is not None, "a healthy coordinator")
        self.assertIsNone(coordinator.poll(), self.logs())
        worker = self.start("worker")
        wait_for(lambda: worker.poll() is not None or '"connected": true' in self.cli("worker", "ls", "--json").stdout
                 or '"connected":true' in self.cli("worker", "ls", "--json").stdout, "the worker's connection")
        self.assertIsNone(worker.poll(), self.logs())
        imported = self.cli("image", "import", "--stand-in", tiny_archive(), "tiny")
        self.assertEqual(imported.returncode, 0, imported.stderr)
        context = self.root / "context"
        context.mkdir()
        (context / "Dockerfile").write_text("FROM tiny\nRUN echo text >/file\n")
        built = self.cli("build", "--progress", "plain", context)
        self.assertEqual(built.returncode, 0, built.stdout + built.stderr + self.logs())
        # The door for Docker's clients has the same certificate, and knows the person by another.
        buildctl = daemons.PEERS_BIN / "buildctl"
        if not buildctl.exists():
            self.skipTest("needs buildctl for the rest: scripts/install-buildkit makes it")
        clients = self.root / "etc/clients"
        listed = lambda *own: subprocess.run([buildctl, "--addr", self.here("tcp://localhost:7072"), "--tlscacert", clients / "ca.pem", *own, "debug",
                                              "workers"], capture_output=True, text=True, timeout=120)
        known = listed("--tlscert", clients / "buildx-cert.pem", "--tlskey", clients / "buildx-key.pem")
        self.assertEqual(known.returncode, 0, known.stderr + self.logs())
        self.assertNotEqual(listed().returncode, 0)


if __name__ == "__main__":
    main()
