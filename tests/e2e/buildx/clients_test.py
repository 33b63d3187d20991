#!/usr/bin/env python3
"""Clients that come and go: cancelled, killed, many at once; a coordinator that is killed; and what they see of the farm."""
import json
import os
import pathlib
import re
import signal
import subprocess
import tarfile
import time

from buildx_farm import BuildxCase

from farm import main, wait_for


AT_ONCE = 50


class ClientsTest(BuildxCase):
    def sleeping(self, mark):
        """A build whose step waits until it is ended, once that runs: client and number."""
        self.dockerfile(f"FROM tiny\nRUN echo {mark} && sleep 600\n")
        client = self.start_buildx("build", "--progress", "plain", self.context)
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)
        def running():
            builds = json.loads(self.farm.cli("ls", "--json").stdout)
            return bool(builds) and builds[0]["status"] == "running" and bool(self.processes())
        wait_for(running, "the step's start")
        return client, json.loads(self.farm.cli("ls", "--json").stdout)[0]["id"]

    def processes(self):
        return subprocess.run(["pgrep", "-f", "^sleep 600$"], capture_output=True, text=True).stdout.split()

    def wait_for_status(self, number, status):
        wait_for(lambda: self.farm.show(number)["status"] == status, f"build {number} being {status}")

    def open_files(self):
        return len(os.listdir(f"/proc/{self.farm.coordinator.pid}/fd"))

    def test_an_interrupt_cancels_the_build(self):
        client, number = self.sleeping("interrupted")
        client.send_signal(signal.SIGINT)
        _, errors = client.communicate(timeout=60)
        self.assertEqual(client.returncode, 130, errors)
        self.assertIn("CANCELED", errors)
        self.wait_for_status(number, "cancelled")

    def test_a_killed_client_leaves_nothing(self):
        self.dockerfile("FROM tiny\nRUN true\n")
        self.bx()
        before = self.open_files()
        client, number = self.sleeping("killed")
        client.kill()
        client.communicate(timeout=60)
        self.wait_for_status(number, "cancelled")
        wait_for(lambda: not self.processes(), "the end of the step's processes")
        wait_for(lambda: self.open_files() <= before + 4, "closed descriptors")

    def test_a_build_that_others_cancel_ends_at_the_client(self):
        client, number = self.sleeping("cancelled by somebody")
        self.assert_exit(self.farm.cli("cancel", number), 0)
        _, errors = client.communicate(timeout=60)
        self.assertNotEqual(client.returncode, 0)
        self.assertIn("was cancelled", errors)

    def test_a_killed_coordinator_is_reported_and_the_next_call_is_cached(self):
        self.write("seed", str(time.monotonic_ns()))
        self.dockerfile("FROM tiny\nCOPY seed /\nRUN echo once more > /x\nRUN test -e /never || sleep 600\n")
        client = self.start_buildx("build", "--progress", "plain", self.context)
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)
        wait_for(lambda: self.processes(), "the last step's start")
        self.farm.kill_coordinator()
        _, errors = client.communicate(timeout=60)
        self.assertNotEqual(client.returncode, 0, errors)
        self.farm.start_coordinator()
        self.farm.wait_for_workers(1)
        builds = json.loads(self.farm.cli("ls", "--json").stdout)
        self.farm.cli("cancel", builds[0]["id"])
        self.dockerfile("FROM tiny\nCOPY seed /\nRUN echo once more > /x\n")
        again = self.bx()
        self.assertRegex(again.stderr, r"(?m)^#\d+ \[3/3\] RUN echo once more > /x\n#\d+ CACHED")

    def resident(self):
        """Of the coordinator's process, in bytes."""
        status = pathlib.Path(f"/proc/{self.farm.coordinator.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) << 10

    def threads(self):
        return len(os.listdir(f"/proc/{self.farm.coordinator.pid}/task"))

    def build_many(self, count):
        """So many clients with a build each, at the same time: two of three have only what is cached by then."""
        clients = []
        for number in range(count):
            folder = self.context / str(number)
            folder.mkdir(exist_ok=True)
            (folder / "Dockerfile").write_text(f"FROM tiny\nRUN echo many-{number % (count // 3)} > /n\n")
            clients.append(self.start_buildx("build", "--progress", "plain", "-o", f"type=local,dest={folder}/out", folder))
        # All of them are ended, whatever became of one.
        for client in clients:
            self.addCleanup(client.wait)
            self.addCleanup(client.kill)
        for number, client in enumerate(clients):
            _, errors = client.communicate(timeout=900)
            self.assertEqual(client.returncode, 0, errors[-3000:])
            self.assertEqual((self.context / str(number) / "out/n").read_text(), f"many-{number % (count // 3)}\n")

    def test_fifty_at_once_leave_nothing(self):
        # What is made once for all of them: caches, arenas, threads that gRPC keeps.
        self.build_many(AT_ONCE)
        memory, files, threads = self.resident(), self.open_files(), self.threads()
        before = {each["id"] for each in json.loads(self.farm.cli("ls", "--json").stdout)}
        self.build_many(AT_ONCE)
        builds = [each for each in json.loads(self.farm.cli("ls", "--limit", str(2 * AT_ONCE), "--json").stdout) if each["id"] not in before]
        self.assertEqual({each["status"] for each in builds}, {"succeeded"})
        wait_for(lambda: self.open_files() <= files + 8 and self.threads() <= threads + 20, "the end of connections' threads and descriptors")
        self.assertFalse(self.processes())
        # The same again: half a megabyte for each client that came and went would be a leak.
        self.assertLess(self.resident() - memory, AT_ONCE * (1 << 19))

    def test_a_detached_build_goes_on_without_its_client(self):
        self.dockerfile(f"FROM tiny\nRUN echo {time.monotonic_ns()} > /n && sleep 15\nRUN echo the end > /end\n")
        client = self.start_buildx("build", "--progress", "plain", "--build-arg", "CROSSMILL_DETACH=1", self.context)
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)
        running = lambda: subprocess.run(["pgrep", "-f", "^sleep 15$"], capture_output=True, text=True).stdout.split()
        wait_for(running, "the step's start")
        number = json.loads(self.farm.cli("ls", "--json").stdout)[0]["id"]
        client.kill()
        client.communicate(timeout=60)
        self.wait_for_status(number, "succeeded")
        # And the next client finds what it made.
        again = self.bx("--build-arg", "CROSSMILL_DETACH=1")
        self.assertRegex(again.stderr, r"(?m)^#\d+ \[3/3\] RUN echo the end > /end\n#\d+ CACHED")

    # ---- the farm as clients look at it ----

    def test_the_builder_is_listed_with_its_workers(self):
        result = self.buildx("inspect", "farm")
        self.assertEqual(result.returncode, 0, self.story(result))
        self.assertIn("running", result.stdout)
        self.assertIn("linux/", result.stdout)
        self.assertRegex(result.stdout, r"BuildKit version: +v0\.")

    def test_use_of_the_disk(self):
        result = self.buildx("du")
        self.assertEqual(result.returncode, 0, self.story(result))
        self.assertIn("Total", result.stdout)
        verbose = self.buildx("du", "--verbose")
        self.assertEqual(verbose.returncode, 0, self.story(verbose))
        self.assertIn("Description:", verbose.stdout)

    def test_use_of_the_disk_is_filtered(self):
        for words, found in ((["type=regular"], True), (["type=exec.cachemount"], False), (["id=^nothing-is-called-so"], False)):
            result = self.buildx("du", "--format", "json", *[word for text in words for word in ("--filter", text)])
            self.assertEqual(result.returncode, 0, self.story(result))
            self.assertEqual(bool(result.stdout.strip()), found, (words, result.stdout))
        # An age (until=24h) buildx keeps to itself here.
        refused = self.buildx("du", "--filter", "size=1")
        self.assertNotEqual(refused.returncode, 0, self.story(refused))
        self.assert_says(refused, "size")

    def test_prune(self):
        result = self.buildx("prune", "-f")
        self.assertEqual(result.returncode, 0, self.story(result))
        self.assertIn("Total", result.stdout)

    def test_prune_leaves_what_sizes_and_ages_say(self):
        # More than there is: nothing has to go.
        for words in (["--max-used-space", "1tb"], ["--reserved-space", "1tb"], ["--keep-storage", "1tb"], ["--min-free-space", "1mb"],
                      ["--filter", "until=9000h"]):
            result = self.buildx("prune", "-f", *words)
            self.assertEqual(result.returncode, 0, self.story(result))
            self.assertRegex(result.stdout, r"Total:\s+0B", words)
        refused = self.buildx("prune", "-f", "--filter", "type=exec.cachemount")
        self.assertNotEqual(refused.returncode, 0)
        self.assert_says(refused, "type==exec.cachemount", "until=24h")

    # ---- builds of before ----

    def history(self, *words):
        result = self.buildx("history", *words)
        self.assertEqual(result.returncode, 0, self.story(result))
        return result.stdout

    def latest(self):
        rows = [json.loads(line) for line in self.history("ls", "--format", "json").splitlines()]
        return max(rows, key=lambda row: row["created_at"])["ref"].split("/")[-1]

    def test_history_lists_and_replays(self):
        self.dockerfile("FROM tiny\nRUN echo heard again\n")
        self.bx("--no-cache", "--build-arg", "TOKEN=hunter2")
        reference = self.latest()
        self.assertIn("heard again", self.history("logs", "--progress", "plain", reference) + self.buildx(
            "history", "logs", "--progress", "plain", reference).stderr)
        inspected = self.history("inspect", reference)
        self.assertIn("Build Steps:\t2/2", inspected)
        self.assertNotIn("hunter2", inspected)

    def test_history_has_traces(self):
        self.dockerfile("FROM tiny\nRUN echo traced > /t\n")
        self.bx("--no-cache")
        reference = self.latest()
        traced = json.loads(self.history("trace", reference))["data"]
        names = [span["operationName"] for trace in traced for span in trace["spans"]]
        self.assertTrue([name for name in names if "RUN" in name], names)
        self.assertEqual(len({trace["traceID"] for trace in traced}), 1)
        # The same once more, and after a restart: it is made of the record.
        self.assertEqual(json.loads(self.history("trace", reference))["data"], traced)
        self.farm.kill_coordinator()
        self.farm.start_coordinator()
        self.farm.wait_for_workers(1)
        self.assertEqual(json.loads(self.history("trace", reference))["data"], traced)
        bundle = self.context / "out.dockerbuild"
        self.history("export", "--finalize", "-o", bundle, reference)
        with tarfile.open(bundle) as archive:
            kinds = [layer["mediaType"] for layer in self.manifest_of(archive)["layers"]]
        self.assertIn("application/vnd.buildkit.otlp.json.v0", kinds)

    def manifest_of(self, archive):
        index = json.load(archive.extractfile("index.json"))
        return json.load(archive.extractfile("blobs/" + index["manifests"][0]["digest"].replace(":", "/")))

    def test_history_is_filtered(self):
        self.dockerfile("FROM tiny\nRUN echo filtered\n")
        self.bx()
        well = self.latest()
        self.dockerfile("FROM tiny\nRUN exit 5\n")
        self.bx(code=1)
        badly = self.latest()
        def found(*filters):
            words = [word for each in filters for word in ("--filter", each)]
            return {json.loads(line)["ref"].split("/")[-1] for line in self.history("ls", "--format", "json", *words).splitlines()}
        self.assertIn(well, found("status=completed"))
        self.assertNotIn(badly, found("status=completed"))
        self.assertIn(badly, found("status=error"))
        self.assertEqual(found(f"ref={well}"), {well})
        self.assertEqual(found("status=error", "duration>1h"), set())
        self.assertEqual(found("startedAt>1h") & {well, badly}, {well, badly})

    def test_history_has_attachments(self):
        self.dockerfile("FROM tiny\nARG TOKEN\nRUN echo attached\n")
        self.bx("--build-arg", "TOKEN=hunter3", "-t", "attached:1", "-o", "type=image")
        reference = self.latest()
        provenance = json.loads(self.history("inspect", "attachment", "--type", "provenance", reference))
        self.assertIn("buildDefinition", provenance)
        self.assertNotIn("hunter3", json.dumps(provenance))
        manifest = json.loads(self.history("inspect", "attachment", "--type", "manifest", reference))
        self.assertEqual(manifest["schemaVersion"], 2)
        config = json.loads(self.history("inspect", "attachment", reference, manifest["config"]["digest"]))
        self.assertEqual(config["os"], "linux")
        # Layers and what no listed build has are nobody's to read here.
        for digest in (manifest["layers"][-1]["digest"], "sha256:" + "0" * 64):
            refused = self.buildx("history", "inspect", "attachment", reference, digest)
            self.assertNotEqual(refused.returncode, 0)
            self.assert_says(refused, "not found")
        self.assert_says(self.buildx("history", "inspect", reference), "slsa.dev/provenance")

    def test_history_survives_a_restart_and_forgets_what_is_removed(self):
        self.dockerfile("FROM tiny\nRUN echo kept\n")
        self.bx()
        reference = self.latest()
        self.farm.kill_coordinator()
        self.farm.start_coordinator()
        self.farm.wait_for_workers(1)
        self.assertEqual(self.latest(), reference)
        self.history("rm", reference)
        self.assertNotIn(reference, self.history("ls", "--format", "json"))

    def test_a_build_that_failed_is_in_the_history(self):
        self.dockerfile("FROM tiny\nRUN exit 4\n")
        self.bx(code=1)
        rows = [json.loads(line) for line in self.history("ls", "--format", "json").splitlines()]
        self.assertIn("Error", [row["status"] for row in rows])


