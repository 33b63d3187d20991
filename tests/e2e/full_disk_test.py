"""A full disk under the coordinator: it says why and ends with 5, nothing wrong follows, and it goes on when there is room."""
import subprocess
import time

from farm import Farm, FarmTestCase, main, require_root_and_user, tiny_archive, wait_for


class SmallDiskFarm(Farm):
    """Its coordinator's data is on a disk of its own."""

    def __init__(self, **options):
        super().__init__(**options)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=0700", "tmpfs", self.data], check=True)
        self.filler = self.data / "filler"

    def close(self):
        super().close()
        subprocess.run(["umount", self.data], capture_output=True)
        subprocess.run(["rm", "-rf", "--one-file-system", self.folder])

    def fill(self, left=0):
        """Until so many bytes are left."""
        with open(self.filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * 65536)
            except OSError:
                pass
            file.truncate(max(0, file.tell() - left))

    def make_room(self):
        self.filler.unlink()


class FullDiskTest(FarmTestCase):

    @classmethod
    def setUpClass(cls):
        require_root_and_user()
        cls.farm = SmallDiskFarm(workers=1)
        cls.addClassCleanup(cls.farm.close)
        cls.farm.__enter__()
        cls.farm.import_base("tiny", tiny_archive())

    def log(self):
        return (self.farm.folder / "coordinator.log").read_text(errors="replace")

    def test_a_record_that_cannot_be_written_ends_the_coordinator_and_it_goes_on_later(self):
        marker = f"marker-{time.monotonic_ns()}"
        self.dockerfile(f"""
            FROM tiny
            RUN echo first {marker} > /first
            RUN echo {marker}; for i in $(seq 1 60); do echo line $i; sleep 0.2; done; cat /first
            RUN grep first /first
            """)
        client = self.farm.start_build(self.context)
        self.addCleanup(client.kill)
        wait_for(lambda: f"{marker}\n" in self.farm.cli("logs").stdout, "the start of the step")
        self.farm.fill()
        self.assertEqual(self.farm.coordinator.wait(timeout=30), 5, self.log())
        self.assertRegex(self.log(), r"could not be recorded: .*(full|No space)")
        # It cannot start on a full disk either, or starts and ends in the same way; it never goes on without a record.
        self.farm.make_room()
        self.farm.start_coordinator()
        stdout, stderr = client.communicate(timeout=120)
        self.assertEqual(client.returncode, 0, f"{stdout[-2000:]}{stderr[-2000:]}{self.farm.logs()}")
        self.assertIn("line 60", stdout + stderr)
        view = self.farm.show()
        self.assertEqual(view["status"], "succeeded")

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
        self.assertRegex(result.stdout + result.stderr, r"(?i)no space|disk")
        self.assertIsNone(self.farm.coordinator.poll(), self.log())
        self.assert_exit(self.build(), 0)


if __name__ == "__main__":
    main()
