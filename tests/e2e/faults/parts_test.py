#!/usr/bin/env python3
"""The parts of the fault driver that need no farm: plans, the proxy, power cuts, clocks, and that invariants see what is wrong."""
import collections
import hashlib
import pathlib
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import faults
import invariants
import machine
import plan
import proxy
import recipes
import record


class PlanTest(unittest.TestCase):

    def test_a_seed_is_one_plan(self):
        for seed in range(50):
            self.assertEqual(plan.make_plan(seed), plan.make_plan(seed))
        self.assertEqual(len({plan.make_plan(seed) for seed in range(50)}), 50)

    def test_every_kind_of_build_and_fault_comes(self):
        plans = [plan.make_plan(seed) for seed in range(1, 301)]
        self.assertEqual({build.kind for each in plans for build in each.builds}, set(recipes.TEXTS))
        kinds = collections.Counter(fault.kind for each in plans for fault in each.faults)
        self.assertEqual(set(kinds), set(plan.FAULTS))
        self.assertEqual(set(kinds), set(faults.CLASSES))
        # The twenty rounds of scripts/test have all of them that are not rare.
        first = {fault.kind for each in plans[:20] for fault in each.faults}
        self.assertLessEqual({"kill", "stop", "full-disk", "power-cut", "jump", "cut", "half-open", "damage"}, first)

    def test_faults_of_one_target_do_not_overlap(self):
        for seed in range(200):
            until = {}
            for fault in plan.make_plan(seed).faults:
                self.assertGreaterEqual(fault.at, until.get(fault.target, 0.0), seed)
                until[fault.target] = fault.at + fault.lasts

    def test_targets_are_of_the_round(self):
        for seed in range(200):
            each = plan.make_plan(seed)
            for fault in each.faults:
                self.assertIn(fault.target, [*each.worker_names(), plan.COORDINATOR, plan.CLIENT])

    def test_what_was_asked_for(self):
        each = plan.make_plan(3, builds=2, faults=7, allowed=("kill",))
        self.assertEqual([fault.kind for fault in each.faults], ["kill"] * 7)
        self.assertLessEqual(len(each.builds), 4)

    def test_builds_with_secrets_are_followed(self):
        builds = [build for seed in range(200) for build in plan.make_plan(seed).builds]
        self.assertFalse([build for build in builds if build.kind == "secret" and build.detached])
        self.assertTrue([build for build in builds if build.detached])


class ProxyTest(unittest.TestCase):

    def setUp(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.server.close)
        self.proxy = proxy.Proxy(self.server.getsockname()[1])
        self.addCleanup(self.proxy.close)

    def pair(self):
        near = socket.create_connection(("127.0.0.1", self.proxy.port), timeout=10)
        self.addCleanup(near.close)
        far, _ = self.server.accept()
        far.settimeout(10)
        self.addCleanup(far.close)
        # The proxy knows of a pair a moment after its far end is connected.
        near.sendall(b"?")
        self.assertEqual(far.recv(1), b"?")
        return near, far

    def test_bytes_go_both_ways(self):
        near, far = self.pair()
        near.sendall(b"there")
        self.assertEqual(far.recv(10), b"there")
        far.sendall(b"back")
        self.assertEqual(near.recv(10), b"back")
        near.shutdown(socket.SHUT_WR)
        self.assertEqual(far.recv(10), b"")

    def test_a_cut_ends_both_ends(self):
        near, far = self.pair()
        self.proxy.cut()
        for each in (near, far):
            self.assert_ended(each)

    def assert_ended(self, connection):
        try:
            self.assertEqual(connection.recv(10), b"")
        except (ConnectionResetError, BrokenPipeError):
            pass

    def assert_refused(self):
        """A connection that is accepted and closed at once is seen to end by connect() or by the first read, as time will have it."""
        try:
            refused = socket.create_connection(("127.0.0.1", self.proxy.port), timeout=10)
        except (ConnectionResetError, ConnectionRefusedError, BrokenPipeError):
            return
        self.addCleanup(refused.close)
        self.assert_ended(refused)

    def test_half_open_swallows_and_ends_with_a_cut(self):
        near, far = self.pair()
        self.proxy.hold(True)
        near.sendall(b"nobody hears this")
        far.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            far.recv(10)
        far.settimeout(10)
        self.proxy.hold(False)
        self.assert_ended(near)
        again, other = self.pair()
        again.sendall(b"x")
        self.assertEqual(other.recv(1), b"x")

    def test_delay(self):
        near, far = self.pair()
        self.proxy.slow(0.3)
        began = time.monotonic()
        near.sendall(b"x")
        far.recv(1)
        self.assertGreaterEqual(time.monotonic() - began, 0.3)

    def test_refusal_leaves_what_is_connected(self):
        near, far = self.pair()
        self.proxy.refuse(True)
        self.assert_refused()
        near.sendall(b"x")
        self.assertEqual(far.recv(1), b"x")

    def test_closing_ends_its_threads(self):
        before = threading.active_count()
        other = proxy.Proxy(self.server.getsockname()[1])
        other.close()
        end = time.monotonic() + 10
        while threading.active_count() > before and time.monotonic() < end:
            time.sleep(0.01)
        self.assertLessEqual(threading.active_count(), before)


