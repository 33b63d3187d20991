"""Programs of the last landed version with those of this one: a build with its client and worker at our coordinator, and
with ours at its coordinator. CROSSMILL_OTHER_BIN names the folder of its programs (scripts/check versions makes it)."""
import json
import os
import pathlib
import sys
import time
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import farm as farms  # noqa: E402

OTHER = os.environ.get("CROSSMILL_OTHER_BIN")


class MixedFarm(farms.Farm):
    """A farm whose programs are of two versions."""

    def __init__(self, coordinator, worker, client, **options):
        super().__init__(**options)
        self.bins = {"coordinator": pathlib.Path(coordinator), "worker": pathlib.Path(worker), "client": pathlib.Path(client)}

    def using(self, program):
        return mock.patch.object(farms, "BIN", self.bins[program])

    def token(self, *words):
        with self.using("coordinator"):
            return super().token(*words)

    def start_coordinator(self):
        with self.using("coordinator"):
            super().start_coordinator()

    def start_worker(self, name):
        with self.using("worker"):
            super().start_worker(name)

    def cli(self, *words, **options):
        with self.using("client"):
            return super().cli(*words, **options)

    def start_cli(self, *words, **options):
        with self.using("client"):
            return super().start_cli(*words, **options)


class VersionsTest(farms.FarmTestCase):
    farm_options = {"workers": 0}

    @classmethod
    def setUpClass(cls):
        if not OTHER:
            raise unittest.SkipTest("CROSSMILL_OTHER_BIN names no programs of another version")
        super().setUpClass()

    def run_build(self, coordinator, worker, client):
        self.write("file", "content\n")
        self.dockerfile(f"""
            FROM tiny
            COPY file /
            RUN cat /file && echo {time.monotonic_ns()} > /made
            FROM tiny
            COPY --from=0 /made /
            """)
        with MixedFarm(coordinator, worker, client) as farm:
            farm.import_base("tiny", farms.tiny_archive())
            result = farm.build(self.context, "-t", "mixed:1", "--json")
            self.assertEqual(result.returncode, 0, result.stderr + farm.logs())
            self.assertEqual(json.loads(result.stdout)["status"], "succeeded")
            again = farm.build(self.context, "-t", "mixed:1", "--json")
            self.assertEqual(again.returncode, 0, again.stderr + farm.logs())
            self.assertEqual(json.loads(again.stdout)["index_digest"], json.loads(result.stdout)["index_digest"])
            saved = farm.cli("image", "save", "mixed:1", "-o", self.context / "image.tar")
            self.assertEqual(saved.returncode, 0, saved.stderr)

    def test_their_client_and_worker_at_our_coordinator(self):
        self.run_build(farms.BIN, OTHER, OTHER)

    def test_our_client_and_worker_at_their_coordinator(self):
        self.run_build(OTHER, farms.BIN, farms.BIN)

    def test_our_client_with_their_worker(self):
        self.run_build(farms.BIN, OTHER, farms.BIN)

    def test_our_coordinator_goes_on_with_their_record(self):
        self.dockerfile("FROM tiny\nRUN echo theirs > /made\n")
        with MixedFarm(OTHER, OTHER, OTHER, workers=1) as farm:
            farm.import_base("tiny", farms.tiny_archive())
            before = farm.build(self.context, "-t", "kept:1", "--json")
            self.assertEqual(before.returncode, 0, before.stderr + farm.logs())
            farm.kill_coordinator()
            farm.bins = dict.fromkeys(farm.bins, farms.BIN)
            farm.start_coordinator()
            farm.wait_for_workers(1)
            after = farm.build(self.context, "-t", "kept:1", "--json")
            self.assertEqual(after.returncode, 0, after.stderr + farm.logs())
            before, after = json.loads(before.stdout), json.loads(after.stdout)
            self.assertEqual(after["index_digest"], before["index_digest"])
            self.assertEqual(farms.step(after, "RUN")["status"], "cached")


if __name__ == "__main__":
    farms.main()
