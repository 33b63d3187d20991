"""Backups of a farm whose blobs have left the disk for a bucket: whole without the bucket, or as good as the bucket is."""
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import farm as farms  # noqa: E402
from bucket_test import BucketCase  # noqa: E402
from farm import wait_for  # noqa: E402


class BucketBackupTest(BucketCase):
    def setUp(self):
        super().setUp()
        self.backups = self.context.parent / (self.context.name + "-backups")
        self.restored = self.context.parent / (self.context.name + "-restored")
        self.addCleanup(shutil.rmtree, self.backups, True)
        self.addCleanup(shutil.rmtree, self.restored, True)

    def build_that_leaves(self, name):
        self.large_build(name, f"{name}:1")
        self.addCleanup(self.farm.cli, "image", "rm", f"{name}:1")
        good = self.saved(f"{name}:1")
        self.wait_until_copied()
        wait_for(lambda: self.on_disk() < 3 << 20, "the disk within its bound")
        return good

    def back_up(self, *words):
        result = self.farm.cli("admin", "backup", self.backups, "--json", "--rate", "0", *words)
        self.assert_exit(result, 0)
        return json.loads(result.stdout)

    def admin(self, command, *words, code=0):
        result = subprocess.run([farms.BIN / "crossmill", "admin", command, *words, "--json", "--data", self.restored],
                                capture_output=True, text=True)
        self.assert_exit(result, code)
        return json.loads(result.stdout)

    def test_a_backup_is_whole_without_the_bucket(self):
        good = self.build_that_leaves("whole")
        taken = self.back_up()
        self.assertEqual(taken["bucket_blobs"], 0)
        self.assertIn("farm/pre fix", taken["bucket"])
        self.server.kill()
        restored = farms.Farm(workers=0)
        restored.data.rmdir()
        self.restored = restored.data
        self.admin("restore", self.backups)
        self.assertTrue(self.admin("check")["clean"])
        with restored:
            out = self.context / "restored.tar"
            self.assert_exit(restored.cli("image", "save", "whole:1", "-o", f"type=oci,dest={out}"), 0)
            self.assertEqual(hashlib.sha256(out.read_bytes()).hexdigest(), good)

    def test_without_the_bucket_there_is_no_backup_that_is_not_whole(self):
        self.build_that_leaves("away")
        self.server.kill()
        result = self.farm.cli("admin", "backup", self.backups, "--json", "--rate", "0")
        self.assert_exit(result, 5)
        self.assertIn("--bucket-blobs refer", result.stdout + result.stderr)
        self.assertFalse(list(self.backups.glob("*/manifest.json")))

    def test_a_backup_that_refers_to_the_bucket_is_as_good_as_that(self):
        self.build_that_leaves("refers")
        taken = self.back_up("--bucket-blobs", "refer")
        self.assertGreater(taken["bucket_blobs"], 0)
        self.admin("restore", self.backups)
        report = self.admin("check")
        self.assertTrue(report["clean"], report)
        self.assertIn("bucket", {finding["kind"] for finding in report["findings"]})
        kept = {path.name for path in (self.restored / "content/blobs").glob("*/*")}
        aside = self.context / "aside"
        aside.mkdir()
        for name, path in self.server.objects().items():
            if name not in kept and path.stat().st_size > 100_000:
                # Other tests have the bucket after this one.
                self.addCleanup((aside / name).rename, path)
                path.rename(aside / name)
        damaged = self.admin("check", code=7)
        self.assertIn("image", {finding["kind"] for finding in damaged["findings"]})


if __name__ == "__main__":
    farms.main()
