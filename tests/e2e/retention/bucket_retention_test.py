#!/usr/bin/env python3
"""Garbage collection of a farm with a bucket behind its disk (a real server of buckets): beside builds, without end.

CROSSMILL_RETENTION_BUILDS: how many builds run beside it."""
import concurrent.futures
import json
import os
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from bucket_test import BucketCase
from farm import main, steps, wait_for

BUILDS = int(os.environ.get("CROSSMILL_RETENTION_BUILDS", "12"))
GRACE = 5


class BucketRetentionTest(BucketCase):
    # By the policy alone.
    disk = "1t"

    def setUp(self):
        super().setUp()
        self.addCleanup(self.farm.cli, "admin", "policy", "reset", "blobs.budget", "blobs.grace", "bucket.budget")

    def policy(self, *settings):
        self.assert_exit(self.farm.cli("admin", "policy", "set", *settings), 0)

    def answer(self, *arguments):
        result = self.farm.cli(*arguments, "--json")
        self.assert_exit(result, 0)
        return json.loads(result.stdout)

    def test_the_budget_of_the_disk_sends_blobs_to_the_bucket(self):
        self.large_build("budget", "budget:1")
        self.addCleanup(self.farm.cli, "image", "rm", "budget:1")
        good = self.saved("budget:1")
        self.wait_until_copied()
        self.policy("blobs.budget=2M", f"blobs.grace={GRACE}s")
        wait_for(lambda: self.on_disk() <= 2 << 20, "the disk within its budget")
        use = self.answer("df", "-v")
        self.assertIn("farm/pre fix", use["bucket"])
        self.assertEqual(sum(each["bytes"] for each in use["in_bucket"]), use["bucket_bytes"])
        self.assertEqual(use["bucket_bytes"], sum(path.stat().st_size for path in self.server.objects().values()))
        self.assertIn("images", {each["kind"] for each in use["in_bucket"]})
        self.assertEqual(self.saved("budget:1"), good)

    def test_what_nothing_needs_goes_from_the_bucket_and_an_image_does_not(self):
        self.large_build("kept", "kept:1")
        self.addCleanup(self.farm.cli, "image", "rm", "kept:1")
        good = self.saved("kept:1")
        self.dockerfile(self.recipe("waste"))
        waste = self.build_json()
        self.wait_until_copied()
        self.policy("blobs.budget=2M", f"blobs.grace={GRACE}s")
        wait_for(lambda: self.on_disk() <= 2 << 20, "the disk within its budget")
        time.sleep(GRACE + 1)
        would = self.answer("prune", "--dry-run")
        before = self.server.objects()
        self.assertGreater(would["bucket_bytes"], 6 << 20)
        done = self.answer("prune")
        self.assertEqual((done["bucket_blobs"], done["bucket_bytes"]), (would["bucket_blobs"], would["bucket_bytes"]))
        self.assertEqual(len(before) - len(self.server.objects()), done["bucket_blobs"])
        self.assertEqual(self.saved("kept:1"), good)
        # Forgotten, and made again when it is wanted: the same.
        self.dockerfile(self.recipe("waste"))
        again = self.build_json()
        self.assertEqual([each["layer_digest"] for each in steps(again)], [each["layer_digest"] for each in steps(waste)])
        self.assertEqual(again["index_digest"], waste["index_digest"])

    def test_builds_beside_it_do_not_fail_and_their_images_are_whole(self):
        self.policy("blobs.budget=4M", f"blobs.grace={GRACE}s", "bucket.budget=4M")
        ends = threading.Event()
        problems = []

        def collect():
            while not ends.is_set():
                result = self.farm.cli("prune", "--json")
                if result.returncode != 0 and "still looks" not in result.stderr:
                    problems.append(result.stderr)

        collector = threading.Thread(target=collect)
        collector.start()
        folders = []
        for number in range(BUILDS):
            folder = self.context / f"build{number}"
            folder.mkdir()
            (folder / "file").write_bytes(os.urandom(300_000))
            (folder / "Dockerfile").write_text(
                f"FROM tiny\nCOPY file /file\nRUN cat /file /file > /twice\nRUN echo {number % 4} > /number\n")
            folders.append(folder)
        try:
            with concurrent.futures.ThreadPoolExecutor(3) as pool:
                results = list(pool.map(
                    lambda number: self.farm.cli("build", "--json", "-t", f"beside:{number % 5}", folders[number]),
                    range(BUILDS)))
        finally:
            ends.set()
            collector.join()
        for result in results:
            self.assert_exit(result, 0)
        self.assertEqual(problems, [])
        for number in range(5):
            self.addCleanup(self.farm.cli, "image", "rm", f"beside:{number}")
            self.saved(f"beside:{number}")
        # Looked at once more: what is needed is still there.
        time.sleep(GRACE + 1)
        self.answer("prune")
        for number in range(5):
            self.saved(f"beside:{number}")


if __name__ == "__main__":
    main()
