#!/usr/bin/env python3
"""What `crossmill df` says of a farm on one disk, held against `du`: a coordinator with a worker's folder below its own, as
`crossmill up` has it, with hard links, sparse files, caches, layers, consoles and the record."""
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from farm import FarmTestCase, main, wait_for

PATIENCE = 120


class DiskUseTest(FarmTestCase):
    farm_options = {"workers": 0}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        below = cls.farm.data / "workers/w1"
        below.mkdir(parents=True)
        (cls.farm.folder / "w1").symlink_to(below)
        cls.worker = below
        cls.farm.start_worker("w1")
        cls.farm.wait_for_workers(1)

    def df(self):
        result = self.farm.cli("df", "--json")
        self.assert_exit(result, 0)
        return json.loads(result.stdout)

    def du(self, path):
        found = subprocess.run(["du", "-s", "--block-size=1", path], capture_output=True, text=True)
        return int(found.stdout.split()[0])

    def at_rest(self, number):
        """`number()` and what the disk has in the data folder at the same moment: nothing changed meanwhile."""
        end = time.monotonic() + PATIENCE
        while True:
            before = self.du(self.farm.data)
            found = number()
            after = self.du(self.farm.data)
            if before == after == found["total_bytes"] or (before == after and time.monotonic() > end):
                return found, after
            self.assertLess(time.monotonic(), end + PATIENCE, "the data folder is never at rest")
            time.sleep(0.5)

    def test_all_kinds_of_files_count_as_du_counts_them(self):
        self.dockerfile("""
            FROM tiny
            RUN seq 1 20000
            RUN mkdir /many && for i in $(seq 1 100); do echo $i > /many/$i; done && dd if=/dev/urandom of=/large bs=65536 count=40
            RUN --mount=type=cache,target=/cache dd if=/dev/urandom of=/cache/one bs=65536 count=20 && ln /cache/one /cache/two && \
                dd if=/dev/zero of=/cache/sparse bs=1 count=1 seek=100000000 && dd if=/dev/zero of=/sparse bs=1 count=1 seek=9000000
            """)
        self.write("file", os.urandom(300_000))
        self.build_json("-t", "counted")
        self.addCleanup(self.farm.cli, "image", "rm", "counted")
        # What nobody expects below the folder: a blob's neighbour of several names, a sparse file, a link to what is large elsewhere.
        damaged = self.farm.data / "content/corrupt"
        (damaged / "one").write_bytes(os.urandom(500_000))
        os.link(damaged / "one", damaged / "two")
        os.link(damaged / "one", self.farm.data / "three")
        with open(self.farm.data / "sparse", "wb") as sparse:
            sparse.truncate(1 << 30)
        (self.farm.data / "link").symlink_to("/usr")
        caches = [path for path in self.worker.rglob("two") if path.stat().st_nlink == 2]
        self.assertEqual(len(caches), 1, "the cache with a file of two names is below the data folder")
        # What the worker says of its caches is what steps put there, without what it notes beside them.
        wait_for(lambda: json.loads(self.farm.cli("worker", "ls", "--json").stdout)[0]["caches_bytes"] == self.du(caches[0].parent),
                 "the worker's own number of its caches", PATIENCE)
        use, disk = self.at_rest(self.df)
        self.assertEqual(use["total_bytes"], disk)
        blobs = list((self.farm.data / "content/blobs").glob("??/*"))
        self.assertEqual(use["blobs_bytes"], sum(path.stat().st_blocks * 512 for path in blobs))
        self.assertEqual(sum(each["bytes"] for each in use["blobs"]), use["blobs_bytes"])
        self.assertEqual(sum(each["bytes"] for each in use["others"]) + use["blobs_bytes"], use["total_bytes"])
        kinds = {each["kind"]: each for each in use["others"]}
        self.assertLessEqual({"logs", "record", "reserve", "damaged blobs"}, set(kinds))
        self.assertEqual(kinds["logs"]["bytes"], self.du(self.farm.data / "logs"))
        self.assertLess(kinds["damaged blobs"]["bytes"], 600_000, "a file of several names counts once")
        self.assertEqual(kinds["damaged blobs"]["count"], 2)


if __name__ == "__main__":
    main()
