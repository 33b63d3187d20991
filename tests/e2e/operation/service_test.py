#!/usr/bin/env python3
"""Coordinator and worker as services: health as supervisors ask for it, what the service manager is told, and how they
end when they are asked to."""
import http.client
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import grpc_wire
from farm import BIN, free_port, main, require_root_and_user, wait_for

SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"
NOT_FOUND = 5


class Manager:
    """What a service manager has: a socket for notices, and the variables that name it."""

    def __init__(self, folder, watchdog=None):
        self.path = str(folder / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o777)
        self.variables = {"NOTIFY_SOCKET": self.path} | ({"WATCHDOG_USEC": str(int(watchdog * 1e6))} if watchdog else {})

    def next(self, limit=30):
        ready, _, _ = select.select([self.socket], [], [], limit)
        return self.socket.recv(4096).decode() if ready else None

    def wait_for(self, beginning, limit=30):
        end = time.monotonic() + limit
        while time.monotonic() < end:
            notice = self.next(max(0.1, end - time.monotonic()))
            if notice and notice.startswith(beginning):
                return notice
        raise AssertionError(f"nobody said {beginning} within {limit} s")

    def watchdogs_within(self, seconds):
        end, count = time.monotonic() + seconds, 0
        while (left := end - time.monotonic()) > 0:
            count += self.next(left) == "WATCHDOG=1"
        return count


class ServiceCase(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="crossmill-service-", dir="/var/tmp")
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        self.folder.chmod(0o755)
        self.data = self.folder / "data"
        self.port, self.http_port = free_port(), free_port()

    def start(self, *options, manager=None, wait=True):
        log = open(self.folder / "log", "ab")
        coordinator = subprocess.Popen(
            [BIN / "crossmill-coordinator", "--data", self.data, "--listen", f"127.0.0.1:{self.port}",
             "--http", f"127.0.0.1:{self.http_port}", *options], stdout=log, stderr=log,
            env=os.environ | (manager.variables if manager else {}))
        log.close()
        self.addCleanup(self.end, coordinator)
        if wait:
            wait_for(lambda: self.get("/livez")[0] == 200, "the coordinator's start")
            # Until everything runs that is a reason of its own not to be ready.
            wait_for(lambda: "starting" not in self.get("/readyz")[1], "that everything runs")
        return coordinator

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
        process.wait()

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except ConnectionError as error:
            return 0, str(error)
        finally:
            connection.close()

    def health(self, service=""):
        """The message of grpc.health.v1.Health/Check, or the status of a call that failed; without a token."""
        request = grpc_wire.bytes_field(1, service.encode()) if service else b""
        answer = grpc_wire.send(self.port, grpc_wire.call("/grpc.health.v1.Health/Check", request))
        status = grpc_wire.status(answer)
        return grpc_wire.message(answer)[5:] if status == 0 else status

    def cli(self, *arguments):
        return [BIN / "crossmill", "--coordinator", f"unix:{self.data}/coordinator.sock", *arguments]


