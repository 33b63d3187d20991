"""The step cache, single flight, and the commands that read builds, with the JSON that docs/cli.md describes."""
import json
import pathlib
import subprocess
import tempfile
import time

from farm import FarmTestCase, main, step, steps, wait_for

CELL = {"platform", "status", "message", "emulated", "seconds", "image_digest", "image_bytes", "all_stages_bytes",
        "verdict", "comparison"}
ROW = {"id", "status", "message", "created_at", "finished_at", "seconds", "dockerfile", "target", "platforms",
       "verify", "tags", "verdict", "index_digest", "cells"}
SHOW = ROW | {"options", "epoch", "warnings", "bases", "stages", "packages"}
STAGE = {"index", "name", "platform", "from", "range", "base", "size_bytes", "message", "steps"}
STEP = {"number", "instruction", "text", "range", "status", "seconds", "worker", "emulated", "exit_code", "failure",
        "layer_digest", "layer_bytes", "manifest_digest", "content_bytes", "key", "execution", "replicas"}
DIFF_CELL = {"platform", "verdict", "level", "same_host", "hosts", "executions", "image_digests", "reason", "steps"}
DIFF_STEP = {"stage", "stage_name", "step", "text", "range", "agrees", "reaches_image", "witnesses", "differences",
             "differences_total"}
WORKER = {"name", "connected", "draining", "last_seen", "version", "host_id", "host_name", "kernel", "cpu_model",
          "cpus", "runtime", "file_system", "platforms", "slots", "slots_used", "outvoted", "tasks"}
IMAGE = {"name", "digest", "platforms", "created_at", "stand_in", "size_bytes", "origin"}


def statuses(build):
    return [each["status"] for each in steps(build)]


