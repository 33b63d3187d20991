#!/usr/bin/env python3
"""What a farm keeps: budgets, garbage collection beside builds, policies, pins, and what `df` says of it.

CROSSMILL_RETENTION_BUILDS: how many builds run beside garbage collection without end (scripts/check has 500)."""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from farm import FarmTestCase, main, steps, wait_for

BUILDS = int(os.environ.get("CROSSMILL_RETENTION_BUILDS", "16"))
GRACE = 5
# Of the images of these builds.
NAMES = 5


class RetentionTest(FarmTestCase):
    farm_options = {"workers": 2, "slots": 2}

    def setUp(self):
        super().setUp()
        self.addCleanup(self.farm.cli, "admin", "policy", "reset", "blobs.budget", "blobs.grace")

    def json(self, *arguments, code=0):
        result = self.farm.cli(*arguments, "--json")
        self.assert_exit(result, code)
        return json.loads(result.stdout)

    def policy(self, *settings):
        result = self.farm.cli("admin", "policy", "set", *settings)
        self.assert_exit(result, 0)

    def random_file(self, name, size=1 << 20):
        self.write(name, os.urandom(size))

    def content(self):
        return self.farm.data / "content"

    def blob_files(self):
        return {path.name: path.stat().st_blocks * 512
                for path in (self.content() / "blobs").glob("??/*") if path.is_file()}

    def let_grace_pass(self):
        time.sleep(GRACE + 0.5)

    def named(self, *names):
        for name in names:
            self.addCleanup(self.farm.cli, "image", "rm", name)

    def save(self, name):
        with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
            archive = pathlib.Path(folder) / "image.tar"
            self.assert_exit(self.farm.cli("image", "save", "-o", archive, name), 0)
            return archive.read_bytes()

    def test_df_is_what_the_disk_says(self):
        self.random_file("file")
        self.dockerfile("FROM tiny\nCOPY file /file\nRUN echo text\n")
        self.named("counted")
        self.build_json("-t", "counted")
        use = self.json("df", "-v")
        self.assertEqual(sum(each["bytes"] for each in use["blobs"]), use["blobs_bytes"])
        self.assertEqual(use["blobs_bytes"], sum(self.blob_files().values()))
        self.assertEqual(sum(each["count"] for each in use["blobs"]), len({n.removesuffix(".parts") for n in self.blob_files()}))
        du = subprocess.run(["du", "-s", "--block-size=1", self.farm.data], capture_output=True, text=True, check=True)
        # The record's own journal may grow between the two looks.
        self.assertAlmostEqual(use["total_bytes"], int(du.stdout.split()[0]), delta=1 << 20)
        kinds = {each["kind"] for each in use["blobs"] + use["others"]}
        self.assertLessEqual({"images", "logs", "record", "reserve"}, kinds)
        text = self.farm.cli("df", "-v")
        self.assert_exit(text, 0)
        self.assert_says(text, "images", "step cache", "blobs.budget")

    def test_a_dry_run_frees_nothing_and_prune_what_nothing_needs(self):
        self.random_file("file", 3 << 20)
        self.dockerfile("FROM tiny\nCOPY file /file\nRUN cat /file > /copy\n")
        self.named("kept")
        build = self.build_json("-t", "kept")
        self.random_file("file", 3 << 20)
        unnamed = self.build_json()
        self.policy(f"blobs.grace={GRACE}s")
        image = self.save("kept")
        self.let_grace_pass()
        before = self.blob_files()
        dry = self.json("prune", "--dry-run")
        self.assertGreater(dry["bytes"], 3 << 20)
        self.assertEqual(self.blob_files(), before)
        done = self.json("prune")
        self.assertEqual(done["bytes"], dry["bytes"])
        self.assertEqual(sum(before.values()) - sum(self.blob_files().values()), done["bytes"])
        self.assertEqual(self.json("df")["blobs_bytes"], sum(self.blob_files().values()))
        self.assertEqual(self.save("kept"), image, "an image is what it was, byte for byte")
        # The step cache has lost what nothing needed: executed again, and the same.
        again = self.build_json()
        self.assertEqual([each["layer_digest"] for each in steps(again)], [each["layer_digest"] for each in steps(unnamed)])
        self.assertEqual(again["index_digest"], unnamed["index_digest"])
        self.assertNotEqual(again["index_digest"], build["index_digest"])

    def test_a_pinned_build_keeps_its_layers(self):
        self.random_file("file", 2 << 20)
        self.dockerfile("FROM tiny\nCOPY file /file\nRUN echo pinned > /other\n")
        build = self.build_json()
        self.assert_exit(self.farm.cli("pin", build["id"]), 0)
        self.assertEqual([pin["build"] for pin in self.json("pin")], [build["id"]])
        self.policy(f"blobs.grace={GRACE}s")
        self.let_grace_pass()
        self.json("prune")
        self.assertEqual([each["status"] for each in steps(self.build_json())], ["cached", "cached"])
        self.assert_exit(self.farm.cli("unpin", build["id"]), 0)
        self.assertEqual(self.json("pin"), [])
        self.let_grace_pass()
        self.json("prune")
        self.assertEqual([each["status"] for each in steps(self.build_json())], ["executed", "executed"])
        missing = self.farm.cli("pin", "999999")
        self.assertNotEqual(missing.returncode, 0)
        self.assert_says(missing, "999999")

    def test_executions_whose_layers_have_gone_are_no_witnesses(self):
        self.dockerfile("FROM tiny\nRUN od -An -N16 -tx1 /dev/urandom > /random\n")
        # On both workers: whichever executes it first afterwards, the other's would be its witness.
        lost = self.build_json("--verify", "2", "--allow-same-host")
        gone = {each["layer_digest"] for each in self.json("diff", lost["id"])["cells"][0]["steps"][0]["witnesses"]}
        self.assertEqual(len(gone), 2)
        self.policy(f"blobs.grace={GRACE}s")
        self.let_grace_pass()
        self.json("prune")
        # Beside it there would be a manifest to read that is not there.
        verified = self.build_json("--verify", "2", "--allow-same-host")
        self.assertEqual(verified["cells"][0]["verdict"], "unreproducible")
        step = self.json("diff", verified["id"])["cells"][0]["steps"][0]
        layers = [each["layer_digest"] for each in step["witnesses"]]
        self.assertEqual(len(layers), 2)
        self.assertFalse(gone & set(layers))
        # A rebuild of what has lost its context says so.
        self.write("file", os.urandom(1000))
        self.dockerfile("FROM tiny\nCOPY file /file\n")
        old = self.build_json()
        self.let_grace_pass()
        self.json("prune")
        again = self.farm.cli("verify", old["id"])
        self.assertNotEqual(again.returncode, 0)
        self.assert_says(again, "no longer in the farm's store")

    def test_consoles_get_old(self):
        self.dockerfile(f"FROM tiny\nRUN echo {time.monotonic_ns()} said\nRUN seq 1 20000\n")
        build = self.build_json()
        log = self.farm.cli("logs", build["id"])
        self.assert_says(log, "said", "20000")
        self.addCleanup(self.farm.cli, "admin", "policy", "reset", "logs.compress-after", "logs.keep")
        self.policy("logs.compress-after=1s")
        time.sleep(1.5)
        self.assertIn("consoles compressed", {each["kind"] for each in self.json("gc")["aged"]})
        execution = steps(build)[1]["execution"]
        path = self.farm.data / f"logs/{execution % 100:02}/{execution}.log"
        self.assertFalse(path.exists())
        self.assertLess(path.with_suffix(".log.zst").stat().st_size, 60_000)
        self.assertEqual(self.farm.cli("logs", build["id"]).stdout, log.stdout)
        self.farm.kill_coordinator()
        self.farm.start_coordinator()
        self.assertEqual(self.farm.cli("logs", build["id"]).stdout, log.stdout)
        self.policy("logs.keep=1m")
        # Not yet: it is too young, and a dry run removes nothing anyway.
        self.json("gc", "--dry-run")
        self.assertEqual(self.farm.cli("logs", build["id"]).stdout, log.stdout)

    def test_policies_are_checked_audited_and_outlive_the_coordinator(self):
        wrong = self.farm.cli("admin", "policy", "set", "blobs.budget=lots")
        self.assert_exit(wrong, 2)
        self.assert_says(wrong, "blobs.budget", "at least 1M")
        unknown = self.farm.cli("admin", "policy", "set", "blobs.bugdet=1G")
        self.assert_exit(unknown, 2)
        self.assert_says(unknown, "blobs.budget, blobs.grace")
        self.policy("logs.keep=12h", "blobs.budget=3G")
        self.farm.kill_coordinator()
        self.farm.start_coordinator()
        policies = {each["name"]: each for each in self.json("admin", "policy", "show")}
        self.assertEqual(policies["logs.keep"]["value"], "12h")
        self.assertEqual(policies["blobs.budget"]["bytes"], 3 << 30)
        self.assertFalse(policies["logs.keep-failed"]["set"])
        self.assert_exit(self.farm.cli("admin", "policy", "reset", "logs.keep", "blobs.budget"), 0)
        policies = {each["name"]: each for each in self.json("admin", "policy")}
        self.assertEqual(policies["logs.keep"]["value"], policies["logs.keep"]["usual"])
        lines = [json.loads(line) for line in (self.farm.data / "audit.log").read_text().splitlines()]
        self.assertTrue(any(line["call"].endswith("/SetPolicy") and "12h" in json.dumps(line) for line in lines))

    def test_a_budget_that_cannot_be_met_stops_new_builds_with_the_reason(self):
        self.random_file("file", 3 << 20)
        self.dockerfile("FROM tiny\nCOPY file /file\n")
        self.named("large")
        self.build_json("-t", "large")
        self.policy("blobs.budget=1M", f"blobs.grace={GRACE}s")
        self.let_grace_pass()
        self.assertIn("images", self.json("gc")["over_budget"])
        self.random_file("file")
        refused = self.build()
        self.assertNotEqual(refused.returncode, 0)
        self.assert_says(refused, "blobs.budget", "for images")
        self.assertIn("blobs.budget", self.json("df")["refusing"])
        self.policy("blobs.budget=10G")
        wait_for(lambda: self.json("df")["refusing"] == "", "the end of the refusal")
        self.assert_exit(self.build(), 0)

    def test_no_build_fails_because_of_garbage_collection(self):
        """Collection without end and a coordinator that is killed in the middle of it, beside builds of which some share layers."""
        # What came within the grace time stays whatever the budget, and behind a kill all of the last ten minutes, since its uses
        # may be newer than what was written: with less new builds are refused, rightly. What goes, goes by `prune`.
        self.policy("blobs.budget=400M", f"blobs.grace={GRACE}s")
        self.named(*(f"many:{number}" for number in range(NAMES)))
        done = threading.Event()
        freed = []

        def collect():
            while not done.is_set():
                result = self.farm.cli("prune", "--json")
                if result.returncode == 0:
                    freed.append(json.loads(result.stdout)["blobs"])
                time.sleep(0.2)

        def one(number):
            with tempfile.TemporaryDirectory(prefix="crossmill-context-", dir="/var/tmp") as folder:
                pathlib.Path(folder, "file").write_bytes(os.urandom(600 << 10))
                pathlib.Path(folder, "large").write_bytes(bytes([number % 5]) * (700 << 10))
                pathlib.Path(folder, "Dockerfile").write_text(
                    "FROM tiny AS one\nCOPY large /large\nRUN sleep 1; md5sum /large > /sum\n"
                    f"FROM tiny\nCOPY file /file\nCOPY --from=one /sum /sum\nRUN cat /file /sum > /all && echo {number % 3}\n")
                while True:
                    result = self.farm.build(folder, "--json", "-t", f"many:{number % NAMES}")
                    # Begun while there was no coordinator.
                    if "cannot reach the coordinator" not in result.stderr:
                        return number, result
                    time.sleep(0.5)

        collector = threading.Thread(target=collect)
        collector.start()
        try:
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                running = [pool.submit(one, number) for number in range(BUILDS)]
                for place in range(2):
                    wait_for(lambda: sum(each.done() for each in running) > (place + 1) * BUILDS // 3, "builds", 1800)
                    self.farm.kill_coordinator()
                    self.farm.start_coordinator()
                results = [each.result() for each in running]
                # On a fast machine all of that takes less than the grace time.
                end = time.monotonic() + 10 * GRACE
                while sum(freed) == 0 and time.monotonic() < end:
                    results += [each.result() for each in [pool.submit(one, len(results) + more) for more in range(4)]]
        finally:
            done.set()
            collector.join()
        for number, result in results:
            self.assertEqual(result.returncode, 0, f"build {number}: {self.story(result)}")
        self.assertGreater(sum(freed), 0, "nothing was ever removed")
        # Every image is whole: saving reads all of its blobs, compared with their digests.
        for number in range(NAMES):
            self.save(f"many:{number}")
        use = self.json("df")
        self.assertEqual(use["blobs_bytes"], sum(self.blob_files().values()))
        self.assertEqual(list((self.content() / "corrupt").iterdir()), [])


if __name__ == "__main__":
    main()
