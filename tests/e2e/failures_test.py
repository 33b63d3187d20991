"""Killed processes and lying blobs: nothing is lost, nothing is left behind, nothing wrong is built."""
import hashlib
import io
import json
import os
import pathlib
import signal
import subprocess
import tarfile
import time

import grpc_wire
import tiny_base
from farm import FarmTestCase, main, step, steps, wait_for


def processes(marker):
    """Ids of the processes, of this test apart, whose arguments contain `marker`."""
    result = subprocess.run(["pgrep", "-f", "--", marker], capture_output=True, text=True)
    return {int(line) for line in result.stdout.split()}


def mounts_below(folder):
    """Mount points below `folder`, in the mount namespace of any process."""
    found = set()
    for file in pathlib.Path("/proc").glob("[0-9]*/mountinfo"):
        try:
            lines = file.read_text().splitlines()
        except OSError:
            continue
        found |= {(file.parent.name, line.split()[4]) for line in lines if f" {folder}/" in line or f"={folder}/" in line}
    return found


class KilledWorkerTest(FarmTestCase):
    farm_options = {"workers": 2, "slots": 1, "coordinator_options": ["--worker-timeout", "8"]}

    def busy_worker(self):
        workers = json.loads(self.farm.cli("worker", "ls", "--json").stdout)
        return next((worker["name"] for worker in workers if worker["slots_used"]), None)

    def kill_during_a_step(self, kill):
        marker = f"marker-{time.monotonic_ns()}"
        self.dockerfile(f"""
            FROM tiny
            RUN echo {marker} > /first; cat /proc/uptime >> /first
            RUN sh -c "sleep 6; echo done > /second" {marker}-sleeps
            """)
        client = self.farm.start_build(self.context)
        self.addCleanup(client.communicate)
        self.addCleanup(client.kill)
        wait_for(lambda: processes(f"{marker}-sleeps"), "the start of the step")
        victim = self.busy_worker()
        stages = self.farm.show()
        first = step(stages, "RUN echo")["layer_digest"]
        self.assertIsNotNone(first)
        running = processes(f"{marker}-sleeps")
        self.assertTrue(mounts_below(self.farm.folder / victim), "the step has no mount: the test looks wrongly")
        kill(victim)
        wait_for(lambda: not running & processes(f"{marker}-sleeps"), "the end of the step's processes", 10)
        wait_for(lambda: not mounts_below(self.farm.folder / victim), "the end of the step's mounts", 10)
        stdout, stderr = client.communicate(timeout=90)
        self.assertEqual(client.returncode, 0, stdout + stderr + self.farm.logs())
        build = self.farm.show()
        self.assertEqual(step(build, "RUN echo")["layer_digest"], first, "the finished step was run again")
        self.assertNotEqual(step(build, "RUN sh")["worker"], victim)
        self.assert_farm_goes_on()
        return victim

    def test_its_task_goes_to_the_other_and_nothing_is_left(self):
        victim = self.kill_during_a_step(self.farm.kill_worker)
        self.farm.start_worker(victim)
        self.farm.wait_for_workers(2)

    def test_a_kill_of_the_process_inside_the_namespace_leaves_nothing_either(self):
        def kill(name):
            outer = self.farm.workers.pop(name)
            inner = max(pid for pid in processes(f"--name {name} ")
                        if f"{self.farm.folder}/" in pathlib.Path(f"/proc/{pid}/cmdline").read_text())
            os.kill(inner, 9)
            outer.wait(timeout=15)
        victim = self.kill_during_a_step(kill)
        self.farm.start_worker(victim)
        self.farm.wait_for_workers(2)


class SilentWorkerTest(FarmTestCase):
    farm_options = {"workers": 1, "coordinator_options": ["--worker-timeout", "8"]}

    def test_a_worker_that_was_stopped_for_a_while_is_used_again(self):
        worker = processes(f"--data {self.farm.folder}/w1 ")
        self.assertGreater(len(worker), 1)
        for pid in worker:
            os.kill(pid, signal.SIGSTOP)
        try:
            wait_for(lambda: not json.loads(self.farm.cli("worker", "ls", "--json").stdout)[0]["connected"],
                     "the end of the silent worker's connection", 30)
        finally:
            for pid in worker:
                os.kill(pid, signal.SIGCONT)
        self.farm.wait_for_workers(1)
        self.assert_farm_goes_on()


