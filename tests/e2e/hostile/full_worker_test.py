#!/usr/bin/env python3
"""A worker whose disk is full: builds go on elsewhere, it gets nothing while it has no room, and people are told."""
import json
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from farm import Farm, FarmTestCase, fill_disk, main, require_root_and_user, tiny_archive, wait_for


class SmallWorkerFarm(Farm):
    """The folder of w1 is on a disk of its own."""

    def __enter__(self):
        disk = self.folder / "w1"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=0755", "tmpfs", disk], check=True)
        return super().__enter__()

    def close(self):
        super().close()
        subprocess.run(["umount", "-l", self.folder / "w1"], capture_output=True)
        subprocess.run(["rm", "-rf", "--one-file-system", self.folder])

    def fill(self, left=0):
        """Until so many bytes are left."""
        fill_disk(self.folder / "w1" / "filler", left)

    def make_room(self):
        (self.folder / "w1" / "filler").unlink()

    def unfit(self):
        """Why workers get no new tasks, by name."""
        workers = json.loads(self.cli("worker", "ls", "--json").stdout)
        return {worker["name"]: worker["unfit"] for worker in workers if worker["unfit"]}


class FullWorkerCase(FarmTestCase):

    @classmethod
    def setUpClass(cls):
        require_root_and_user()
        cls.farm = SmallWorkerFarm(workers=2, slots=1, options_of={"w1": cls.options_of_w1})
        cls.addClassCleanup(cls.farm.close)
        cls.farm.__enter__()
        cls.farm.import_base("tiny", tiny_archive())

    def build_something(self):
        self.dockerfile(f"FROM tiny\nRUN echo {time.monotonic_ns()} > /made\n")
        return self.build()


class FullWithoutFloorTest(FullWorkerCase):
    """It says that there is room, which is too little for anything: only its tasks fail."""
    options_of_w1 = ["--least-space", "1"]

    def test_builds_succeed_elsewhere_and_it_rests(self):
        self.farm.fill(left=8192)
        self.addCleanup(self.farm.make_room)
        for _ in range(6):
            self.assert_exit(self.build_something(), 0)
            if self.farm.unfit():
                break
        self.assertEqual(list(self.farm.unfit()), ["w1"])
        self.assertIn("failed there for no fault of their recipes", self.farm.unfit()["w1"])
        self.assertIn("No space left on device", self.farm.unfit()["w1"])
        said = self.farm.cli("worker", "ls").stdout
        self.assertRegex(said, r"w1 gets no new tasks: .*; it is tried again in ")
        # Now nothing is tried there at all.
        result = self.build_something()
        self.assert_exit(result, 0)
        self.assertNotIn("it runs again", result.stdout + result.stderr)


class FullForAMomentTest(FullWorkerCase):
    """Others' steps fill it in the middle of one, which ends when there is room again."""
    options_of_w1 = ["--least-space", "1"]

    # What its shell cannot write it does not say; the end only shows that something is missing.
    def begin(self, end):
        self.dockerfile(f"""
            FROM tiny
            RUN echo {time.monotonic_ns()} begun; i=0; while [ $i -lt 40 ]; do head -c 200000 /dev/zero >> /data; sleep 0.1; i=$((i+1)); done 2>/dev/null; {end}
            RUN test "$(wc -c < /data)" = 8000000
            """)
        self.assert_exit(self.farm.cli("worker", "drain", "w2"), 0)
        build = self.farm.start_build(self.context, "--no-cache")
        wait_for(lambda: " begun\n" in self.farm.cli("logs").stdout, "the step's beginning", 60)
        self.assert_exit(self.farm.cli("worker", "undrain", "w2"), 0)
        return build

    def test_neither_its_failure_nor_its_layer_counts(self):
        for end in ('test "$(wc -c < /data)" = 8000000', "true"):
            with self.subTest(end):
                build = self.begin(end)
                self.farm.fill()
                time.sleep(1)
                self.farm.make_room()
                out, errors = build.communicate(timeout=120)
                self.assertEqual(build.returncode, 0, out + errors + self.farm.logs())
                self.assertIn("the worker's disk had 0.0 MB left", out + errors)
                self.assertIn("on w2", out + errors)


class FloorTest(FullWorkerCase):
    options_of_w1 = ["--least-space", "16m"]

    def test_it_gets_nothing_below_its_floor_and_again_when_there_is_room(self):
        self.farm.fill()
        wait_for(self.farm.unfit, "that w1 says that its disk is full", 60)
        self.assertRegex(self.farm.unfit()["w1"], "^its disk has 0.0[01] GB left, and it takes no tasks below 0.02 GB$")
        for _ in range(3):
            result = self.build_something()
            self.assert_exit(result, 0)
            self.assertNotIn("it runs again", result.stdout + result.stderr)
        # Alone it would have to say so.
        self.farm.kill_worker("w2")
        try:
            self.farm.make_room()
            wait_for(lambda: not self.farm.unfit(), "that w1 has room", 60)
            self.assert_exit(self.build_something(), 0)
        finally:
            self.farm.start_worker("w2")


if __name__ == "__main__":
    main()
