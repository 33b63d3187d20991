#!/usr/bin/env python3
"""Limits of steps on a farm: who comes to one fails for that reason, by name, and nobody beside it does."""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from farm import FarmTestCase, main, step, wait_for

# Holds 160 MB at once: tail keeps all that it is given.
BOMB = "head -c 160000000 /dev/zero | tail -c 160000000 >/dev/null"


class LimitsTest(FarmTestCase):
    farm_options = {"slots": 3, "coordinator_options": ["--step-default", "processes=200"],
                    "worker_options": ["--step-most", "disk=64m", "--step-most", "memory=600m"]}

    def test_a_memory_bomb_is_told_with_limit_line_and_remedy(self):
        self.dockerfile(f"FROM tiny\nRUN echo before\nRUN {BOMB}\n")
        result = self.build("--memory", "64m", "--no-cache")
        self.assert_exit(result, 1)
        self.assert_says(result, "killed at its memory limit of 64 MiB (raise --memory)", "Dockerfile:3")
        build = self.farm.show()
        failed = step(build, "RUN " + BOMB)
        self.assertEqual((failed["bound"]["bound"], failed["bound"]["limit"]), ("memory", 64 << 20))
        self.assertFalse(failed["bound"]["of_worker"] or failed["bound"]["survived"])
        self.assertEqual(failed["use"]["bounds"]["memory"], 64 << 20)
        self.assertEqual(failed["use"]["bounds"]["processes"], 200)

    def test_the_same_with_enough_and_a_changed_limit_uses_the_cache(self):
        self.dockerfile(f"FROM tiny\nRUN {BOMB}; echo {self.id()}\n")
        self.assert_exit(self.build("--memory", "500m", "--cpus", "2"), 0)
        executed = step(self.farm.show(), "RUN")
        self.assertIsNone(executed["bound"])
        self.assertGreater(executed["use"]["user_seconds"] + executed["use"]["system_seconds"], 0)
        # A limit is no part of what a step is.
        self.assert_exit(self.build("--memory", "400m"), 0)
        self.assertEqual(step(self.farm.show(), "RUN")["status"], "cached")

    def test_a_step_that_kills_itself_came_to_no_limit(self):
        self.dockerfile("FROM tiny\nRUN sh -c 'kill -9 $$'; exit $?\n")
        result = self.build("--memory", "64m")
        self.assert_exit(result, 1)
        self.assert_says(result, "137")
        self.assertNotIn("memory limit", result.stdout + result.stderr)
        self.assertIsNone(step(self.farm.show(), "RUN")["bound"])

    def test_forks_are_refused_and_the_farm_goes_on(self):
        self.dockerfile("FROM tiny\nRUN i=0; while [ $i -lt 60 ]; do sleep 2 & i=$((i+1)); done; wait\n")
        result = self.build("--pids-limit", "20")
        self.assert_exit(result, 1)
        self.assert_says(result, "it came to its limit of 20 processes and threads (raise --pids-limit)")
        self.assert_farm_goes_on()

    def test_a_bomb_beside_an_honest_step(self):
        self.dockerfile(f"""FROM tiny AS honest
RUN sleep 2; {BOMB}; echo honest > /file
FROM tiny AS bomb
RUN {BOMB}; echo {self.id()}
FROM tiny
COPY --from=honest /file /file
""")
        honest = self.farm.start_build(self.context)
        self.addCleanup(honest.communicate)
        bomb = self.build("--target", "bomb", "--memory", "48m")
        self.assert_says(bomb, "memory limit of 48 MiB")
        self.assertEqual(honest.wait(120), 0)

    def test_the_workers_own_limit_is_said_to_be_that(self):
        self.dockerfile("FROM tiny\nRUN while :; do head -c 8000000 /dev/zero >> /fill || exit 3; done\n")
        result = self.build("--step-disk", "1g")
        self.assert_exit(result, 1)
        self.assert_says(result, "killed at its disk limit of 64 MiB", "--step-most disk")
        self.assertTrue(step(self.farm.show(), "RUN")["bound"]["of_worker"])

    def test_a_console_is_cut_and_says_so(self):
        self.dockerfile("FROM tiny\nRUN i=0; while [ $i -lt 3000 ]; do echo line number $i; i=$((i+1)); done\n")
        result = self.build("--step-log", "10k")
        self.assert_exit(result, 0)
        self.assert_says(result, "its console is cut at 10 KiB")
        self.assertNotIn("line number 2999", self.story(result))
        bound = step(self.farm.show(), "RUN")["bound"]
        self.assertEqual((bound["bound"], bound["survived"]), ("log", True))

    def test_words_that_are_no_limits(self):
        self.dockerfile("FROM tiny\nRUN true\n")
        for flags, words in ((["--memory", "lots"], "--memory lots: expected a size"),
                             (["--cpus", "0.001"], "--cpus 0.001: expected processors"),
                             (["--pids-limit", "many"], "--pids-limit many: expected a number"),
                             (["--cpu-period", "1000"], "--cpu-period says nothing without --cpu-quota")):
            result = self.build(*flags)
            self.assert_exit(result, 2)
            self.assert_says(result, words)


class BudgetTest(FarmTestCase):
    """A worker that may keep next to nothing: it removes layers and caches all the time, and builds go on."""
    farm_options = {"slots": 2, "worker_options": ["--layers-budget", "1m", "--caches-budget", "1m"]}

    def layers(self):
        folder = next(pathlib.Path(self.farm.folder).rglob("snapshots/index"))
        return len(os.listdir(folder))

    def test_builds_go_on(self):
        for number in range(8):
            self.dockerfile(f"""FROM tiny
RUN --mount=type=cache,target=/c,id=cache{number} head -c 700000 /dev/zero > /c/file; head -c 700000 /dev/zero > /layer{number}
RUN cp /layer{number} /copy{number}
""")
            self.assert_exit(self.build(), 0)
        caches = next(pathlib.Path(self.farm.folder).rglob("mounts/caches"))

        def kept():
            return self.layers() <= 3 and len(list(caches.glob("*/0"))) <= 1
        wait_for(kept, "layers and caches within their budgets", 30)
        # What was removed is fetched again.
        self.dockerfile("FROM tiny\nRUN --mount=type=cache,target=/c,id=cache0 head -c 700000 /dev/zero > /c/file; "
                        "head -c 700000 /dev/zero > /layer0\nRUN cp /layer0 /copy0\nRUN ls /copy0 /layer0\n")
        self.assert_exit(self.build(), 0)


if __name__ == "__main__":
    main()
