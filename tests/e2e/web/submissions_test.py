#!/usr/bin/env python3
"""Builds whose files come by HTTP with a real farm: archives and git repositories give the very build that the command
line gives for them, what strangers send is refused with its reason, and secrets are nowhere."""
import base64
import contextlib
import gzip
import io
import json
import os
import pathlib
import socket
import subprocess
import sys
import tarfile
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import farm
from contexts_test import Handler, git, serving
from farm import HTTP_PORT, HttpCase

OWN = f"linux/{farm.tiny_base.machine_architecture()}"
RECIPE = """FROM tiny
COPY . /c
RUN test -e /c/kept && test ! -e /c/hidden && test -u /c/tool && test ! -e /c/deep/hidden.o
"""


def tar_of(*members):
    """A tar of TarInfo objects and contents."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, content in members:
            if not isinstance(info, tarfile.TarInfo):
                info = tarfile.TarInfo(info)
            if info.isreg():
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def member(name, kind, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info, b""


def without_owner(submission):
    """Whoever sent it: the socket has none, a token has its name."""
    return {name: value for name, value in submission.items() if name not in ("owner", "ownerOperates")}


def without_origin(submission):
    """What two submissions of the same files share."""
    recipe = {name: value for name, value in submission["recipe"].items() if name != "contextOrigin"}
    return {**without_owner(submission), "recipe": recipe}


class FilesCase(HttpCase):
    def post(self, body, query="", status=201, kind="application/x-tar", **fields):
        got, headers, answer = self.request("POST", f"/api/v1/submissions?{query}", body,
                                            **{"Content_Type": kind, **fields})
        self.assertEqual(got, status, answer)
        document = json.loads(answer)
        if status in (201, 202):
            self.assertTrue(headers["Location"].startswith("/api/v1/"), headers["Location"])
        else:
            self.assertEqual(headers["Content-Type"], "application/problem+json")
        return document

    def multipart(self, *parts):
        """Body and type of parts (name, bytes)."""
        boundary = "-----crossmill-boundary"
        body = b"".join(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="x;y"\r\n'
                        f"Content-Type: text/plain\r\n\r\n".encode() + content + b"\r\n" for name, content in parts)
        return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"

    def wait(self, build):
        self.assertEqual(self.events(f"/api/v1/builds/{build}/events")[-1][1], "end")
        return self.json(f"/api/v1/builds/{build}")

    def submission(self, build):
        return self.json(f"/api/v1/builds/{build}/submission")

    def fetched(self, submission):
        """The state of a submission when it has ended."""
        while submission["state"] in ("SUBMISSION_STATE_WAITING", "SUBMISSION_STATE_FETCHING"):
            submission = self.json(f"/api/v1/submissions/{submission['id']}?wait=20")
        return submission

    def keys(self, build):
        return [step["key"] for stage in build["stages"] for step in stage["steps"]]

    def assert_same_build(self, first, second):
        """The second one is the first one again: the same submission, all of it from the cache, the same image."""
        self.assertEqual(without_origin(self.submission(first)), without_origin(self.submission(second)))
        views = [self.wait(first), self.wait(second)]
        self.assertEqual([view["status"] for view in views], ["BUILD_STATUS_SUCCEEDED"] * 2)
        self.assertEqual(*map(self.keys, views))
        self.assertEqual(views[0]["indexDigest"], views[1]["indexDigest"])
        self.assertNotEqual(views[0]["indexDigest"], "")
        executed = [step for stage in views[1]["stages"] for step in stage["steps"]
                    if step["status"] == "STEP_STATUS_EXECUTED"]
        self.assertEqual(executed, [])


class Archives(FilesCase):
    def folder(self):
        """A folder with everything that counts, and much that does not."""
        folder = self.context / "app"
        for name in ("deep/er", "empty", "closed", "n" * 120, "hidden-folder"):
            (folder / name).mkdir(parents=True)
        for name, content in {"Dockerfile": RECIPE, ".dockerignore": "hidden*\n**/*.o\n!hidden-folder/but-this\n",
                              "kept": "k", "hidden": "h", "tool": "#!/bin/sh\n", "deep/hidden.o": "o", "deep/er/file": "x" * 300_000,
                              "closed/secret": "s", "n" * 120 + "/" + "m" * 120: "long", "grün": "name",
                              "hidden-folder/not": "n", "hidden-folder/but-this": "b", "empty-file": ""}.items():
            (folder / name).write_text(content)
        (folder / "tool").chmod(0o4755)
        (folder / "closed/secret").chmod(0o600)
        (folder / "closed").chmod(0o700)
        (folder / "same-as-kept").hardlink_to(folder / "kept")
        (folder / "out").symlink_to("/etc/passwd")
        (folder / "up").symlink_to("../../../../etc/passwd")
        (folder / "dangling").symlink_to("nowhere")
        os.mkfifo(folder / "pipe")
        folder.chmod(0o2750)
        os.utime(folder, (1_600_000_000.5, 1_600_000_000.5))
        return folder

    def packed(self, folder, *options):
        farm.require_program("tar", "gzip", "zstd")
        return subprocess.run(["tar", "-C", folder, *options, "-cf", "-", "."], check=True, capture_output=True).stdout

    def test_an_archive_is_the_build_of_the_folder(self):
        folder = self.folder()
        built = self.farm.build(folder, "--network", "none", "--platform", OWN, "-t", "example/app", "--build-arg", "A=b c")
        self.assert_exit(built, 0)
        first = self.farm.show()["id"]
        query = f"platforms={OWN}&tags=example/app&build_args=A%3Db%20c"
        request = {"options": {"network": "NETWORK_MODE_NONE"}}
        for form, kind, options in [("gnu", "application/x-tar", ()), ("posix", "application/gzip", ("-z",)),
                                    ("posix", "application/zstd", ("--zstd",)), ("gnu", "application/x-tar", ("-z",))]:
            with self.subTest(form=form, options=options):
                body, multipart = self.multipart(("request", json.dumps(request).encode()),
                                                 ("context", self.packed(folder, f"--format={form}", *options)))
                answer = self.post(body, query, kind=multipart)
                self.assertEqual(answer["state"], "SUBMISSION_STATE_SUBMITTED")
                self.assertEqual(answer["notes"], ["pipe is a fifo and is left out of the context"])
                self.assert_same_build(first, answer["buildId"])
        # As the whole body.
        built = self.farm.build(folder, "--platform", OWN, "--target", "0")
        self.assert_exit(built, 0)
        first = self.farm.show()["id"]
        for kind, options in [("application/x-tar", ()), ("application/octet-stream", ("-z",)), ("", ("--zstd",))]:
            with self.subTest(kind=kind, options=options):
                answer = self.post(self.packed(folder, *options), f"platforms={OWN}&target=0", kind=kind)
                self.assert_same_build(first, answer["buildId"])

    def test_where_a_context_came_from_is_its_name(self):
        """Places with colons and @ are names of their own, for states, changes and filters."""
        tar = tar_of(("Dockerfile", b"FROM tiny\n"))
        places = ["git@host:team/app.git", "git@host:team/other.git", "https://host/mono.git#:api", "https://host/mono.git#:web", "place:1.0"]
        builds = {}
        for place in places:
            builds[place] = self.post(tar, f"platforms={OWN}&origin={urllib.parse.quote(place)}")["buildId"]
            self.wait(builds[place])
        for place, build in builds.items():
            with self.subTest(place):
                name = urllib.parse.quote(place, safe="")
                states = self.json(f"/api/v1/states?name={name}")["states"]
                self.assertEqual([(state["name"], state["statusBuild"]) for state in states], [(place, build)])
                changes = self.json(f"/api/v1/changes?name={name}")["changes"]
                self.assertEqual([change["buildId"] for change in changes], [build])
                quoted = urllib.parse.quote(f'name:"{place}"', safe="")
                self.assertEqual([listed["id"] for listed in self.json(f"/api/v1/builds?filter={quoted}")["builds"]], [build])
        self.assertEqual(self.json("/api/v1/states?name=git")["states"], [])

    def test_times_are_kept_where_they_count(self):
        folder = self.folder()
        self.assert_exit(self.farm.build(folder, "--network", "none", "--platform", OWN, "--source-date-epoch=none"), 0)
        first = self.farm.show()["id"]
        body, kind = self.multipart(
            ("context", self.packed(folder, "--format=posix")), ("platforms", OWN.encode()),
            ("request", json.dumps({"options": {"network": "NETWORK_MODE_NONE", "keepTimes": True}}).encode()))
        self.assert_same_build(first, self.post(body, kind=kind)["buildId"])

    def test_another_dockerfile_has_its_own_ignore_file(self):
        folder = self.folder()
        folder.chmod(0o755)
        (folder / "deep/other").write_text("FROM tiny\nCOPY . /c\nRUN test -e /c/hidden && test ! -e /c/kept\n")
        (folder / "deep/other.dockerignore").write_text("kept\nsame-as-kept\n")
        built = self.farm.build(folder, "--network", "none", "--platform", OWN, "-f", folder / "deep/other")
        self.assert_exit(built, 0)
        first = self.farm.show()["id"]
        body, kind = self.multipart(("context", self.packed(folder)), ("platforms", OWN.encode()), ("file", b"deep/other"),
                                    ("request", json.dumps({"options": {"network": "NETWORK_MODE_NONE"}}).encode()))
        second = self.post(body, kind=kind)["buildId"]
        self.assert_same_build(first, second)
        self.assertEqual(self.submission(second)["recipe"]["ignoreFileName"], "deep/other.dockerignore")

    def test_what_no_folder_is(self):
        recipe = ("Dockerfile", b"FROM tiny\nCOPY . /c\n")
        for members, words in [
            ([recipe, ("../out", b"x")], ["'../out'", "'..'"]),
            ([recipe, ("a/../../out", b"x")], ["a/../../out"]),
            ([recipe, ("/etc/cron.d/x", b"x")], ["/etc/cron.d/x", "absolute"]),
            ([recipe, member("link", tarfile.LNKTYPE, "/etc/passwd")], ["link", "/etc/passwd", "absolute"]),
            ([recipe, member("link", tarfile.LNKTYPE, "../../etc/passwd")], ["link", "../../etc/passwd"]),
            ([recipe, member("link", tarfile.LNKTYPE, "etc/passwd")], ["link", "etc/passwd", "not before it"]),
            ([recipe, member("etc", tarfile.SYMTYPE, "/etc"), ("etc/crossmill-planted", b"x")], ["etc/crossmill-planted", "not a folder"]),
            ([recipe, member("etc", tarfile.SYMTYPE, "/etc"), member("x", tarfile.LNKTYPE, "etc/passwd")], ["not a folder"]),
            ([recipe, member("dev/null", tarfile.CHRTYPE)], ["dev/null", "character device"]),
            ([recipe, member("sda", tarfile.BLKTYPE)], ["sda", "block device"]),
            ([member("Dockerfile", tarfile.SYMTYPE, "/etc/passwd")], ["Dockerfile leads out of the context"]),
            ([recipe, member(".dockerignore", tarfile.SYMTYPE, "/etc/passwd")], [".dockerignore leads out of the context"]),
            ([recipe, (".dockerignore", b"ok\n[\n")], [".dockerignore:2"]),
        ]:
            with self.subTest(words):
                problem = self.post(tar_of(*members), f"platforms={OWN}", status=400)
                for word in words:
                    self.assertIn(word, problem["detail"])
        self.assertFalse(os.path.exists("/etc/crossmill-planted"))
        for body, words, status in [(b"", "neither", 400), (b"no tar at all" * 100, "", 400), (tar_of(recipe)[:600], "", 400),
                                    (gzip.compress(tar_of(recipe))[:-20], "", 400), (tar_of(("x", b"")), "no Dockerfile", 404)]:
            with self.subTest(body[:20]):
                self.assertIn(words, self.post(body, f"platforms={OWN}", status=status)["detail"])
        refused = self.post(tar_of(recipe), "", status=400)
        self.assertIn("platforms", refused["detail"])
        self.assertIn("'nonsense'", self.post(tar_of(recipe), "nonsense=1", status=400)["detail"])
        self.assertIn("Dockerfile:1", self.post(tar_of(("Dockerfile", b"FORM x\n")), f"platforms={OWN}", status=400)["detail"])
        self.assertIn("leads out", self.post(tar_of(recipe), f"platforms={OWN}&file=../../record.db", status=400)["detail"])
        self.assertIn("build_args: HOME", self.post(tar_of(recipe), f"platforms={OWN}&build_args=HOME", status=400)["detail"])
        self.assertIn("text/html", self.post(tar_of(recipe), "", kind="text/html", status=415)["detail"])
        self.post(tar_of(recipe), f"platforms={OWN}", status=401, token=False)
        self.assert_nothing_left()

    def test_what_no_form_is(self):
        tar = tar_of(("Dockerfile", b"FROM tiny\n"))
        good, kind = self.multipart(("platforms", OWN.encode()), ("context", tar))
        for body, given, words in [
            (good, "multipart/form-data", "boundary"), (good[:-30], kind, "no end"), (b"", kind, "no end"),
            (good.replace(b'name="platforms"', b'nam="x"'), kind, "has no name"),
            (self.multipart(("context", tar), ("context", tar))[0], kind, "two parts named context"),
            (self.multipart(("context", tar), ("request", b"{"))[0], kind, "the body"),
            (self.multipart(("context", tar), ("tags", b"\xff"))[0], kind, "UTF-8"),
            (self.multipart(("nobody", b"x" * (3 << 20)), ("context", tar))[0], kind, "no part named nobody"),
            (good + b"x" * 200_000, kind, "follow the last part"),
            (self.multipart(("context", tar + tar), ("platforms", OWN.encode()), ("git", b"https://git.example/x.git"))[0], kind, "one of them"),
        ]:
            with self.subTest(words):
                self.assertIn(words, self.post(body, kind=given, status=400)["detail"])
        # All parts but the context count together.
        large = [(f"secret:{name}", name.encode() * (900 << 10)) for name in "abc"]
        self.assertIn("2097152 bytes, with part secret:c", self.post(self.multipart(*large)[0], kind=kind, status=413)["detail"])
        # A boundary that comes in pieces, with the parts in any order.
        for order in (1, -1):
            parts = [("platforms", OWN.encode()), ("context", tar), ("tags", b"example/form")][::order]
            body, kind = self.multipart(*parts)
            connection = socket.create_connection(("127.0.0.1", HTTP_PORT), timeout=60)
            with connection:
                connection.sendall(f"POST /api/v1/submissions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
                                   f"Authorization: Bearer {self.farm.client_token}\r\nConnection: close\r\n\r\n".encode())
                for at in range(0, len(body), 997):
                    connection.sendall(body[at:at + 997])
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
            self.assertIn(b"201 Created", answer)

    def test_a_body_in_chunks_of_every_size(self):
        tar = tar_of(("Dockerfile", b"FROM tiny\n"), ("file", os.urandom(70_000)))
        body, kind = self.multipart(("platforms", OWN.encode()), ("context", tar))
        for size, together in [(len(body), True), (4096, True), (65_536, False), (1000, False)]:
            chunks = [body[at:at + size] for at in range(0, len(body), size)]
            framed = [b"%x\r\n" % len(chunk) + chunk + b"\r\n" for chunk in chunks] + [b"0\r\n\r\n"]
            head = (f"POST /api/v1/submissions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n"
                    f"Authorization: Bearer {self.farm.client_token}\r\nConnection: close\r\n\r\n").encode()
            with socket.create_connection(("127.0.0.1", HTTP_PORT), timeout=30) as connection:
                for piece in [head + b"".join(framed)] if together else [head, *framed]:
                    connection.sendall(piece)
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
            self.assertIn(b"201 Created", answer, (size, together))

    def test_the_same_key_is_the_same_build(self):
        first = tar_of(("Dockerfile", b"FROM tiny\nRUN echo key\n"))
        answer = self.post(first, f"platforms={OWN}", Idempotency_Key="upload-1")
        again = self.post(gzip.compress(first), f"platforms={OWN}", Idempotency_Key="upload-1")
        self.assertEqual((answer["existing"], again["existing"]), (False, True))
        self.assertEqual(answer["buildId"], again["buildId"])
        other = tar_of(("Dockerfile", b"FROM tiny\nRUN echo other\n"))
        self.assertIn("upload-1", self.post(other, f"platforms={OWN}", status=409, Idempotency_Key="upload-1")["detail"])
        self.wait(answer["buildId"])

    def test_a_client_that_goes_away_leaves_nothing(self):
        tar = tar_of(("Dockerfile", b"FROM tiny\n"), ("big", os.urandom(3 << 20)))
        with socket.create_connection(("127.0.0.1", HTTP_PORT), timeout=60) as connection:
            connection.sendall(f"POST /api/v1/submissions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(tar)}\r\n"
                               f"Authorization: Bearer {self.farm.client_token}\r\n\r\n".encode() + tar[:2 << 20])
            farm.wait_for(lambda: any((self.farm.data / "submissions").glob("*/context/big")), "the file that is sent")
        self.assert_nothing_left()
        self.assert_farm_goes_on()

    def test_a_coordinator_that_is_killed_leaves_nothing(self):
        tar = tar_of(("Dockerfile", b"FROM tiny\nRUN echo killed\n"), ("big", os.urandom(3 << 20)))
        folder = self.farm.data / "submissions"
        with socket.create_connection(("127.0.0.1", HTTP_PORT), timeout=60) as connection:
            connection.sendall(f"POST /api/v1/submissions?platforms={OWN} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(tar)}\r\n"
                               f"Authorization: Bearer {self.farm.client_token}\r\n\r\n".encode() + tar[:2 << 20])
            farm.wait_for(lambda: any(folder.glob("*/context/big")), "the file that is sent")
            self.farm.kill_coordinator()
        self.assertTrue(any(folder.glob("*/context/big")))
        self.farm.start_coordinator()
        self.assertEqual(list(folder.glob("*")), [])
        self.farm.wait_for_workers(1)
        self.assertEqual(self.wait(self.post(tar, f"platforms={OWN}")["buildId"])["status"], "BUILD_STATUS_SUCCEEDED")

    def assert_nothing_left(self):
        farm.wait_for(lambda: not list((self.farm.data / "submissions").glob("*")), "the end of the folders", 20)


class Limits(FilesCase):
    farm_options = {"workers": 1, "coordinator_options": ["--http", f"127.0.0.1:{HTTP_PORT}", "--context-limit", "1m"]}

    def test_a_bomb_is_refused(self):
        for name, data in {"bomb": gzip.compress(tar_of(("Dockerfile", b"FROM tiny\n"), ("bomb", b"\0" * (64 << 20)))),
                           "longer": tar_of(("Dockerfile", b"FROM tiny\n"), ("longer", b"x" * (2 << 20)))}.items():
            problem = self.post(data, f"platforms={OWN}", status=413)
            self.assertEqual(problem["code"], "RESOURCE_EXHAUSTED")
            self.assertIn("1048576 bytes", problem["detail"])
            self.assertIn(name, problem["detail"])
        folder = self.farm.data / "submissions"
        farm.wait_for(lambda: not list(folder.glob("*")), "the end of the folder")
        self.post(tar_of(("Dockerfile", b"FROM tiny\n"), ("fits", b"x" * (900 << 10))), f"platforms={OWN}")

    def test_a_repository_that_is_too_large(self):
        farm.require_program("git")
        work = self.context / "work"
        work.mkdir()
        (work / "Dockerfile").write_text("FROM tiny\n")
        (work / "big").write_bytes(os.urandom(3 << 20))
        git(work, "init", "--quiet", "-b", "main", ".")
        git(work, "add", "-A")
        git(work, "commit", "--quiet", "-m", "one")
        git(work, "clone", "--quiet", "--bare", ".", self.context / "web/r.git")
        git(self.context / "web/r.git", "update-server-info")
        with serving(self.context / "web") as server:
            url = f"http://127.0.0.1:{server.server_port}/r.git"
            state = self.fetched(self.post(json.dumps({"git": url, "platforms": [OWN]}), kind="application/json", status=202))
        self.assertEqual((state["state"], state["code"]), ("SUBMISSION_STATE_FAILED", "RESOURCE_EXHAUSTED"))
        self.assertIn("1048576 bytes", state["message"])


def make_repository(context):
    """A repository in web/r.git below the folder, for dumb HTTP: its two commits, v1 at the first."""
    farm.require_program("git")
    work, web = context / "work", context / "web"
    for name, content in {"Dockerfile": "FROM tiny\nCOPY . /c\nRUN test -e /c/v && test ! -e /c/.git\n", "v": "1",
                          ".dockerignore": "v\n", "app/Dockerfile": "FROM tiny\nCOPY . /c\nRUN test -e /c/only\n", "app/only": "x",
                          "tool": "#!/bin/sh\n"}.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(content)
    (work / "tool").chmod(0o755)
    (work / "out").symlink_to("/etc/passwd")
    git(work, "init", "--quiet", "-b", "main", ".")
    git(work, "add", "-A")
    git(work, "commit", "--quiet", "-m", "one")
    git(work, "tag", "v1")
    first = git(work, "rev-parse", "HEAD")
    (work / "v").write_text("2")
    git(work, "commit", "--quiet", "-a", "-m", "two")
    git(work, "clone", "--quiet", "--bare", ".", web / "r.git")
    git(web / "r.git", "update-server-info")
    return first, git(work, "rev-parse", "HEAD")


class Repositories(FilesCase):
    def setUp(self):
        super().setUp()
        self.web = self.context / "web"
        self.first, self.second = make_repository(self.context)

    def submit(self, url, status=202, fields=None, **more):
        return self.post(json.dumps({"git": url, "platforms": [OWN], **more}), kind="application/json", status=status, **(fields or {}))

    def test_a_repository_is_the_build_of_its_url(self):
        described = self.json("/api/v1/openapi.json")["components"]["schemas"]["Submission"]
        with serving(self.web) as server:
            url = f"http://127.0.0.1:{server.server_port}/r.git"
            for behind, commit in [("", self.second), ("#v1", self.first), (f"#{self.first}", self.first), ("#main:app", self.second)]:
                with self.subTest(behind):
                    self.assert_exit(self.farm.build(url + behind, "--platform", OWN, "--source-date-epoch=git"), 0)
                    first = self.farm.show()["id"]
                    state = self.fetched(self.submit(url + behind, commit_epoch=True))
                    self.assertEqual((state["state"], state["commit"]), ("SUBMISSION_STATE_SUBMITTED", commit), state)
                    self.assertEqual(set(state), set(described["properties"]))
                    self.assertEqual(without_owner(self.submission(first)), without_owner(self.submission(state["buildId"])))
                    self.assert_same_build(first, state["buildId"])
            # By parameters alone, as curl does it without a file.
            status, _, answer = self.request("POST", f"/api/v1/submissions?git={url}%23v1&platforms={OWN}")
            self.assertEqual(status, 202, answer)
            self.assertEqual(self.fetched(json.loads(answer))["commit"], self.first)
            # The same key is the same submission, also when it has ended.
            answers = [self.submit(url, fields={"Idempotency_Key": "git-1"}) for _ in range(2)]
            self.assertEqual(answers[0]["id"], answers[1]["id"])
            ended, again = self.fetched(answers[0]), self.submit(url, status=201, fields={"Idempotency_Key": "git-1"})
            self.assertEqual((ended["buildId"], ended["existing"]), (again["buildId"], False))
            self.assertTrue(again["existing"])
            self.submit(url + "#v1", status=409, fields={"Idempotency_Key": "git-1"})
            for behind, code, words in [("#nowhere", "NOT_FOUND", "nowhere"), ("#main:nowhere", "NOT_FOUND", "no folder nowhere"),
                                        ("#main:out", "NOT_FOUND", "out")]:
                with self.subTest(behind):
                    state = self.fetched(self.submit(url + behind))
                    self.assertEqual((state["state"], state["code"]), ("SUBMISSION_STATE_FAILED", code), state)
                    self.assertIn(words, state["message"])
            state = self.fetched(self.submit(url, file="out"))
            self.assertIn("leads out of the context", state["message"])
            self.assertNotIn("root:", json.dumps(state))

    def test_a_submodule_comes_with_it_and_never_from_this_machine(self):
        with serving(self.web) as server:
            base = f"http://127.0.0.1:{server.server_port}"
            for name, inner in [("good", f"{base}/r.git"), ("bad", str(self.web / "r.git")), ("worse", "ext::sh -c touch% /tmp/crossmill-planted")]:
                work = self.context / name
                work.mkdir()
                (work / "Dockerfile").write_text("FROM tiny\nCOPY . /c\nRUN test -e /c/sub/v\n")
                git(work, "init", "--quiet", "-b", "main", ".")
                git(work, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(self.web / "r.git"), "sub")
                git(work, "config", "-f", ".gitmodules", "submodule.sub.url", inner)
                git(work, "add", "-A")
                git(work, "commit", "--quiet", "-m", "one")
                git(work, "clone", "--quiet", "--bare", ".", self.web / f"{name}.git")
                git(self.web / f"{name}.git", "update-server-info")
            state = self.fetched(self.submit(f"{base}/good.git"))
            self.assertEqual(self.wait(state["buildId"])["status"], "BUILD_STATUS_SUCCEEDED")
            for name in ("bad", "worse"):
                state = self.fetched(self.submit(f"{base}/{name}.git"))
                self.assertEqual(state["state"], "SUBMISSION_STATE_FAILED", state)
                self.assertRegex(state["message"], "not allowed")
        self.assertFalse(os.path.exists("/tmp/crossmill-planted"))

    def test_nothing_of_this_machine_is_a_repository(self):
        for url in (f"file://{self.web}/r.git", str(self.web / "r.git"), "ext::sh -c id", "../r.git", "https://git.example/no-git",
                    "--upload-pack=touch /tmp/crossmill-planted", "ftp://git.example/r.git", f"https://git.example/{'x' * 10}.git#a:../../b"):
            with self.subTest(url):
                self.assertIn("git", self.submit(url, status=400)["detail"])
        self.assertIn("origin", self.submit("https://git.example/r.git", status=400, origin="x")["detail"])
        self.assertIn("commit_epoch", self.post(tar_of(("Dockerfile", b"")), f"platforms={OWN}&commit_epoch=1", status=400)["detail"])
        self.assertFalse(os.path.exists("/tmp/crossmill-planted"))

    def test_a_fetch_is_cancelled(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            state = self.submit(f"http://127.0.0.1:{silent.getsockname()[1]}/r.git")
            silent.settimeout(30)
            connection, _ = silent.accept()
            with connection:
                waited = self.json(f"/api/v1/submissions/{state['id']}?wait=1")
                self.assertEqual(waited["state"], "SUBMISSION_STATE_FETCHING")
                begun = time.monotonic()
                ended = self.json(f"/api/v1/submissions/{state['id']}/cancel", verb="POST")
                self.assertEqual(ended["state"], "SUBMISSION_STATE_CANCELLED")
                self.assertLess(time.monotonic() - begun, 20)
        self.assertEqual(list((self.farm.data / "submissions").glob("*")), [])
        self.json("/api/v1/submissions/nothing", status=404)
        with serving(self.web) as server:
            state = self.fetched(self.submit(f"http://127.0.0.1:{server.server_port}/r.git"))
        self.assertIn(f"/builds/{state['buildId']}/cancel", self.json(f"/api/v1/submissions/{state['id']}/cancel", status=409, verb="POST")["detail"])

    def test_more_fetches_wait(self):
        with socket.create_server(("127.0.0.1", 0), backlog=20) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/r.git"
            states = [self.submit(url + f"#{n}") for n in range(6)]
            def now():
                return [self.json(f"/api/v1/submissions/{state['id']}")["state"].removeprefix("SUBMISSION_STATE_") for state in states]
            farm.wait_for(lambda: now().count("FETCHING") == 4, "four fetches at the same time")
            waiting = next(state for state, word in zip(states, now()) if word == "WAITING")
            self.assertEqual(self.json(f"/api/v1/submissions/{waiting['id']}/cancel", verb="POST")["state"], "SUBMISSION_STATE_CANCELLED")
            for state in states:
                self.json(f"/api/v1/submissions/{state['id']}/cancel", verb="POST")
            self.assertEqual(set(now()), {"CANCELLED"})


class ClosedRepositories(Handler):
    """Asks who it is; a request that said so waits for `server.go`."""

    def do_GET(self):
        if self.headers.get("Authorization") != "Basic " + base64.b64encode(self.server.account.encode()).decode():
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="closed"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.server.known.set()
        self.server.go.wait(60)
        super().do_GET()


class Secrets(FilesCase):
    VALUES = {"part": "planted-part-4kQ9zX", "field": "planted-field-7hB2mW", "json": "planted-json-1tR8cV", "git": "planted-git-6yN3sJ",
              "failed": "planted-failed-5pL0dF"}

    def found(self):
        """Where a value is, plain or in base64, in everything that the farm keeps."""
        needles = {name: [value.encode(), base64.b64encode(value.encode())[:-4]] for name, value in self.VALUES.items()}
        for file in self.farm.folder.rglob("*"):
            if not file.is_file() or file.is_symlink():
                continue
            try:
                data = file.read_bytes()
            except FileNotFoundError:
                continue
            for name, forms in needles.items():
                if any(form in data for form in forms):
                    yield name, file.relative_to(self.farm.folder)

    def test_a_password_is_where_nobody_sees_it_while_git_runs(self):
        make_repository(self.context)
        password = "p@ss:" + self.VALUES["git"]
        with serving(self.context / "web", ClosedRepositories) as server:
            server.account, server.known, server.go = "user:" + password, threading.Event(), threading.Event()
            address = f"127.0.0.1:{server.server_port}/r.git"
            self.addCleanup(server.go.set)
            state = self.post(json.dumps({"git": f"http://user:{urllib.parse.quote(password, safe='')}@{address}", "platforms": [OWN]}),
                              kind="application/json", status=202)
            self.assertTrue(server.known.wait(60))
            lines = []
            for file in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    lines.append(file.read_bytes())
            self.assertTrue(any(address.encode() in line for line in lines), "git is not running")
            self.assertFalse(any(self.VALUES["git"].encode() in line for line in lines))
            self.assertEqual(list(self.found()), [])
            server.go.set()
            state = self.fetched(state)
            self.assertEqual(state["state"], "SUBMISSION_STATE_SUBMITTED", state)
            self.assertEqual(self.wait(state["buildId"])["status"], "BUILD_STATUS_SUCCEEDED")
            for wrong in (f"http://user:{self.VALUES['failed']}@{address}", f"http://{self.VALUES['failed']}@{address}", f"http://{address}"):
                state = self.fetched(self.post(json.dumps({"git": wrong, "platforms": [OWN]}), kind="application/json", status=202))
                self.assertEqual((state["state"], state["code"]), ("SUBMISSION_STATE_FAILED", "UNAVAILABLE"), state)
                self.assertNotIn("planted", json.dumps(state))
        self.assertEqual(list(self.found()), [])

    def test_values_are_nowhere(self):
        recipe = ("FROM tiny\nRUN --mount=type=secret,id=part,required=true --mount=type=secret,id=field,required=true "
                  "--mount=type=secret,id=json,required=true cat /run/secrets/* | wc -c >/count && sleep 1 && "
                  f"test $(cat /count) = {sum(len(self.VALUES[name]) for name in ('part', 'field', 'json'))}\n")
        tar = tar_of(("Dockerfile", recipe.encode()))
        request = {"platforms": [OWN], "secrets": [{"id": "json", "value": base64.b64encode(self.VALUES["json"].encode()).decode()}]}
        header = "field=" + base64.b64encode(self.VALUES["field"].encode()).decode()
        body, kind = self.multipart(("secret:part", self.VALUES["part"].encode()), ("context", tar), ("request", json.dumps(request).encode()))
        answer = self.post(body, kind=kind, Crossmill_Secret=header, Idempotency_Key="secret-1")
        self.assertEqual(self.post(body, kind=kind, Crossmill_Secret=header, Idempotency_Key="secret-1")["buildId"], answer["buildId"])
        build = self.wait(answer["buildId"])
        self.assertEqual(build["status"], "BUILD_STATUS_SUCCEEDED", build)
        self.assertEqual(sorted(build["options"]["secretIds"]), ["field", "json", "part"])
        # What is refused does not say it either.
        texts = []
        for given in (header + "!", "=" + self.VALUES["failed"], self.VALUES["failed"]):
            texts.append(self.post(tar, f"platforms={OWN}", status=400, Crossmill_Secret=given))
        for parts in ([("secret:failed", self.VALUES["failed"].encode())] * 2, [("secret:", self.VALUES["failed"].encode())],
                      [("secret:failed", self.VALUES["failed"].encode()), ("request", ('{"secrets":["' + self.VALUES["failed"]).encode())],
                      [("request", json.dumps({"secrets": [{"id": "failed", "value": self.VALUES["failed"] + "!"}]}).encode())]):
            body, kind = self.multipart(("context", tar), ("platforms", OWN.encode()), *parts)
            texts.append(self.post(body, kind=kind, status=400))
        # A URL's credentials, of a repository that is there and of one that is not.
        make_repository(self.context)
        with serving(self.context / "web") as server:
            for name, state in (("r.git", "SUBMITTED"), ("missing.git", "FAILED")):
                url = f"http://user:{self.VALUES['git']}@127.0.0.1:{server.server_port}/{name}"
                first = self.post(json.dumps({"git": url, "platforms": [OWN]}), kind="application/json", status=202)
                texts += [first, self.fetched(first)]
                self.assertEqual(texts[-1]["state"], f"SUBMISSION_STATE_{state}", texts[-1])
            fetched = texts[-3]["buildId"]
            texts += [self.wait(fetched), self.submission(fetched)]
            self.assertEqual(texts[-2]["status"], "BUILD_STATUS_SUCCEEDED")
            self.assertEqual(texts[-1]["recipe"]["contextOrigin"], f"http://***@127.0.0.1:{server.server_port}/r.git")
        texts += [self.json(f"/api/v1/builds/{answer['buildId']}/submission"), build, self.events(f"/api/v1/builds/{answer['buildId']}/events")]
        for value in self.VALUES.values():
            self.assertNotIn(value, json.dumps(texts))
        self.assertEqual(list(self.found()), [])
        # The search would find them.
        planted = self.farm.data / "planted"
        planted.write_text(self.VALUES["part"])
        self.addCleanup(planted.unlink)
        self.assertEqual([name for name, _ in self.found()], ["part"])


if __name__ == "__main__":
    farm.main()
