#!/usr/bin/env python3
"""Clients that come and go: cancelled, killed, many at once; a coordinator that is killed; and what they see of the farm."""
import json
import os
import signal
import subprocess
import time

from buildx_farm import BuildxCase

from farm import main, wait_for


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

    def test_many_at_once(self):
        clients = []
        for number in range(10):
            folder = self.context / str(number)
            folder.mkdir()
            (folder / "Dockerfile").write_text(f"FROM tiny\nRUN echo many-{number} > /n\n")
            clients.append(self.start_buildx("build", "--progress", "plain", "-o", f"type=local,dest={folder}/out", folder))
        for number, client in enumerate(clients):
            _, errors = client.communicate(timeout=300)
            self.assertEqual(client.returncode, 0, errors[-3000:])
            self.assertEqual((self.context / str(number) / "out/n").read_text(), f"many-{number}\n")

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

    def test_prune(self):
        result = self.buildx("prune", "-f")
        self.assertEqual(result.returncode, 0, self.story(result))
        self.assertIn("Total", result.stdout)

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


if __name__ == "__main__":
    main()
