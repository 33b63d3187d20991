#!/usr/bin/env python3
"""How many steps a machine runs at a time: those that wait hold no processor, those that compute do, --slots is kept."""
import os
import sqlite3

import farm

STAGES = 8


def stages(command):
    """A Dockerfile whose stages are independent of each other; the last one needs them all."""
    made = "".join(f"FROM tiny AS s{i}\nRUN {command} && echo {i} > /made\n" for i in range(STAGES))
    return made + "FROM scratch\n" + "".join(f"COPY --from=s{i} /made /{i}\n" for i in range(STAGES))


class SlotsByLoad(farm.FarmTestCase):
    farm_options = {"workers": 2, "slots": None}

    def most_at_once(self):
        """Of the executions of the newest build, by the record. Beginnings are of the coordinator's clock, durations of
        the worker's: what overlaps by less than a tenth of a second follows one another."""
        with sqlite3.connect(f"file:{self.farm.data}/record.db?mode=ro", uri=True) as record:
            rows = record.execute("SELECT started_at, duration_ns FROM executions WHERE shape <> '' AND "
                                  "build = (SELECT max(build) FROM executions)").fetchall()
        self.assertEqual(len(rows), STAGES)
        moments = sorted([(begun, 1) for begun, _ in rows] + [(begun + took - 100_000_000, -1)
                                                                for begun, took in rows])
        running = most = 0
        for _, change in moments:
            running += change
            most = max(most, running)
        return most

    def test_1_steps_that_sleep_run_side_by_side(self):
        self.dockerfile(stages("sleep 6"))
        self.build_json("--network", "none")
        # Never seen before: how many depends on what else this machine does.
        self.assertGreaterEqual(self.most_at_once(), 2)
        # Seen: as many as there are, whatever it does.
        self.build_json("--network", "none", "--no-cache")
        self.assertEqual(self.most_at_once(), STAGES)

    def test_2_steps_that_compute_share_no_processor_once_they_are_known(self):
        spin = "i=0; while [ $i -lt 600000 ]; do i=$((i+1)); done"
        self.dockerfile(stages(spin))
        self.build_json("--network", "none")
        self.build_json("--network", "none", "--no-cache")
        # One for each processor; half as many for each worker, whatever the load.
        self.assertLessEqual(self.most_at_once(), max(os.cpu_count(), 2 * max(1, os.cpu_count() // 2)))

    def test_3_what_a_step_used_is_in_the_record(self):
        with sqlite3.connect(f"file:{self.farm.data}/record.db?mode=ro", uri=True) as record:
            rows = record.execute("SELECT 1.0 * cpu_ns / duration_ns, peak_memory FROM executions "
                                  "WHERE shape <> '' ORDER BY id").fetchall()
        self.assertLess(max(cpus for cpus, _ in rows[:2 * STAGES]), 0.3, "they slept")
        self.assertGreater(max(cpus for cpus, _ in rows[2 * STAGES:]), 0.3, "they computed")
        self.assertGreater(min(memory for _, memory in rows), 100_000)


class FixedSlots(farm.FarmTestCase):
    farm_options = {"workers": 1, "slots": 3}

    def test_slots_are_kept(self):
        self.dockerfile(stages("sleep 3"))
        self.build_json("--network", "none")
        self.assertEqual(SlotsByLoad.most_at_once(self), 3)


if __name__ == "__main__":
    farm.main()
