#!/usr/bin/env python3
"""A client whose connection the coordinator ends for want of room comes again: calls, a watch, an upload. It comes through
a door of the test's, which has a stranger of the same address connect while it is unknown: then the coordinator, which
takes one unknown connection of an address, has nobody else to evict."""
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
