"""A full disk under the coordinator: what is new is refused with the reason, builds wait, the record goes on in its
reserve, and everything goes on by itself when there is room again. Nothing fails, nothing promised is lost."""
import subprocess
import time

from farm import Farm, FarmTestCase, fill_disk, main, require_root_and_user, tiny_archive, wait_for


class SmallDiskFarm(Farm):
    """Its coordinator's data is on a disk of its own."""

    def __init__(self, mount_options="size=64m", **options):
        super().__init__(**options)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"{mount_options},mode=0700", "tmpfs", self.data], check=True)
        self.filler = self.data / "filler"

    def close(self):
        super().close()
        subprocess.run(["umount", self.data], capture_output=True)
        subprocess.run(["rm", "-rf", "--one-file-system", self.folder])

    def fill(self, left=0):
        """Until so many bytes are left."""
        fill_disk(self.filler, left)

    def make_room(self):
        self.filler.unlink(missing_ok=True)


class SmallDiskCase(FarmTestCase):
    mount_options = "size=64m"

    @classmethod
    def setUpClass(cls):
        require_root_and_user()
        cls.farm = SmallDiskFarm(cls.mount_options, workers=1)
        cls.addClassCleanup(cls.farm.close)
        cls.farm.__enter__()
        cls.farm.import_base("tiny", tiny_archive())

    def setUp(self):
        super().setUp()
        # Whatever becomes of a test, the next has room.
        self.addCleanup(self.farm.make_room)

    def log(self):
        return (self.farm.folder / "coordinator.log").read_text(errors="replace")

    def start_long_build(self, noise="true"):
        """A build of several steps whose second writes for some seconds, with so much noise."""
        marker = f"marker-{time.monotonic_ns()}"
        self.dockerfile(f"""
            FROM tiny
            RUN echo first {marker} > /first
            RUN echo {marker}; for i in $(seq 1 40); do echo line $i; {noise}; sleep 0.2; done; cat /first > /second
            RUN grep first /second
            """)
        client = self.farm.start_build(self.context)
        self.addCleanup(client.kill)
        wait_for(lambda: f"{marker}\n" in self.farm.cli("logs").stdout, "the start of the step")
        return client

    def assert_succeeds(self, client):
        stdout, stderr = client.communicate(timeout=120)
        self.assertEqual(client.returncode, 0, f"{stdout[-2000:]}{stderr[-2000:]}{self.farm.logs()}")
        self.assertIn("line 40\n", stdout + stderr)
        # The image may still be being packed.
        wait_for(lambda: self.farm.show()["status"] == "succeeded", "the end of the build")
        return stdout + stderr


class FullDiskTest(SmallDiskCase):

    def test_builds_wait_for_room_and_nothing_is_lost(self):
        client = self.start_long_build(noise="seq 1 1000")
        self.farm.fill()
        # A step ends meanwhile, and its layer finds no room.
        wait_for(lambda: "a result waits for room" in self.farm.logs(), "a layer that is refused")
        # What is recorded comes out of the reserve.
        self.assertIsNone(self.farm.coordinator.poll(), self.log())
        self.assertIn("the reserve is given to the record", self.log())
        self.assertIn("nothing but its own record", self.log())
        self.dockerfile("FROM tiny\nRUN true\n")
        refused = self.build()
        self.assert_exit(refused, 5)
        self.assertIn("the coordinator's disk", refused.stdout + refused.stderr)
        self.assertIn("remove what is not needed there", refused.stdout + refused.stderr)
        self.farm.make_room()
        told = self.assert_succeeds(client)
        self.assertIn("the build waits: the coordinator's disk", told)
        self.assertIn("there is room on the coordinator's disk again", told)
        self.assertIsNone(self.farm.coordinator.poll(), self.log())
        steps = [step for stage in self.farm.show()["stages"] for step in stage["steps"]]
        self.assertTrue(all(step["status"] in ("executed", "cached", "none") for step in steps), steps)
        wait_for(lambda: (self.farm.data / "reserve" / "bytes").exists(), "the reserve, made again")
        self.assert_exit(self.build(), 0)

    def test_a_record_that_cannot_be_written_ends_the_coordinator_and_it_goes_on_later(self):
        client = self.start_long_build(noise="seq 1 4000")
        # More is taken than was kept, as only others on the same disk can do.
        try:
            for number in range(200):
                fill_disk(self.farm.data / f"filler-{number}")
                if self.farm.coordinator.poll() is not None:
                    break
                time.sleep(0.1)
        finally:
            for filler in self.farm.data.glob("filler-*"):
                filler.unlink()
        self.assertEqual(self.farm.coordinator.wait(timeout=30), 5, self.log())
        self.assertRegex(self.log(), r"could not be recorded: .*(full|No space)")
        self.farm.start_coordinator()
        self.assert_succeeds(client)

    def test_it_starts_on_a_full_disk(self):
        self.farm.coordinator.terminate()
        self.farm.coordinator.wait(timeout=30)
        self.farm.fill()
        self.farm.start_coordinator()
        self.assertIn("nothing but its own record", self.log())
        self.dockerfile("FROM tiny\nRUN true\n")
        self.assert_exit(self.build(), 5)
        self.farm.make_room()
        self.assert_exit(self.build(), 0)

    def test_an_upload_that_has_no_room_fails_alone(self):
        self.write("large", bytes(range(256)) * 65536)
        self.dockerfile("""
            FROM tiny
            COPY large /large
            """)
        self.farm.fill(left=6 << 20)
        result = self.build()
        self.farm.make_room()
        self.assert_exit(result, 5)
        self.assertIn("the coordinator's disk", result.stdout + result.stderr)
        self.assertIsNone(self.farm.coordinator.poll(), self.log())
        self.assert_exit(self.build(), 0)


class NoFilesLeftTest(SmallDiskCase):
    """Bytes there are, but no file can be made."""
    mount_options = "size=64m,nr_inodes=2000"

    def test_builds_wait_and_go_on(self):
        client = self.start_long_build()
        folder = self.farm.data / "many"
        folder.mkdir()
        made = []
        try:
            while True:
                path = folder / str(len(made))
                path.touch()
                made.append(path)
        except OSError:
            pass
        wait_for(lambda: "a result waits for room" in self.farm.logs(), "a layer that is refused")
        self.assertRegex(self.log(), r"has room for \d+ files only")
        self.assertIsNone(self.farm.coordinator.poll(), self.log())
        for path in made:
            path.unlink()
        self.assert_succeeds(client)
        self.assertIsNone(self.farm.coordinator.poll(), self.log())


if __name__ == "__main__":
    main()
