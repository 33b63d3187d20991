#!/usr/bin/env python3
"""Submissions that ask too much of planning, against a real coordinator: each is refused with a sentence, the others'
builds go on, a cancelled one is over, and one that brings the coordinator down does so twice at most."""
import base64
import contextlib
import hashlib
import http.server
import json
import pathlib
import shutil
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import grpc_wire
from farm import HttpCase, main, wait_for


class Trickle(http.server.BaseHTTPRequestHandler):
    """Sends a byte now and then, or without end as fast as it can."""
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            while not self.server.stopping:
                if self.path == "/endless":
                    self.wfile.write(bytes(1 << 20))
                else:
                    self.wfile.write(b"x")
                    self.wfile.flush()
                    time.sleep(0.5)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Trickle)
    server.daemon_threads = True
    server.stopping = False
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.stopping = True
        server.shutdown()
        thread.join()
        server.server_close()


class PlanningTest(HttpCase):
    """Its limits are small, so that what is over them is small too."""
    farm_options = {"workers": 1, "coordinator_options": [
        *HttpCase.farm_options["coordinator_options"], "--limit", "download-bytes=3000000", "--limit", "context-entries=5000",
        "--limit", "planning-work=2000000000", "--limit", "stages=50"]}

    def refused(self, *texts, code=1):
        result = self.build()
        self.assert_exit(result, code)
        for text in texts:
            self.assertIn(text, result.stdout + result.stderr)
        self.assert_farm_goes_on()

    def store(self, blob):
        """The digest of a blob that is put into the store as a client would that does not scan a folder."""
        name = hashlib.sha256(blob).hexdigest()
        path = next(self.farm.data.rglob("blobs/??")).parent / name[:2] / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(blob)
        shutil.chown(path.parent, *self.owner())
        shutil.chown(path, *self.owner())
        return grpc_wire.bytes_field(1, name.encode()) + grpc_wire.varint_field(2, len(blob)), (name, len(blob))

    def owner(self):
        status = self.farm.data.stat()
        return status.st_uid, status.st_gid

    def folder_of(self, *folders):
        """A folder's message with folders by name."""
        return b"".join(grpc_wire.bytes_field(2, grpc_wire.bytes_field(1, name.encode()) + grpc_wire.bytes_field(2, digest))
                        for name, digest in folders)

    def submitted(self, dockerfile, root):
        """The end of a build of a context that is in the store."""
        name, size = root
        answer = self.json("/api/v1/builds", verb="POST", status=201, body=json.dumps({"submission": {
            "recipe": {"dockerfile": base64.b64encode(dockerfile.encode()).decode(), "dockerfileName": "Dockerfile",
                       "contextRoot": {"hash": name, "sizeBytes": size}},
            "options": {"platforms": [{"os": "linux", "architecture": "amd64"}]}}}), Content_Type="application/json")
        path = f"/api/v1/builds/{answer['buildId']}"

        def ended():
            status = self.json(path)["status"]
            return status not in ("BUILD_STATUS_PLANNING", "BUILD_STATUS_RUNNING", "BUILD_STATUS_QUEUED")
        wait_for(ended, "the end of the build", 60)
        view = self.json(path)
        self.assertEqual(view["status"], "BUILD_STATUS_FAILED", view)
        self.assert_farm_goes_on()
        return view["message"]

    def refused_however_it_is_walked(self, root, text):
        for source in ("--exclude=**/none .", ".", "**/none"):
            with self.subTest(source):
                self.assertIn(text, self.submitted(f"FROM scratch\nCOPY {source} /c\n", root))

    def test_5_000_folders_in_each_other(self):
        digest, root = self.store(b"")
        for _ in range(5000):
            digest, root = self.store(self.folder_of(("d", digest)))
        self.refused_however_it_is_walked(root, "path of more than 4095 bytes")

    def test_forty_folders_that_unfold_to_a_million_million(self):
        digest, root = self.store(b"")
        for _ in range(40):
            digest, root = self.store(self.folder_of(("a", digest), ("b", digest)))
        self.refused_however_it_is_walked(root, "unfolds to more than 5000 files and folders")

    def test_names_that_lead_out(self):
        leaf, _ = self.store(b"")
        _, root = self.store(self.folder_of(("..", leaf)))
        self.assertIn("name no folder can hold", self.submitted("FROM scratch\nCOPY . /c\n", root))

    def test_more_files_than_a_context_may_have(self):
        for i in range(5100):
            self.write(f"many/{i}", "")
        self.dockerfile("FROM scratch\nCOPY many /c\n")
        self.refused("unfolds to more than 5000 files and folders")

    def test_patterns_and_values_that_take_long(self):
        self.dockerfile("FROM scratch\nENV A=aaaaaaaaaaaaaaaa\n" + "ENV A=$A$A\n" * 15 +
                        "ENV B=" + "${A//a*a*a*a*a*a*a*a/}" * 2000 + "\n")
        self.refused("more work than a build may ask for", "Dockerfile:18")

    def test_more_stages_than_a_recipe_may_have(self):
        self.dockerfile("FROM scratch\n" * 51)
        self.refused("Dockerfile: 51 stages; this farm takes at most 50")

    def test_a_file_without_end(self):
        with serving() as url:
            self.dockerfile(f"FROM scratch\nADD {url}/endless /f\n")
            self.refused("/endless: the file is longer than 3000000 bytes")

    def test_a_cancelled_download_is_over_and_is_not_begun_again(self):
        with serving() as url:
            client, build = self.planning(url)
            self.farm.cli("cancel", str(build))
            client.wait(30)
            self.farm.kill_coordinator()
            self.farm.start_coordinator()
            self.assertEqual(self.farm.show(build)["status"], "cancelled")
            self.assert_farm_goes_on()

    def planning(self, url):
        """The client of a build whose planning does not end, and its number."""
        self.dockerfile(f"FROM scratch\nADD {url}/slow /f\n")
        client = self.farm.start_build(self.context)
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)

        def planned():
            return [build["id"] for build in self.json("/api/v1/builds")["builds"]
                    if build["status"] == "BUILD_STATUS_PLANNING"]
        wait_for(planned, "a build that is being planned")
        return client, planned()[0]

    def test_one_that_brings_the_coordinator_down_does_so_twice_at_most(self):
        with serving() as url:
            client, build = self.planning(url)
            for _ in range(2):
                wait_for(lambda: self.json(f"/api/v1/builds/{build}")["status"] == "BUILD_STATUS_PLANNING",
                         "its planning")
                time.sleep(0.5)
                self.farm.kill_coordinator()
                self.farm.start_coordinator()
            self.assertEqual(client.wait(60), 5)
            view = self.json(f"/api/v1/builds/{build}")
            self.assertIn("the coordinator ended 2 times while it planned this build", view["message"])
            self.assert_farm_goes_on()


if __name__ == "__main__":
    main()
