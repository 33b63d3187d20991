#!/usr/bin/env python3
"""Which workers a build gets: pools, labels, constraints, priorities; workers that are cordoned, drained and removed."""
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import farm

GRACE = 3


class Pools(farm.FarmTestCase):
    farm_options = {"workers": 1, "slots": 1,
                    "coordinator_options": ["--placement-grace", str(GRACE)],
                    "options_of": {"w1": ["--label", "zone=b"],
                                   "ci-1": ["--pool", "ci", "--label", "zone=a", "--label", "disk=ssd"],
                                   "x-1": ["--pool", "ci"]}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.farm.start_worker("ci-1")
        cls.farm.wait_for_workers(2)

    def workers(self):
        return {worker["name"]: worker for worker in json.loads(self.farm.cli("worker", "ls", "--json").stdout)}

    def where(self, *flags):
        """The worker that executed a new step."""
        self.dockerfile(f"FROM tiny\nRUN echo {time.monotonic_ns()} > /made\n")
        return farm.step(self.build_json("--network", "none", *flags), "RUN")["worker"]

    def start_long(self, *flags):
        self.dockerfile(f"FROM tiny\nRUN sleep 5 && echo {time.monotonic_ns()} > /made\n")
        return self.farm.cli("build", "--detach", "--network", "none", *flags, self.context).stdout.strip().split()[-1]

    def test_1_what_a_worker_says_is_shown(self):
        worker = self.workers()["ci-1"]
        self.assertEqual(worker["pool"], "ci")
        self.assertEqual(worker["labels"], {"zone": "a", "disk": "ssd"})
        said = self.farm.cli("worker", "ls", "-v").stdout
        self.assertIn("pool: ci", said)
        self.assertIn("label: zone=a", said)

    def test_2_a_build_gets_the_workers_that_it_asks_for(self):
        for flags, worker in ((("--pool", "ci"), "ci-1"), (("--constraint", "zone=b"), "w1"),
                              (("--constraint", "zone!=b", "--constraint", "disk=ssd"), "ci-1")):
            self.assertEqual(self.where(*flags), worker, flags)

    def test_3_a_build_that_nobody_can_satisfy_says_what_is_missing(self):
        self.dockerfile(f"FROM tiny\nRUN echo {time.monotonic_ns()} > /made\n")
        for flags, missing in ((("--pool", "gpu"), "is in pool gpu"),
                               (("--pool", "ci", "--constraint", "zone=b"),
                                "none of the 1 connected workers in pool ci that can run linux/"),
                               (("--constraint", "zone=c"), "has zone=c")):
            result = self.build("--network", "none", *flags)
            self.assert_exit(result, 5)
            self.assert_says(result, missing, f"waiting {GRACE}s for one")

    def test_4_where_a_step_was_executed_is_not_in_its_key(self):
        self.dockerfile(f"FROM tiny\nRUN echo {time.monotonic_ns()} > /made\n")
        first = self.build_json("--network", "none", "--pool", "ci")
        again = self.build_json("--network", "none", "--constraint", "zone=b", "--priority", "high")
        self.assertEqual(first["index_digest"], again["index_digest"])
        self.assertIn("cached", json.dumps(again["stages"]))

    def test_5_forms_are_checked(self):
        self.dockerfile("FROM tiny\n")
        for flags in (("--constraint", "zone"), ("--constraint", "zone=\x1b[31m"), ("--pool", "a b"),
                      ("--priority", "101"), ("--priority", "99999999999999999999"),
                      *[tuple(word for i in range(17) for word in ("--constraint", f"k{i}=v"))] ):
            result = self.build(*flags)
            self.assertNotEqual(result.returncode, 0, flags)
            self.assertNotIn("\x1b[31m", result.stdout + result.stderr)

    def test_6_a_pool_is_bound_to_the_names_of_its_workers(self):
        self.farm.start_worker("x-1")
        log = self.farm.folder / "x-1.log"
        farm.wait_for(lambda: "may not be in pool 'ci'" in log.read_text(errors="replace"), "the refusal")
        self.assertNotIn("x-1", self.workers())
        self.farm.kill_worker("x-1")

    def test_7_why_a_build_waits_is_said(self):
        first = self.start_long("--constraint", "zone=b")
        farm.wait_for(lambda: self.workers()["w1"]["slots_used"] == 1, "the first build's step")
        second = self.start_long("--constraint", "zone=b", "--priority", "low")
        farm.wait_for(lambda: "waits" in self.farm.show(second), "the wait")
        self.assertIn("waits for a worker with zone=b: 0 tasks of its project before it", self.farm.cli("show", second).stdout)
        for build in (first, second):
            self.assertEqual(self.farm.cli("watch", build).returncode, 0)

    def test_8_cordoned_drained_and_removed(self):
        running = self.start_long("--pool", "ci")
        farm.wait_for(lambda: self.workers()["ci-1"]["slots_used"] == 1, "its step")
        self.assertEqual(self.farm.cli("worker", "cordon", "ci-1").returncode, 0)
        self.assertTrue(self.workers()["ci-1"]["cordoned"])
        later = self.start_long("--pool", "ci")
        farm.wait_for(lambda: "cordoned" in json.dumps(self.farm.show(later).get("waits", [])), "the reason")
        self.assertEqual(self.farm.cli("watch", running).returncode, 0)
        # Over a restart, too.
        self.farm.kill_coordinator()
        self.farm.start_coordinator()
        self.farm.wait_for_workers(2)
        self.assertTrue(self.workers()["ci-1"]["cordoned"])
        self.assertEqual(self.workers()["ci-1"]["slots_used"], 0)
        self.assertEqual(self.farm.cli("worker", "uncordon", "ci-1").returncode, 0)
        self.assertEqual(self.farm.cli("watch", later).returncode, 0)
        # Drained, stopped, removed.
        drained = self.farm.cli("worker", "drain", "--wait", "ci-1")
        self.assert_exit(drained, 0)
        self.assert_says(drained, "ci-1 runs nothing: it can be stopped")
        refused = self.farm.cli("worker", "rm", "ci-1")
        self.assertNotEqual(refused.returncode, 0)
        self.assert_says(refused, "is connected")
        self.farm.kill_worker("ci-1")
        farm.wait_for(lambda: not self.workers()["ci-1"]["connected"], "its end")
        self.assert_exit(self.farm.cli("worker", "rm", "ci-1"), 0)
        self.assertNotIn("ci-1", self.workers())
        # It comes back as a new one: drained no more.
        self.farm.start_worker("ci-1")
        self.farm.wait_for_workers(2)
        self.assertFalse(self.workers()["ci-1"]["drained"])
        self.assertEqual(self.where("--pool", "ci"), "ci-1")


if __name__ == "__main__":
    farm.main()
