#!/usr/bin/env python3
"""Steps that take memory and processes without end: they die, and nobody beside them. The whole test has limits of its own,
far below the machine's, so that it is one thing only that fails where the worker's do not hold: this test."""
import contextlib
import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from farm import FarmTestCase, main, require_root_and_user, wait_for

ROOT = pathlib.Path("/sys/fs/cgroup")
MOST_PROCESSES = 1200
MOST_MEMORY = 1500 << 20


def own_group(controller):
    """The folder of this process's group of a controller of version 1, or None."""
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        folder = ROOT / controllers / path.lstrip("/")
        if controller in controllers.split(",") and os.access(folder, os.W_OK):
            return folder
    return None


class BombTest(FarmTestCase):
    farm_options = {"workers": 2, "worker_options": ["--step-memory", "200m", "--step-processes", "150"]}

    @classmethod
    def setUpClass(cls):
        require_root_and_user()
        for controller, file, most in (("pids", "pids.max", MOST_PROCESSES),
                                       ("memory", "memory.limit_in_bytes", MOST_MEMORY)):
            before = own_group(controller)
            if before is None:
                raise unittest.SkipTest(f"no control group of version 1 for {controller} can be made here: bombs are not safe")
            group = before / f"crossmill-test-{os.getpid()}"
            group.mkdir()
            cls.addClassCleanup(cls.leave, before, group)
            (group / file).write_text(str(most))
            (group / "cgroup.procs").write_text("0")
        super().setUpClass()

    @staticmethod
    def leave(before, group):
        (before / "cgroup.procs").write_text("0")

        def removed():
            with contextlib.suppress(OSError):
                group.rmdir()
            return not group.exists()
        wait_for(removed, "an empty control group", 20)

    def setUp(self):
        super().setUp()
        self.before = self.processes()

    def processes(self):
        return {name: process.pid for name, process in [*self.farm.workers.items(), ("", self.farm.coordinator)]}

    def assert_nobody_else_died(self):
        for name, process in [*self.farm.workers.items(), ("coordinator", self.farm.coordinator)]:
            self.assertIsNone(process.poll(), f"{name} has ended\n{self.farm.logs()}")
        self.assert_farm_goes_on()
        workers = self.farm.cli("worker", "ls", "--json")
        self.assertEqual(workers.stdout.count('"connected": true') + workers.stdout.count('"connected":true'), 2)

    def in_step_groups(self):
        count = 0
        for procs in own_group("pids").glob("crossmill-steps-*/**/cgroup.procs"):
            with contextlib.suppress(OSError):  # the step has ended
                count += len(procs.read_text().split())
        return count

    def test_a_worker_says_what_is_in_force(self):
        self.assertIn("limits of all steps together: memory 200 MiB, processes 150", self.farm.logs())

    def test_memory_without_end(self):
        self.dockerfile("FROM tiny\nRUN dd if=/dev/zero of=/dev/null bs=900M count=4\n")
        result = self.build()
        self.assert_exit(result, 1)
        self.assert_says(result, "137")
        self.assert_nobody_else_died()

    def test_processes_without_end(self):
        # The shell that makes them dies where the limit is reached; they stay, to be counted, and so does the step: `exec`
        # needs no process of its own.
        self.dockerfile("FROM tiny\nRUN sh -c 'while :; do sleep 60 & done'; exec sleep 60\n")
        build = self.farm.start_build(self.context)
        self.addCleanup(build.communicate)
        wait_for(lambda: self.in_step_groups() > 100, "the bomb", 30)
        self.assert_nobody_else_died()
        self.assertLessEqual(self.in_step_groups(), 300)
        build.terminate()
        build.wait(60)
        wait_for(lambda: self.in_step_groups() == 0, "the end of the bomb", 30)
        self.assert_nobody_else_died()

    def test_processes_that_each_make_more(self):
        # How it ends depends on which of them is refused first: it takes itself down, and nobody else.
        self.dockerfile("FROM tiny\nRUN b() { b | b & b & sleep 1; }; b; sleep 3\n")
        self.build()
        wait_for(lambda: self.in_step_groups() == 0, "the end of the bomb", 30)
        self.assert_nobody_else_died()

    def test_steps_die_first(self):
        self.dockerfile("FROM tiny\nRUN cat /proc/self/oom_score_adj; echo $(cat /proc/self/oom_score_adj) > /adj\n")
        self.assert_says(self.build(), "1000")
        for process in self.farm.workers.values():
            self.assertEqual(pathlib.Path(f"/proc/{process.pid}/oom_score_adj").read_text().strip(), "300")
        adjusted = int(pathlib.Path(f"/proc/{self.farm.coordinator.pid}/oom_score_adj").read_text())
        self.assertLess(adjusted, 300)

    def test_nothing_is_left_of_a_worker_that_was_killed(self):
        self.farm.start_worker("w3")
        self.farm.wait_for_workers(3)
        group = own_group("pids") / f"crossmill-steps-{self.farm.workers['w3'].pid}"
        self.assertTrue(group.exists())
        self.farm.kill_worker("w3")
        wait_for(lambda: not group.exists(), "the end of its control group", 20)


if __name__ == "__main__":
    main()