class Coordinator(ServiceCase):
    def test_readiness_goes_first_and_a_build_goes_on_after_the_stop(self):
        coordinator = self.start("--stop-delay", "4", "--placement-grace", "600")
        self.assertEqual(self.get("/readyz"), (200, "ok\n"))
        for service in ("", "crossmill.v1.Builds", "google.bytestream.ByteStream"):
            self.assertEqual(self.health(service), SERVING, service)
        self.assertEqual(self.health("crossmill.v1.Nothing"), NOT_FOUND)
        context = self.folder / "context"
        context.mkdir()
        (context / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
        build = subprocess.Popen(self.cli("build", "--progress", "plain", context), stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True)
        self.addCleanup(self.end, build)
        self.addCleanup(build.stdout.close)
        wait_for(lambda: b'"queue' in subprocess.run(self.cli("ls", "--json"), capture_output=True).stdout.lower()
                 or b"running" in subprocess.run(self.cli("ls", "--json"), capture_output=True).stdout.lower(),
                 "the build's submission")
        coordinator.send_signal(signal.SIGTERM)
        wait_for(lambda: self.get("/readyz")[0] == 503, "that it is not ready", limit=3)
        self.assertRegex(self.get("/readyz")[1], r"^stopping: .*\n$")
        self.assertEqual(self.get("/livez")[0], 200)
        for service in ("", "crossmill.v1.Builds"):
            self.assertEqual(self.health(service), NOT_SERVING, service)
        self.assertIsNone(build.poll(), "whoever follows a build is not sent away before the end")
        self.assertEqual(coordinator.wait(timeout=20), 0)
        again = self.start("--placement-grace", "1")
        said, _ = build.communicate(timeout=60)
        self.assertIn("the coordinator is stopping; builds go on when it is started again", said)
        self.assertIn("no worker", said, "the build went on to what it could come to without workers")
        again.send_signal(signal.SIGTERM)
        self.assertEqual(again.wait(timeout=20), 0)

    def test_a_second_signal_ends_at_once(self):
        coordinator = self.start("--stop-delay", "60")
        coordinator.send_signal(signal.SIGTERM)
        wait_for(lambda: self.get("/readyz")[0] == 503, "that it is not ready", limit=3)
        coordinator.send_signal(signal.SIGTERM)
        self.assertEqual(coordinator.wait(timeout=10), -signal.SIGTERM)

    def test_a_full_disk_is_a_reason_not_to_send_anything_here(self):
        self.start("--least-space", "1000000000000000")
        status, text = self.get("/readyz")
        self.assertEqual(status, 503)
        self.assertRegex(text, r"^disk: .*\n$")
        self.assertNotIn(str(self.folder), text, "strangers learn nothing else")
        self.assertEqual(self.health(), SERVING, "the services answer")

    def test_the_service_manager_hears_of_start_watchdog_and_end(self):
        manager = Manager(self.folder, watchdog=2)
        self.addCleanup(manager.socket.close)
        coordinator = self.start(manager=manager, wait=False)
        self.assertIn("STATUS=serving", manager.wait_for("READY=1"))
        self.assertEqual(self.get("/readyz")[0], 200, "what is said to be ready can be used")
        self.assertGreaterEqual(manager.watchdogs_within(4), 4)
        # A loop that gets stuck says nothing; here the whole process is.
        coordinator.send_signal(signal.SIGSTOP)
        manager.watchdogs_within(0.5)
        self.assertEqual(manager.watchdogs_within(2.5), 0)
        coordinator.send_signal(signal.SIGCONT)
        manager.wait_for("WATCHDOG=1")
        coordinator.send_signal(signal.SIGHUP)
        self.assertIn("MONOTONIC_USEC=", manager.wait_for("RELOADING=1"))
        manager.wait_for("READY=1")
        coordinator.send_signal(signal.SIGTERM)
        manager.wait_for("STOPPING=1")
        self.assertEqual(coordinator.wait(timeout=20), 0)


class Worker(ServiceCase):
    def test_the_service_manager_hears_of_it_too(self):
        require_root_and_user()
        self.start()
        manager = Manager(self.folder, watchdog=4)
        self.addCleanup(manager.socket.close)
        token = subprocess.run([BIN / "crossmill-coordinator", "--data", self.data, "token", "worker", "w"],
                               capture_output=True, check=True).stdout
        (self.folder / "token").write_bytes(token)
        log = open(self.folder / "worker.log", "ab")
        worker = subprocess.Popen(
            [BIN / "crossmill-worker", "--coordinator", f"127.0.0.1:{self.port}", "--name", "w", "--token-file",
             self.folder / "token", "--data", self.folder / "worker"], stdout=log, stderr=log,
            env=os.environ | manager.variables)
        log.close()
        self.addCleanup(self.end, worker)
        manager.wait_for("READY=1")
        manager.wait_for("STATUS=connected to")
        # Its heartbeats are 5 s apart.
        self.assertGreaterEqual(manager.watchdogs_within(12), 2)
        worker.send_signal(signal.SIGTERM)
        manager.wait_for("STOPPING=1")
        self.assertEqual(worker.wait(timeout=20), 0)


if __name__ == "__main__":
    main()