class KilledCoordinatorTest(FarmTestCase):
    farm_options = {"workers": 1}

    def test_the_client_waits_and_no_finished_step_runs_again(self):
        marker = f"marker-{time.monotonic_ns()}"
        self.dockerfile(f"""
            FROM tiny
            RUN cat /proc/uptime > /stamp; echo {marker} >> /stamp; od -An -N16 -tx1 /dev/urandom >> /stamp
            RUN sleep 3; echo {marker} > /slept
            RUN test -s /stamp && cat /slept
            """)
        client = self.farm.start_build(self.context)
        self.addCleanup(client.communicate)
        self.addCleanup(client.kill)
        wait_for(lambda: processes(f"sleep 3; echo {marker} "), "the start of the second step")
        stamp = step(self.farm.show(), "RUN cat")["layer_digest"]
        self.assertIsNotNone(stamp)
        self.farm.kill_coordinator()
        time.sleep(1)
        self.assertIsNone(client.poll(), "the client gave up")
        self.farm.start_coordinator()
        stdout, stderr = client.communicate(timeout=90)
        self.assertEqual(client.returncode, 0, stdout + stderr + self.farm.logs())
        # The report came when all was built; the image is packed after it.
        wait_for(lambda: self.farm.show()["status"] == "succeeded", "the end of the build")
        build = self.farm.show()
        self.assertEqual(step(build, "RUN cat")["layer_digest"], stamp, "the finished step was run again")
        again = self.farm.build(self.context, "--json")
        self.assert_exit(again, 0)
        self.assertEqual([s["status"] for s in steps(json.loads(again.stdout))], ["cached"] * 3)
        self.assertEqual(step(json.loads(again.stdout), "RUN cat")["layer_digest"], stamp)
        self.assert_farm_goes_on()

    def test_a_kill_right_after_the_submission_loses_nothing(self):
        self.dockerfile(f"FROM tiny\nRUN echo {time.monotonic_ns()} && sleep 1\n")
        result = self.build("--detach", "--json")
        self.assert_exit(result, 0)
        number = json.loads(result.stdout)["build_id"]
        self.farm.kill_coordinator()
        self.farm.start_coordinator()
        watched = self.farm.cli("watch", number)
        self.assert_exit(watched, 0)
        self.assertEqual(self.farm.show(number)["status"], "succeeded")
        self.assert_farm_goes_on()


class LyingBlobTest(FarmTestCase):
    farm_options = {"workers": 1}

    def test_an_upload_with_a_wrong_digest_is_refused_and_not_kept(self):
        method = "/build.bazel.remote.execution.v2.ContentAddressableStorage/BatchUpdateBlobs"
        data = b"what it is\n"

        def update(digest):
            request = grpc_wire.bytes_field(1, digest) + grpc_wire.bytes_field(2, data)
            answer = grpc_wire.send(self.farm.port, grpc_wire.call(
                method, grpc_wire.bytes_field(2, request), self.farm.client_token))
            self.assertEqual(grpc_wire.status(answer), 0, answer)
            return grpc_wire.message(answer)

        def digest(content):
            return (grpc_wire.bytes_field(1, hashlib.sha256(content).hexdigest().encode())
                    + grpc_wire.varint_field(2, len(data)))

        lying = b"what it is not\n"
        self.assertIn(b"\x08\x03", update(digest(lying)), "INVALID_ARGUMENT was expected for the blob")
        self.assertEqual(self.stored(lying), [])
        self.assertNotIn(b"\x08\x03", update(digest(data)))
        self.assertEqual(len(self.stored(data)), 1)
        self.assert_farm_goes_on()

    def stored(self, content):
        return self.stored_digest(hashlib.sha256(content).hexdigest())

    def stored_digest(self, digest):
        return [path for path in self.farm.data.rglob(f"*{digest[4:]}*") if path.is_file()]

    def test_an_archive_with_a_changed_blob_is_refused(self):
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w") as tar:
            tar.addfile(tarfile.TarInfo("honest-file"))
        archive = self.context / "honest.tar"
        tiny_base.write_layout(archive, [(tiny_base.machine_architecture(), [content.getvalue()])])
        changed = self.write("changed.tar", archive.read_bytes().replace(b"honest-file", b"forged-file"))
        result = self.farm.cli("image", "import", changed, "changed")
        self.assertIn(result.returncode, (1, 2, 5), self.story(result))
        self.assertRegex(result.stderr, r"blobs/sha256/[0-9a-f]{64} is not what its name says: blob has digest")
        images = json.loads(self.farm.cli("image", "ls", "--json").stdout)
        self.assertNotIn("changed", json.dumps(images))
        self.assert_exit(self.farm.cli("image", "import", archive, "honest"), 0)
        self.assert_farm_goes_on()

    def test_a_layer_that_changed_in_the_store_is_never_used(self):
        marker = f"marker-{time.monotonic_ns()}"
        self.dockerfile(f"FROM tiny\nRUN echo {marker} > /made\n")
        layer = step(self.build_json(), "RUN")["layer_digest"].removeprefix("sha256:")
        files = self.stored_digest(layer)
        self.assertEqual(len(files), 1, files)
        content = files[0].read_bytes()
        self.assertIn(marker.encode(), content)
        os.chmod(files[0], 0o600)
        files[0].write_bytes(content.replace(b"marker-", b"forged-"))
        # A worker that never had the layer has to fetch it.
        self.farm.kill_worker("w1")
        self.farm.start_worker("fresh")
        wait_for(lambda: "fresh" in self.connected(), "the connection of the fresh worker", 60)
        self.dockerfile(f"FROM tiny\nRUN echo {marker} > /made\nRUN cat /made > /copy; cat /copy\n")
        result = self.build()
        said = result.stdout + result.stderr
        self.assertNotIn("forged-", said, self.story(result))
        if result.returncode == 0:
            self.assertRegex(said + self.farm.logs(), rf"(?i){layer}|digest|corrupt", self.story(result))
        else:
            self.assert_exit(result, 5)
            self.assert_says(result, layer)
        # From now on the layer is known to be missing: the next build makes it again.
        again = self.build()
        self.assert_exit(again, 0)
        self.assert_says(again, marker)
        self.assertNotIn("forged-", again.stdout + again.stderr)
        self.assert_farm_goes_on()

    def connected(self):
        workers = json.loads(self.farm.cli("worker", "ls", "--json").stdout)
        return [worker["name"] for worker in workers if worker["connected"]]


if __name__ == "__main__":
    main()
