"""A bucket behind the coordinator's disk: a farm whose disk is smaller than what it keeps, with a real server of
buckets (versitygw) that goes away, loses objects and has them damaged. Nothing that was promised is lost, and nothing
that is said is false."""
import hashlib
import json
import os
import pathlib
import re
import subprocess
import tarfile
import threading
import time
import unittest

import farm
from farm import HttpCase, ROOT, free_port, main, require_root_and_user, tiny_archive, wait_for


class BucketServer:
    """Use as a context manager. Its objects are files."""

    def __init__(self, folder):
        programs = [os.environ.get("CROSSMILL_BUCKET_SERVER", ""), ROOT / "build/peers/bin/versitygw"]
        self.program = next((path for path in programs if path and os.access(path, os.X_OK)), None)
        if self.program is None:
            raise unittest.SkipTest("needs versitygw: scripts/install-bucket-server builds it")
        self.folder = pathlib.Path(folder)
        self.port = free_port()
        for name in ("meta", "data/farm"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.credentials = self.folder / "credentials"
        self.credentials.write_text("[default]\naws_access_key_id = AKID\naws_secret_access_key = topsecret\n")
        self.credentials.chmod(0o600)
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [self.program, "--port", f"127.0.0.1:{self.port}", "--access", "AKID", "--secret", "topsecret",
             "--quiet", "--keep-alive", "posix", "--sidecar", self.folder / "meta", self.folder / "data"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def options(self, *more):
        return ["--bucket", "s3://farm/pre fix", "--bucket-endpoint", f"http://127.0.0.1:{self.port}",
                "--bucket-credentials", str(self.credentials), *more]

    def objects(self):
        """Files of blobs, by hash."""
        return {path.name: path for path in (self.folder / "data/farm/pre fix/blobs").glob("*/*")}


class BucketCase(HttpCase):
    disk = "2m"

    @classmethod
    def setUpClass(cls):
        require_root_and_user()
        scratch = pathlib.Path(subprocess.run(["mktemp", "-d", "/var/tmp/crossmill-bucket-XXXXXX"], check=True,
                                              capture_output=True, text=True).stdout.strip())
        cls.addClassCleanup(subprocess.run, ["rm", "-rf", scratch])
        cls.server = BucketServer(scratch)
        cls.addClassCleanup(cls.server.kill)
        cls.server.start()
        cls.farm_options = {
            "workers": 1, "worker_options": ["--direct-fetch", "always"],
            "coordinator_options": ["--http", f"127.0.0.1:{farm.HTTP_PORT}",
                                    *cls.server.options("--bucket-disk", cls.disk)]}
        super().setUpClass()

    def setUp(self):
        super().setUp()
        if self.server.process is None:
            self.server.start()

    def bucket(self):
        state = self.json("/api/v1/status").get("bucket", {})
        return {re.sub("[A-Z]", lambda m: "_" + m[0].lower(), name): int(value) if str(value).isdigit() else value
                for name, value in state.items()}

    def on_disk(self):
        """Bytes of blobs."""
        return sum(path.stat().st_size for path in (self.farm.data / "content/blobs").glob("*/*"))

    def hashes_on_disk(self):
        return {path.name.removesuffix(".parts") for path in (self.farm.data / "content/blobs").glob("*/*")}

    def wait_until_copied(self):
        wait_for(lambda: not self.bucket().get("waiting_blobs") and
                 self.hashes_on_disk() <= set(self.server.objects()), "the copy of all blobs")

    def recipe(self, text):
        """A layer of 6 MiB that does not shrink to nothing."""
        return f"""
            FROM tiny
            RUN i=0; while [ $i -lt 1500 ]; do echo $i {text} | sha256sum; i=$((i+1)); done > /noise && \
                for j in $(seq 1 64); do cat /noise; done > /large
            RUN wc -c /large > /size
            """

    def large_build(self, text, name):
        self.dockerfile(self.recipe(text))
        return self.build_json("-t", name)

    def save(self, name):
        """How the command ended, and the hash of the archive that it wrote."""
        out = self.context / "saved.tar"
        out.unlink(missing_ok=True)
        result = self.farm.cli("image", "save", name, "-o", f"type=oci,dest={out}")
        return result, hashlib.sha256(out.read_bytes()).hexdigest() if out.exists() else ""

    def saved(self, name):
        result, found = self.save(name)
        self.assert_exit(result, 0)
        return found


class BucketTest(BucketCase):
    def test_a_disk_smaller_than_what_is_kept(self):
        self.large_build("one", "one:1")
        first = self.saved("one:1")
        self.wait_until_copied()
        wait_for(lambda: self.on_disk() < 3 << 20, "the disk within its bound")
        self.assertEqual(self.saved("one:1"), first)
        # What was built is found, though its layers are not on the disk.
        wait_for(lambda: self.on_disk() < 3 << 20, "the disk within its bound again")
        self.dockerfile(self.recipe("one").rstrip() + "\n            RUN wc -c < /large > /again\n")
        self.build_json("-t", "one:2")
        self.assertEqual([], [line for line in self.farm.logs().splitlines() if "topsecret" in line])

    def test_what_takes_room_is_told_of_disk_and_bucket(self):
        use = self.farm.cli("df", "-v", "--json")
        self.assert_exit(use, 0)
        self.assertIn("farm/pre fix", json.loads(use.stdout)["bucket"])
        self.assert_says(self.farm.cli("df"), "bucket")
        self.assert_exit(self.farm.cli("gc", "--dry-run"), 0)

    def test_a_worker_that_lacks_a_layer_fetches_it_from_the_bucket(self):
        self.large_build("direct", "direct:1")
        self.wait_until_copied()
        wait_for(lambda: self.on_disk() < 3 << 20, "the disk within its bound")
        self.dockerfile(self.recipe("direct").rstrip() + "\n            RUN wc -c < /large > /again\n")
        self.farm.kill_worker("w1")
        self.farm.start_worker("w9")
        self.addCleanup(self.farm.start_worker, "w1")
        self.addCleanup(self.farm.kill_worker, "w9")
        self.build_json("-t", "direct:2")
        log = (self.farm.folder / "w9.log").read_text()
        self.assertNotIn("X-Amz", log)
        self.assertNotIn("is read from the coordinator", log)
        self.assertNotIn("X-Amz", self.farm.logs())
        # No step has been given the way.
        self.assertNotIn("X-Amz", self.farm.cli("logs").stdout)
        self.assertIn("blob_direct bytes=", log)

    def test_without_the_bucket_builds_go_on(self):
        self.large_build("before", "before:1")
        good = self.saved("before:1")
        self.wait_until_copied()
        wait_for(lambda: self.on_disk() < 3 << 20, "the disk within its bound")
        self.server.kill()
        (self.context / "file").write_text("without the bucket")
        self.dockerfile("FROM scratch\nCOPY file /\n")
        self.build_json("-t", "without:1")
        wait_for(lambda: self.bucket().get("trouble"), "the trouble in the status")
        self.assertGreater(self.bucket()["waiting_blobs"], 0)
        metrics = self.request("GET", "/metrics")[2].decode()
        self.assertIn("crossmill_bucket_trouble 1", metrics)
        # What only the bucket has is not said to be lost.
        refused, _ = self.save("before:1")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("only in the bucket", refused.stderr)
        self.server.start()
        self.wait_until_copied()
        wait_for(lambda: not self.bucket().get("trouble"), "the end of the trouble")
        self.assertEqual(self.saved("before:1"), good)

    def test_a_build_that_needs_what_only_the_bucket_has_waits_for_it(self):
        self.large_build("waited", "waited:1")
        self.wait_until_copied()
        wait_for(lambda: self.on_disk() < 3 << 20, "the disk within its bound")
        # No worker has a layer left.
        self.farm.kill_worker("w1")
        subprocess.run(["rm", "-rf", self.farm.folder / "w1"], check=True)
        self.server.kill()
        self.farm.start_worker("w1")
        self.farm.wait_for_workers(1)
        waiting = self.context / "waiting"
        waiting.mkdir()
        (waiting / "Dockerfile").write_text(
            "\n".join(line.strip() for line in self.recipe("waited").splitlines()) + "\nRUN wc -c < /large > /again\n")
        build = self.farm.start_build(waiting)
        told = []
        reader = threading.Thread(target=lambda: told.extend(iter(build.stderr.readline, "")))
        reader.start()
        self.addCleanup(build.kill)
        wait_for(lambda: any("waits for the bucket" in line for line in told), "the reason in the build", 90)
        # One that needs nothing of it goes on.
        (self.context / "file").write_text("beside the one that waits")
        self.dockerfile("FROM scratch\nCOPY file /\n")
        self.build_json("-t", "beside:1")
        self.server.start()
        self.assertEqual(build.wait(120), 0, told)
        reader.join()
        build.stdout.close()
        build.stderr.close()

    def settled(self, process):
        """How a build ended: its exit code, its result if it has one, and what it said."""
        try:
            out, errors = process.communicate(timeout=1200)
        finally:
            process.kill()
        return process.returncode, json.loads(out) if out.strip().startswith("{") else {}, errors

    def outage(self, recipe, name, moment, seconds=6):
        """A build during which the bucket goes away at a `moment` of it, for so many seconds: how it ended, and whether the
        coordinator noticed."""
        folder = self.context / name
        folder.mkdir()
        (folder / "Dockerfile").write_text("\n".join(line.strip() for line in recipe.splitlines()))
        process = self.farm.start_cli("build", "--json", "-t", f"{name}:1", folder)
        try:
            moment()
            self.server.kill()
            time.sleep(seconds)
            felt = bool(self.bucket().get("trouble"))
        finally:
            self.server.start()
        return (*self.settled(process), felt)

    def wait_for_tasks(self, some):
        def found():
            listed = self.farm.cli("worker", "ls", "--json")
            return listed.returncode == 0 and any(worker["tasks"] for worker in json.loads(listed.stdout)) == some
        wait_for(found, "a running task" if some else "the end of the tasks", 300)

    def packing(self):
        self.wait_for_tasks(True)
        self.wait_for_tasks(False)

    def test_a_bucket_that_goes_in_the_middle_of_a_build_makes_no_wrong_result(self):
        """At every moment of a build: while it is planned, while a step runs, while its image is packed. It waits, or fails and
        says why, and what is built afterwards is what it is without an outage."""
        self.large_build("base", "outage-base:1")
        self.addCleanup(self.farm.cli, "image", "rm", "outage-base:1")
        moments = {"planning": lambda: None, "executing": lambda: self.wait_for_tasks(True), "packing": self.packing}
        for name, moment in moments.items():
            with self.subTest(name):
                self.wait_until_copied()
                wait_for(lambda: self.on_disk() < 3 << 20, "the disk within its bound")
                # No worker has a layer left: everything comes from the bucket.
                self.farm.kill_worker("w1")
                subprocess.run(["rm", "-rf", self.farm.folder / "w1"], check=True)
                self.farm.start_worker("w1")
                self.farm.wait_for_workers(1)
                code, result, said, felt = self.outage(
                    f"FROM outage-base:1\nRUN sleep 6; wc -c < /large > /{name}\nRUN cp /large /more-{name}\n", f"outage-{name}", moment)
                self.addCleanup(self.farm.cli, "image", "rm", f"outage-{name}:1")
                self.assertTrue(felt, "nothing of the build needed the bucket meanwhile")
                if code != 0:
                    self.assertIn("bucket", said + json.dumps(result), "it failed without the reason")
                wait_for(lambda: not self.bucket().get("trouble"), "the end of the trouble", 180)
                # By itself or by being asked again: it heals.
                again = self.farm.cli("build", "--json", "-t", f"outage-{name}:1", self.context / f"outage-{name}")
                self.assert_exit(again, 0)
                healed = json.loads(again.stdout)
                if code == 0:
                    self.assertEqual(healed["index_digest"], result["index_digest"])
                good = self.saved(f"outage-{name}:1")
                # Executed anew without an outage it is the same, byte for byte.
                fresh = self.farm.cli("build", "--json", "--no-cache", "-t", f"outage-{name}:1", self.context / f"outage-{name}")
                self.assert_exit(fresh, 0)
                self.assertEqual(json.loads(fresh.stdout)["index_digest"], healed["index_digest"])
                self.assertEqual(self.saved(f"outage-{name}:1"), good)

    def test_a_coordinator_killed_between_disk_and_bucket(self):
        self.wait_until_copied()
        self.server.kill()
        result = self.large_build("killed", "killed:1")
        self.farm.kill_coordinator()
        self.server.start()
        self.farm.start_coordinator()
        self.farm.wait_for_workers(1)
        self.wait_until_copied()
        wait_for(lambda: self.on_disk() < 3 << 20, "the disk within its bound")
        self.saved("killed:1")
        # What the client was told is what there is.
        with tarfile.open(self.context / "saved.tar") as archive:
            index = json.load(archive.extractfile("index.json"))
        self.assertIn(index["manifests"][0]["digest"], json.dumps(result))

    def test_objects_that_a_stranger_damages_or_removes(self):
        for kind in ("damaged", "removed"):
            with self.subTest(kind):
                self.large_build(kind, f"{kind}:1")
                good = self.saved(f"{kind}:1")
                self.wait_until_copied()
                wait_for(lambda: self.on_disk() < 3 << 20, "the disk within its bound")
                on_disk = self.hashes_on_disk()
                hurt = [path for name, path in self.server.objects().items()
                        if name not in on_disk and path.stat().st_size > 100_000]
                self.assertTrue(hurt)
                for path in hurt:
                    if kind == "damaged":
                        path.write_bytes(b"x" * path.stat().st_size)
                    else:
                        path.unlink()
                lost, _ = self.save(f"{kind}:1")
                self.assertNotEqual(lost.returncode, 0, "an image of damaged bytes was saved")
                # Built again it is the same, and whole: by a new worker, which has no layer left. What is damaged is
                # found one by one.
                self.farm.kill_worker("w1")
                subprocess.run(["rm", "-rf", self.farm.folder / "w1"], check=True)
                self.farm.start_worker("w1")
                self.farm.wait_for_workers(1)
                self.assertEqual(self.heal(kind), good)
                self.assertGreater(self.bucket()["lost_blobs"], 0)

    def heal(self, kind):
        for _ in range(12):
            self.farm.cli("image", "import", "--stand-in", tiny_archive(), "tiny")
            self.dockerfile(self.recipe(kind))
            if self.build("-t", f"{kind}:1").returncode != 0:
                continue
            result, found = self.save(f"{kind}:1")
            if result.returncode == 0:
                return found
        return self.saved(f"{kind}:1")

    def test_another_farm_is_refused(self):
        self.wait_until_copied()
        result = subprocess.run([farm.BIN / "crossmill-coordinator", "--data", self.context / "data",
                                 *self.server.options()], capture_output=True, text=True, timeout=30)
        self.assertEqual(result.returncode, 5, result.stderr)
        self.assertIn("belongs to another farm", result.stderr)

    def test_flags_that_cannot_be(self):
        for options, words in ((["--bucket", "farm"], "s3://NAME/PREFIX"), (["--bucket-disk", "1g"], "--bucket"),
                               (["--bucket", "s3://farm", "--bucket-credentials", "/nowhere"], "/nowhere"),
                               (["--bucket", "s3://farm", "--bucket-endpoint", "ftp://x"], "endpoint")):
            with self.subTest(options=options):
                result = subprocess.run([farm.BIN / "crossmill-coordinator", "--data", self.context / "data", *options],
                                        capture_output=True, text=True, timeout=30)
                self.assertIn(result.returncode, (2, 5), result.stderr)
                self.assertIn(words, result.stderr)


if __name__ == "__main__":
    main()