class CacheTest(FarmTestCase):
    farm_options = {"workers": 2}

    def tearDown(self):
        self.assert_farm_goes_on()

    def test_a_second_build_runs_nothing_and_no_cache_runs_everything(self):
        self.write("file", "content\n")
        self.dockerfile(f"FROM tiny\nRUN echo {time.monotonic_ns()} > /a\nCOPY file /file\nENV A=b\nRUN cat /a /file > /b\n")
        first = self.build_json()
        self.assertEqual(statuses(first), ["executed", "executed", "metadata", "executed"])
        second = self.build_json()
        self.assertEqual(statuses(second), ["cached", "cached", "metadata", "cached"])
        self.assertEqual(second["index_digest"], first["index_digest"])
        self.assertEqual([s["execution"] for s in steps(second)], [s["execution"] for s in steps(first)])
        self.assertEqual([s["key"] for s in steps(second)], [s["key"] for s in steps(first)])
        third = self.build_json("--no-cache")
        self.assertEqual(statuses(third), ["executed", "executed", "metadata", "executed"])

    def test_what_is_in_the_key_and_what_is_not(self):
        self.write("file", "content\n", 0o644)
        recipe = f"FROM tiny\nRUN echo {time.monotonic_ns()}\nCOPY file /file\nRUN cat /file\n"
        self.dockerfile(recipe)
        self.build_json()
        # Neither the time of a file nor what is said about a Dockerfile nor unused files count.
        self.write("file", "content\n", 0o644)
        self.write("unused", "new\n")
        self.dockerfile("# a comment\n" + recipe)
        self.assertEqual(statuses(self.build_json()), ["cached"] * 3)
        (self.context / "file").chmod(0o755)
        self.assertEqual(statuses(self.build_json()), ["cached", "executed", "executed"])
        self.write("file", "other\n", 0o644)
        self.assertEqual(statuses(self.build_json()), ["cached", "executed", "executed"])

    def test_a_stage_rebuilt_to_the_same_bytes_leaves_what_follows_cached(self):
        recipe = """
            FROM tiny AS made
            ARG HOW
            RUN echo "$HOW" > /dev/null; echo same > /same
            FROM tiny
            COPY --from=made /same /same
            RUN cat /same
            """
        self.dockerfile(recipe)
        self.build_json("--build-arg", "HOW=one")
        second = self.build_json("--build-arg", "HOW=two")
        self.assertEqual(statuses(second), ["metadata", "executed", "cached", "cached"])

    def test_two_clients_at_once_share_one_execution(self):
        marker = f"marker-{time.monotonic_ns()}"
        self.dockerfile(f"FROM tiny\nRUN sleep 3; od -An -N16 -tx1 /dev/urandom > /random; echo {marker}\n")
        clients = [self.farm.start_cli("build", "--json", self.context) for _ in range(2)]
        builds = []
        for client in clients:
            stdout, stderr = client.communicate(timeout=120)
            self.assertEqual(client.returncode, 0, stderr)
            builds.append(json.loads(stdout))
        self.assertNotEqual(builds[0]["id"], builds[1]["id"])
        self.assertEqual(builds[0]["index_digest"], builds[1]["index_digest"])
        self.assertEqual(len({step(build, "RUN")["execution"] for build in builds}), 1)
        self.assertEqual(sorted(step(build, "RUN")["status"] for build in builds), ["executed", "shared"])

    def test_the_end_of_one_of_two_clients_does_not_end_the_execution(self):
        marker = f"marker-{time.monotonic_ns()}"
        self.dockerfile(f"FROM tiny\nRUN sleep 4; echo {marker}\n")
        first = self.build("--detach", "--json")
        self.assert_exit(first, 0)
        wait_for(lambda: subprocess.run(["pgrep", "-f", f"sleep 4; echo {marker}"],
                                        capture_output=True).returncode == 0, "the start of the step")
        second = self.farm.start_cli("build", "--json", self.context)
        number = json.loads(first.stdout)["build_id"]
        wait_for(lambda: self.farm.show()["id"] != number, "the second submission")
        self.assert_exit(self.farm.cli("cancel", number), 0)
        stdout, stderr = second.communicate(timeout=120)
        self.assertEqual(second.returncode, 0, stderr)
        self.assertEqual(self.farm.show(number)["status"], "cancelled")
        self.assertIn(step(json.loads(stdout), "RUN")["status"], ("shared", "executed"))

    def test_the_same_idempotency_key_is_the_same_build(self):
        self.dockerfile(f"FROM tiny\nRUN echo {time.monotonic_ns()}\n")
        key = f"key-{time.monotonic_ns()}"
        first = self.build_json("--idempotency-key", key)
        again = self.build_json("--idempotency-key", key)
        other = self.build_json("--idempotency-key", key + "-other")
        self.assertEqual(first["id"], again["id"])
        self.assertNotEqual(first["id"], other["id"])