WRITER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA journal_mode=WAL")
database.execute("PRAGMA synchronous=FULL")
database.execute("PRAGMA wal_autocheckpoint=20")
database.execute("CREATE TABLE IF NOT EXISTS numbers (number INTEGER PRIMARY KEY, filler BLOB)")
number = 0
while True:
    database.execute("INSERT INTO numbers VALUES (?, randomblob(3000))", (number,))
    # Committed, so synced: from now on it is promised.
    print(number, flush=True)
    number += 1
"""


@unittest.skipIf(machine.library() is None, "needs a C compiler")
class MachineTest(unittest.TestCase):

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-machine-", dir="/var/tmp"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.machine = machine.Machine(self.folder / "machine")
        self.addCleanup(self.machine.close)

    @classmethod
    def tearDownClass(cls):
        machine.remove_library()

    def run_program(self, *command):
        result = subprocess.run(command, env=self.machine.environment(), capture_output=True, text=True, check=True)
        return result.stdout

    def test_the_wall_clock_jumps_and_the_other_does_not(self):
        self.machine.jump(3600)
        self.machine.jump(86_400)
        wall, steady = map(float, self.run_program(
            sys.executable, "-c", "import time; print(time.time(), time.monotonic())").split())
        self.assertAlmostEqual(wall - time.time(), 90_000, delta=20)
        self.assertAlmostEqual(steady, time.monotonic(), delta=20)

    def test_a_power_cut_loses_nothing_that_was_committed_but_something_that_was_written(self):
        lost = 0
        for turn in range(6):
            data = self.folder / f"data{turn}"
            data.mkdir()
            self.machine.slow_syncs(0.02)
            with subprocess.Popen([sys.executable, "-c", WRITER, data / "record.db"], env=self.machine.environment(),
                                  stdout=subprocess.PIPE, text=True) as writer:
                for _ in range(12):
                    promised = int(writer.stdout.readline())
                time.sleep(0.003 * turn)
                writer.kill()
                rest = writer.stdout.read().split("\n")
            promised = max([promised, *(int(line) for line in rest[:-1])])
            lost += self.machine.cut_power(data, random.Random(turn))
            database = sqlite3.connect(data / "record.db")
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            last, count = database.execute("SELECT MAX(number), COUNT(*) FROM numbers").fetchone()
            database.close()
            self.assertGreaterEqual(last, promised)
            self.assertEqual(count, last + 1)
        self.assertGreater(lost, 0, "no kill hit what was not synced: the power cuts are none")


class BlobTest(unittest.TestCase):

    def test_a_blob_in_parts_is_joined(self):
        with tempfile.TemporaryDirectory() as folder:
            data = pathlib.Path(folder)
            part, own = b"p" * 1000, b"beforeafter"
            whole = b"before" + part + b"after"
            names = {content: hashlib.sha256(content).hexdigest() for content in (part, whole)}
            for name in names.values():
                (data / "content" / "blobs" / name[:2]).mkdir(parents=True, exist_ok=True)
            (data / "content" / "blobs" / names[part][:2] / names[part]).write_bytes(part)
            lines = f"bytes 6\nblob {names[part]} 1000\nbytes 5\n".encode() + b"%016x" % len(own) + record.MARK
            (data / "content" / "blobs" / names[whole][:2] / f"{names[whole]}.parts").write_bytes(own + lines)
            self.assertEqual(record.content(data, names[whole]), whole)
            self.assertIsNone(record.content(data, "0" * 64))

    def test_fields_of_a_message(self):
        data = b"\x08\x96\x01" + b"\x12\x03abc" + b"\x29" + bytes(8)
        self.assertEqual(list(record.fields(data)), [(1, 150), (2, b"abc"), (5, bytes(8))])


class PlayedRound:
    """What an invariant asks of a round, with a record that the test writes."""

    def __init__(self, folder):
        self.damaged = set()
        database = sqlite3.connect(folder / "record.db")
        database.executescript("""
            CREATE TABLE builds (id, idempotency_key, status, message);
            CREATE TABLE executions (id, key, build, step_number, lease, replica, finished_at, failure, exit_code, abandoned);
            CREATE TABLE leases (number, build, stage, replica, outcome);
            CREATE TABLE events (build, number, event);
            """)
        self.database = database
        self.record = record.Record(folder)
        self.submissions = []

    def built(self):
        return iter(())

    def write(self, statement, *values):
        self.database.execute(statement, values)
        self.database.commit()


class InvariantsTest(unittest.TestCase):
    """Each is shown a record that breaks it: a check that never fails is none."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.round = PlayedRound(pathlib.Path(folder.name))
        self.addCleanup(self.round.record.close)
        self.addCleanup(self.round.database.close)

    def execute(self, number, lease, step=2, key="k", replica=0):
        self.round.write("INSERT INTO executions VALUES (?, ?, 1, ?, ?, ?, 9, '', 0, 0)", number, key, step, lease, replica)

    def test_a_step_that_is_executed_again(self):
        self.execute(1, 1)
        self.execute(2, 2, replica=1)
        self.assertEqual(invariants.steps_count_once(self.round), [])
        self.execute(3, 3)
        self.assertEqual(invariants.steps_count_once(self.round), ["the step k was executed 2 times with success: [1, 3]"])
        self.round.damaged.add("0" * 64)
        self.assertEqual(invariants.steps_count_once(self.round), [])

    def test_a_step_that_is_twice_under_a_lease(self):
        self.execute(1, 1)
        self.execute(2, 1, key="other")
        self.assertEqual(invariants.steps_count_once(self.round), ["lease 1 has 2 executions of step 2"])

    def test_a_step_that_a_build_counts_twice(self):
        step = b"\x08\x02" + b"\x28\x03" + b"\x68\x07"
        changed = b"\x1a" + bytes([len(step)]) + step
        event = b"\x32" + bytes([len(changed)]) + changed
        self.round.write("INSERT INTO builds VALUES (1, 'k of ', 4, '')")
        self.round.write("INSERT INTO events VALUES (1, 1, ?)", event)
        self.assertEqual(invariants.steps_count_once(self.round), [])
        self.round.write("INSERT INTO events VALUES (1, 2, ?)", event)
        self.assertEqual(invariants.steps_count_once(self.round), ["build 1 counts the step 2 of stage 0 twice"])

    def test_gaps_in_events_and_what_is_open(self):
        self.round.write("INSERT INTO events VALUES (1, 1, x''), (1, 3, x'')")
        self.assertEqual(invariants.events_are_numbered(self.round), ["build 1 has 2 events, the last is number 3"])
        self.round.write("INSERT INTO leases VALUES (4, 1, 0, 0, NULL), (5, 1, 0, 0, 'succeeded')")
        self.round.write("INSERT INTO executions VALUES (8, 'k', 1, 2, 4, 0, NULL, '', 0, 0), (9, 'k', 1, 2, 4, 0, NULL, '', 0, 1)")
        self.assertEqual(invariants.nothing_is_open(self.round),
                         ["lease 4 of build 1 has no end", "execution 8 of build 1 neither ended nor was given up"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
