#!/usr/bin/env python3
"""A client whose connection the coordinator ends for want of room comes again: calls, a watch, an upload. It comes through
a door of the test's, which has a stranger of the same address connect while it is unknown: then the coordinator, which
takes one unknown connection of an address, has nobody else to evict."""
import contextlib
import hashlib
import http.server
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from farm import BIN, FarmTestCase, main, tiny_archive, wait_for

# Whose connections are counted together: nobody else of the farm comes from there.
CLIENT = "127.0.0.77"


class Door:
    """Passes connections on to the coordinator, and has as many of them evicted as `evict` says."""

    def __init__(self, port):
        self.port = port
        self.evict = 0
        self.evicted = 0
        # A connection is cut once it brought so many bytes.
        self.cut_after = None
        self.passed = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()
        for thread in self.threads:
            thread.join(30)

    def cut(self):
        """Ends every connection that there is."""
        with self.lock:
            passed, self.passed = self.passed, []
        for one in passed:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=30, source_address=(CLIENT, 0))

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self.serve, args=(client,))
            self.threads.append(thread)
            thread.start()

    def serve(self, client):
        try:
            server = self.connect()
        except OSError:
            client.close()
            return
        if self.take_eviction():
            self.have_evicted(server)
            client.close()
            server.close()
            return
        server.settimeout(None)
        with self.lock:
            self.passed += [client, server]
        back = threading.Thread(target=self.pump, args=(server, client, None))
        back.start()
        self.pump(client, server, self.cut_after)
        back.join()
        client.close()
        server.close()

    def take_eviction(self):
        with self.lock:
            self.evict -= 1
            return self.evict >= 0

    def have_evicted(self, server):
        """Strangers connect until the coordinator has ended this connection, and one of them has its place."""
        strangers = []
        server.settimeout(0.05)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            strangers.append(self.connect())
            try:
                # Its settings come first.
                while server.recv(4096):
                    pass
                break
            except TimeoutError:
                continue
            except OSError:
                break
        else:
            raise AssertionError("the coordinator evicted nobody")
        for stranger in strangers:
            stranger.close()
        with self.lock:
            self.evicted += 1

    def pump(self, source, target, most):
        passed = 0
        try:
            while data := source.recv(65536):
                passed += len(data)
                if most is not None and passed > most:
                    break
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class SlowRegistry(http.server.BaseHTTPRequestHandler):
    """Takes what is pushed and gives it back. The first upload, and the first manifest asked for, wait to be let go."""
    protocol_version = "HTTP/1.1"

    def wait_once(self, what):
        if what not in self.server.waited:
            self.server.waited.add(what)
            self.server.reached.set()
            self.server.released.wait(60)

    def reply(self, status, body=b"", **fields):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **fields}.items():
            self.send_header(name.replace("_", "-"), value)
        # Whoever asked may have been cut off meanwhile.
        with contextlib.suppress(OSError):
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        name = self.path.partition("?")[0].rpartition("/")[2]
        if "/manifests/" in self.path and self.command == "GET":
            self.wait_once("pull")
        if self.path == "/v2/":
            return self.reply(200)
        if name not in self.server.kept:
            return self.reply(404)
        data, kind = self.server.kept[name]
        return self.reply(200, data, Content_Type=kind, Docker_Content_Digest=f"sha256:{hashlib.sha256(data).hexdigest()}")

    def do_POST(self):
        self.body()
        self.wait_once("push")
        self.reply(202, Location="/v2/app/blobs/uploads/1")

    def do_PUT(self):
        data = self.body()
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        kind = self.headers.get("Content-Type") or "application/octet-stream"
        self.server.kept[digest] = data, kind
        if "/manifests/" in self.path:
            self.server.kept[self.path.rpartition("/")[2]] = data, kind
        self.server.puts.append(self.path)
        self.reply(201, Docker_Content_Digest=digest)

    do_PATCH = do_PUT

    def log_message(self, *_):
        pass