class ReadingTest(FarmTestCase):
    """One build of which everything is read."""

    farm_options = {"workers": 2}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with tempfile.TemporaryDirectory(prefix="crossmill-context-", dir="/var/tmp") as folder:
            pathlib.Path(folder, "Dockerfile").write_text(
                "FROM tiny AS made\nRUN echo to stdout; echo to stderr >&2; echo done > /made\n"
                "FROM tiny\nCOPY --from=made /made /made\nRUN od -An -N16 -tx1 /dev/urandom > /random; echo random\n")
            result = cls.farm.build(folder, "--json", "--verify", "2", "--allow-same-host", "-t", "read:1")
        assert result.returncode == 0, result.stderr
        cls.built = json.loads(result.stdout)

    def read(self, *arguments):
        result = self.farm.cli(*arguments, "--json")
        self.assert_exit(result, 0)
        return json.loads(result.stdout)

    def assert_members(self, document, members):
        self.assertEqual(members - set(document), set(), "a documented member is missing")

    def test_show_is_what_build_printed_and_ls_has_its_row(self):
        show = self.read("show", self.built["id"])
        self.assertEqual(show, self.built)
        self.assert_members(show, SHOW)
        for cell in show["cells"]:
            self.assert_members(cell, CELL | {"target_stage", "stages"})
            self.assert_members(cell["comparison"], {"level", "same_host", "hosts", "executions", "image_digests",
                                                     "reason", "steps"})
            self.assertTrue(cell["comparison"]["same_host"])
        for stage in show["stages"]:
            self.assert_members(stage, STAGE)
            for each in stage["steps"]:
                self.assert_members(each, STEP)
                self.assert_members(each["range"], {"file", "first_line", "last_line"})
                for replica in each["replicas"]:
                    self.assert_members(replica, {"replica", "status", "worker", "layer_digest", "seconds"})
        for base in show["bases"]:
            self.assert_members(base, {"reference", "platform", "manifest_digest", "stand_in"})
        self.assertEqual((show["status"], show["verdict"]), ("succeeded", "unreproducible"))
        row = next(row for row in self.read("ls") if row["id"] == self.built["id"])
        self.assert_members(row, ROW)
        self.assertEqual(row["index_digest"], self.built["index_digest"])

    def test_diff(self):
        diff = self.read("diff", self.built["id"])
        self.assertEqual((diff["id"], diff["verdict"]), (self.built["id"], "unreproducible"))
        for cell in diff["cells"]:
            self.assert_members(cell, DIFF_CELL)
            for each in cell["steps"]:
                self.assert_members(each, DIFF_STEP)
        differing, = [each for cell in diff["cells"] for each in cell["steps"] if not each["agrees"]]
        self.assertEqual((differing["range"]["first_line"], differing["reaches_image"]), (5, True))
        self.assertEqual([d["path"] for d in differing["differences"]], ["random"])
        for witness in differing["witnesses"]:
            self.assert_members(witness, {"worker", "host_id", "host_name", "emulated", "layer_digest", "finished_at"})
        self.assertEqual(len({witness["worker"] for witness in differing["witnesses"]}), 2)

    def test_logs(self):
        logs = self.farm.cli("logs", self.built["id"])
        self.assert_exit(logs, 0)
        for text in ("to stdout", "to stderr", "random"):
            self.assertIn(text, logs.stdout)
        one = self.farm.cli("logs", self.built["id"], "--stage", "made", "--step", "2")
        self.assert_exit(one, 0)
        self.assertIn("to stderr", one.stdout)
        self.assertNotIn("random", one.stdout)
        self.assert_exit(self.farm.cli("logs", self.built["id"], "--stage", "nowhere"), 2)

    def test_watch_of_a_finished_build_prints_its_report(self):
        watched = self.farm.cli("watch", self.built["id"])
        self.assert_exit(watched, 0)
        self.assertIn(self.built["index_digest"], watched.stdout)
        self.assertIn("unreproducible", watched.stdout)

    def test_packages_workers_images_and_versions(self):
        self.assertEqual(self.read("packages", self.built["id"]), [])
        workers = self.read("worker", "ls")
        self.assertEqual([worker["name"] for worker in workers], ["w1", "w2"])
        for worker in workers:
            self.assert_members(worker, WORKER)
            self.assertTrue(worker["connected"])
            for platform in worker["platforms"]:
                self.assert_members(platform, {"platform", "emulated"})
        images = self.read("image", "ls")
        for image in images:
            self.assert_members(image, IMAGE)
        self.assertIn(self.built["index_digest"], [image["digest"] for image in images])
        version = self.read("version")
        self.assertEqual(version["client"]["version"], version["coordinator"]["version"])
        self.assertIsNone(version["coordinator"]["error"])

    def test_an_error_is_one_document(self):
        result = self.farm.cli("show", "4711", "--json")
        self.assert_exit(result, 2)
        error = json.loads(result.stdout)["error"]
        self.assertEqual(error["code"], "not_found")
        self.assertIn("4711", error["message"])

    def test_quiet_prints_the_digest_only(self):
        self.dockerfile("FROM tiny\nRUN true\n")
        result = self.farm.cli("build", "--progress", "quiet", self.context)
        self.assert_exit(result, 0)
        self.assertRegex(result.stdout, r"\Asha256:[0-9a-f]{64}\n\Z")


if __name__ == "__main__":
    main()