class LimitsTest(BuildxCase):
    """A door whose limits are settings."""

    farm_options = {"workers": 1, "coordinator_options": ["--limit", "buildkit-client-builds=1", "--limit", "buildkit-folder-entries=5"]}

    def test_one_build_at_a_time(self):
        self.dockerfile("FROM tiny\nRUN echo alone && sleep 600\n")
        client = self.start_buildx("build", "--progress", "plain", self.context)
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)
        wait_for(lambda: any(each["status"] == "running" for each in json.loads(self.farm.cli("ls", "--json").stdout)), "the build's start")
        refused = self.buildx("build", "--progress", "plain", self.context)
        self.assertNotEqual(refused.returncode, 0)
        self.assert_says(refused, "of at most 256 and 1", "buildkit-client-builds")
        client.send_signal(signal.SIGINT)
        client.communicate(timeout=60)
        self.dockerfile("FROM tiny\nRUN true\n")
        self.bx()

    def test_a_folder_of_few_files(self):
        for number in range(3):
            self.write(f"f{number}", "x")
        self.dockerfile("FROM tiny\nCOPY . /c\n")
        self.bx()
        for number in range(6):
            self.write(f"f{number}", "x")
        refused = self.buildx("build", "--progress", "plain", self.context)
        self.assertNotEqual(refused.returncode, 0)
        self.assert_says(refused, "more than 5 entries")


if __name__ == "__main__":
    main()