class EvictionsTest(FarmTestCase):
    farm_options = {"workers": 1, "coordinator_options": ["--limit", "unknown-peer-connections=1"]}

    def setUp(self):
        super().setUp()
        self.door = Door(self.farm.port)
        self.addCleanup(self.door.close)
        self.remote = {"CROSSMILL_COORDINATOR": self.door.address, "CROSSMILL_TOKEN": self.farm.client_token}

    def assert_told_once(self, text):
        lines = [line for line in text.splitlines() if "trying again" in line]
        self.assertEqual(len(lines), 1, text)

    def start(self, *arguments):
        process = subprocess.Popen([BIN / "crossmill", *map(str, arguments)], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=self.farm.environment() | self.remote)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def test_a_question_is_asked_again(self):
        self.door.evict = 3
        answer = self.farm.cli("worker", "ls", "--json", env=self.remote)
        self.assert_exit(answer, 0)
        self.assertEqual([worker["name"] for worker in json.loads(answer.stdout)], ["w1"])
        self.assertEqual(self.door.evicted, 3)
        self.assert_told_once(answer.stderr)

    def test_a_change_that_was_never_sent_is_made(self):
        self.farm.import_base("unwanted", tiny_archive())
        self.door.evict = 2
        answer = self.farm.cli("image", "rm", "unwanted", env=self.remote)
        self.assert_exit(answer, 0)
        self.assertEqual(self.door.evicted, 2)
        self.assert_told_once(answer.stderr)

    def test_a_watch_goes_on_with_the_next_event(self):
        self.dockerfile("""
            FROM tiny
            RUN echo first; while [ ! -e /tmp/never ]; do i=$((i+1)); [ $i -gt 6 ] && exit 0; echo line $i; sleep 1; done
            """)
        build = self.farm.cli("build", "--detach", "--json", self.context)
        self.assert_exit(build, 0)
        number = json.loads(build.stdout)["build_id"]
        watch = self.start("watch", "--progress", "json", number)
        seen = []
        for line in watch.stderr:
            seen.append(json.loads(line))
            if seen[-1]["event"] == "log":
                break
        self.door.evict = 2
        self.door.cut()
        out, rest = watch.communicate(timeout=240)
        seen += map(json.loads, rest.splitlines())
        self.assertEqual(watch.returncode, 0, rest)
        self.assertEqual(self.door.evicted, 2)
        numbers = [event["number"] for event in seen if event["number"] is not None]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)), "each event once and in order")
        notes = [event["text"] for event in seen if event["event"] == "note" and "trying again" in event["text"]]
        self.assertEqual(len(notes), 1, notes)

    def test_a_build_with_its_upload_goes_on(self):
        self.dockerfile("FROM tiny\nCOPY large small /all/\nRUN ls /all\n")
        self.write("large", os.urandom(6 << 20))
        for i in range(50):
            self.write(f"small/{i}", os.urandom(2000))
        self.door.evict = 2
        self.door.cut_after = 2 << 20
        build = self.start("build", "--progress", "plain", self.context)
        wait_for(lambda: self.door.evicted == 2, "two evictions", 60)
        # Some two MB come with each connection.
        out, err = build.communicate(timeout=240)
        self.assertEqual(build.returncode, 0, err)
        self.assertIn("trying again", err)

    def slow_registry(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), SlowRegistry)
        server.daemon_threads = True
        server.kept, server.puts, server.waited = {}, [], set()
        server.reached, server.released = threading.Event(), threading.Event()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.addCleanup(server.released.set)
        return server

    def cut_while(self, registry, *arguments):
        registry.reached.clear()
        registry.released.clear()
        process = self.start(*arguments)
        self.assertTrue(registry.reached.wait(60), "the registry is asked")
        self.door.evict = 1
        self.door.cut()
        wait_for(lambda: self.door.evicted == 1, "one eviction", 60)
        registry.released.set()
        out, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, err)
        self.assertIn("trying again", err)
        self.door.evicted = 0
        return out

    def test_a_push_and_a_pull_are_made_again(self):
        registry = self.slow_registry()
        name = f"localhost:{registry.server_port}/app:1"
        self.farm.import_base(name, tiny_archive())
        pushed = json.loads(self.cut_while(registry, "image", "push", "--json", name))
        top, _ = registry.kept["1"]
        self.assertEqual(pushed["digest"], f"sha256:{hashlib.sha256(top).hexdigest()}")
        pulled = json.loads(self.cut_while(registry, "image", "pull", "--json", name))
        self.assertEqual(pulled["digest"], pushed["digest"])

    def test_who_is_sent_away_for_too_long_says_what_to_do(self):
        self.door.evict = 10_000
        answer = self.farm.cli("--reconnect-for", "2s", "ls", env=self.remote)
        self.assert_exit(answer, 5)
        self.assert_told_once(answer.stderr)
        self.assertRegex(answer.stderr, r"could not be reached for \d+ s")
        self.assertIn("--reconnect-for", answer.stderr)
        refused = self.farm.cli("ls", env=self.remote | {"CROSSMILL_RECONNECT_FOR": "soon"})
        self.assert_exit(refused, 2)
        self.assertIn("expected a time", refused.stderr)

    def test_where_nobody_listens_it_is_said_at_once(self):
        begun = time.monotonic()
        answer = self.farm.cli("ls", env=self.remote | {"CROSSMILL_COORDINATOR": "127.0.0.1:1"})
        self.assert_exit(answer, 5)
        self.assertIn("crossmill up", answer.stderr)
        self.assertNotIn("trying again", answer.stderr)
        self.assertLess(time.monotonic() - begun, 60)


if __name__ == "__main__":
    main()
