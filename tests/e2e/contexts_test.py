"""Every place that a context can come from, with a real farm: standard input, archives, git, HTTP, named contexts; and
what ADD fetches. What is in the contexts is checked by the builds' own steps."""
import contextlib
import functools
import hashlib
import http.server
import io
import json
import os
import pathlib
import signal
import socket
import subprocess
import tarfile
import threading

import farm

BUILD = ("build", "--progress", "plain")


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files of a folder; what was asked is remembered. ETags by content; broken.bin breaks off once."""

    def do_GET(self):
        path = pathlib.Path(self.translate_path(self.path))
        self.server.asked.append((self.path, self.headers.get("If-None-Match"), self.headers.get("Range")))
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        tag = '"' + hashlib.sha256(data).hexdigest()[:16] + '"'
        if self.headers.get("If-None-Match") == tag:
            self.send_response(304)
            self.send_header("ETag", tag)
            self.end_headers()
            return
        start = 0
        wanted = self.headers.get("Range")
        if wanted and self.headers.get("If-Range") == tag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        self.send_header("ETag", tag)
        self.send_header("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if path.name == "broken.bin" and start == 0:
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
        else:
            self.wfile.write(data[start:])

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(folder, handler=Handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(folder)))
    server.asked = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def tar_of(files, mode="w"):
    """The bytes of a tar with {name: content}."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 1500000000
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def git(folder, *arguments):
    environment = {**os.environ, "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com",
                   "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.com",
                   "GIT_AUTHOR_DATE": "1600000000 +0000", "GIT_COMMITTER_DATE": "1600000000 +0000"}
    result = subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return result.stdout.strip()


class ContextsTest(farm.FarmTestCase):
    def setUp(self):
        super().setUp()
        self.web = self.context / "web"
        self.web.mkdir()
        self.scratch = self.context / "tmp"
        self.scratch.mkdir()

    def run_build(self, *arguments, data=None, code=0):
        environment = {**self.farm.environment(), "TMPDIR": str(self.scratch)}
        result = subprocess.run([farm.BIN / "crossmill", *BUILD, *map(str, arguments)], input=data,
                                capture_output=True, env=environment, timeout=300)
        result.stdout = result.stdout.decode(errors="replace")
        result.stderr = result.stderr.decode(errors="replace")
        self.assert_exit(result, code)
        self.assertEqual(list(self.scratch.iterdir()), [], "a temporary folder is left")
        return result

    def folder(self, name, files):
        folder = self.context / name
        for path, content in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        return folder

    def repository(self):
        """A repository below web/ for dumb HTTP: its name and two commits, tag v1 at the first."""
        work = self.folder("work", {"Dockerfile": b"FROM tiny\nCOPY . /c\nRUN test \"$(cat /c/v)\" = 1 && test ! -e /c/.git\n",
                                    "v": b"1", "app/Dockerfile": b"FROM tiny\nCOPY . /c\nRUN test -e /c/only && test ! -e /c/v\n",
                                    "app/only": b"x"})
        git(work, "init", "--quiet", "-b", "main", ".")
        git(work, "add", "-A")
        git(work, "commit", "--quiet", "-m", "one")
        git(work, "tag", "v1")
        first = git(work, "rev-parse", "HEAD")
        (work / "v").write_text("2")
        git(work, "commit", "--quiet", "-a", "-m", "two")
        git(work, "clone", "--quiet", "--bare", ".", self.web / "r.git")
        git(self.web / "r.git", "update-server-info")
        return "r.git", first, git(work, "rev-parse", "HEAD")

    # ---- standard input ----

    def test_a_tar_on_standard_input_in_every_compression(self):
        files = {"Dockerfile": b"FROM tiny\nCOPY . /c\nRUN test \"$(cat /c/file)\" = x && test -e /c/hidden\n",
                 "file": b"x", "hidden": b"x", ".dockerignore": b"hidden\n"}
        for mode in ("w", "w:gz", "w:bz2", "w:xz"):
            with self.subTest(mode):
                self.run_build("-", data=tar_of(files, mode))

    def test_another_dockerfile_inside_the_tar(self):
        files = {"a/Other": b"FROM tiny\nCOPY file /\nRUN test -e /file\n", "file": b"x"}
        self.run_build("-f", "a/Other", "-", data=tar_of(files))

    def test_a_dockerfile_on_standard_input_without_a_context(self):
        self.run_build("-", data=b"FROM tiny\nRUN true\n")
        result = self.run_build("-", data=b"FROM tiny\nCOPY Dockerfile /\n", code=1)
        self.assert_says(result, "Dockerfile")

    def test_a_dockerfile_on_standard_input_with_a_folder(self):
        context = self.folder("c", {"file": b"x", "hidden": b"x", ".dockerignore": b"hidden\n"})
        self.run_build("-f", "-", context, data=b"FROM tiny\nCOPY . /c\nRUN test -e /c/file && test ! -e /c/hidden\n")

    def test_a_tar_that_wants_to_leave_its_folder_is_refused(self):
        for name in ("../escape", "/../escape"):
            self.run_build("-", data=tar_of({"Dockerfile": b"FROM tiny\n", name: b"x"}), code=2)
        self.assertFalse((self.scratch / "escape").exists())

    # ---- HTTP ----

    def test_a_url_of_an_archive_and_of_a_dockerfile(self):
        (self.web / "c.tar.gz").write_bytes(
            tar_of({"Dockerfile": b"FROM tiny\nCOPY file /\nRUN test -e /file\n", "file": b"x"}, "w:gz"))
        (self.web / "plain").write_bytes(b"FROM tiny\nRUN true\n")
        with serving(self.web) as server:
            url = f"http://127.0.0.1:{server.server_port}"
            self.run_build(f"{url}/c.tar.gz")
            self.run_build(f"{url}/plain")
            result = self.run_build(f"http://user:hunter2@127.0.0.1:{server.server_port}/none", code=2)
            self.assert_says(result, f"127.0.0.1:{server.server_port}/none: the server answers 404")
            self.assertNotIn("hunter2", result.stdout + result.stderr)

    # ---- git ----

    def test_a_git_url_with_ref_and_folder(self):
        farm.require_program("git")
        name, first, second = self.repository()
        with serving(self.web) as server:
            url = f"http://127.0.0.1:{server.server_port}/{name}"
            self.run_build(f"{url}#v1")
            self.run_build(f"{url}#{first}")
            self.run_build(f"{url}?tag=v1&checksum={first[:8]}")
            self.run_build(f"{url}#main:app")
            result = self.run_build(f"{url}?branch=main&checksum={first}", code=2)
            self.assert_says(result, first, second)
            result = self.run_build("--json", "--source-date-epoch=git", f"{url}#v1")
            self.assertEqual(json.loads(result.stdout)["epoch"], 1600000000)

    def test_an_interrupt_while_the_context_is_fetched(self):
        context = self.folder("c", {"Dockerfile": b"FROM tiny\n"})
        listener = socket.create_server(("127.0.0.1", 0))
        with listener:
            environment = {**self.farm.environment(), "TMPDIR": str(self.scratch)}
            process = subprocess.Popen(
                [farm.BIN / "crossmill", *BUILD, "--build-context",
                 f"x=http://127.0.0.1:{listener.getsockname()[1]}/never", context],
                env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            connection, _ = listener.accept()
            with connection:
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=30)
        self.assertEqual(process.returncode, 130)
        self.assertEqual(list(self.scratch.iterdir()), [])

    # ---- named contexts ----

    def test_named_folder_archive_git_and_image(self):
        farm.require_program("git")
        name, _, _ = self.repository()
        (self.web / "a.tar").write_bytes(tar_of({"inside": b"tar"}))
        assets = self.folder("assets", {"a": b"folder", "hidden": b"x", ".dockerignore": b"hidden\n"})
        context = self.folder("c", {"Dockerfile": b"""FROM base
COPY --from=assets . /assets
COPY --from=code v /v
COPY --from=web inside /inside
RUN --mount=type=bind,from=assets,target=/m test "$(cat /m/a)" = folder
RUN test "$(cat /assets/a)" = folder && test ! -e /assets/hidden && test "$(cat /v)" = 1 && test "$(cat /inside)" = tar
"""})
        with serving(self.web) as server:
            url = f"http://127.0.0.1:{server.server_port}"
            self.run_build("--build-context", f"assets={assets}", "--build-context", f"code={url}/{name}#v1",
                           "--build-context", f"web={url}/a.tar", "--build-context", "base=docker-image://tiny", context)

    def test_a_named_layout(self):
        layout = self.context / "layout"
        with tarfile.open(farm.tiny_archive()) as tar:
            tar.extractall(layout)
        context = self.folder("c", {"Dockerfile": b"FROM base\nRUN test -x /bin/busybox\n"})
        self.run_build("--build-context", f"base=oci-layout://{layout}", context)
        digest = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
        self.run_build("--build-context", f"base=oci-layout://{layout}@{digest}", context)
        result = self.run_build("--build-context", f"base=oci-layout://{layout}:nope", context, code=2)
        self.assert_says(result, "has no image 'nope'")
        names = [image["name"] for image in json.loads(self.farm.cli("image", "ls", "--json").stdout)]
        self.assertEqual([name for name in names if "base" in name], [])

    # ---- ADD ----

    def test_add_of_a_url_is_validated_and_resumed(self):
        (self.web / "file.txt").write_bytes(b"one")
        (self.web / "broken.bin").write_bytes(os.urandom(300000))
        size = (self.web / "broken.bin").stat().st_size
        with serving(self.web) as server:
            url = f"http://127.0.0.1:{server.server_port}"
            context = self.folder("c", {"Dockerfile": f"""FROM tiny
ADD {url}/file.txt {url}/broken.bin /d/
RUN test "$(cat /d/file.txt)" = one && test "$(wc -c < /d/broken.bin)" = {size} && test "$(stat -c %a /d/file.txt)" = 600
""".encode()})
            self.run_build(context)
            self.assertIn(("/broken.bin", None, f"bytes={size // 2}-"), server.asked)
            server.asked.clear()
            self.run_build(context)
            self.assertTrue(all(tag for _, tag, _ in server.asked), server.asked)
            (self.web / "file.txt").write_bytes(b"two")
            self.run_build(context, code=1)
            checksum = hashlib.sha256(b"two").hexdigest()
            pinned = self.folder("p", {"Dockerfile":
                                       f"FROM tiny\nADD --checksum=sha256:{checksum} {url}/file.txt /\n".encode()})
            self.run_build(pinned)
            wrong = self.folder("w", {"Dockerfile":
                                      f"FROM tiny\nADD --checksum=sha256:{'0' * 64} {url}/file.txt /\n".encode()})
            self.assert_says(self.run_build(wrong, code=1), "Dockerfile:2", checksum)

    def test_add_of_a_repository(self):
        farm.require_program("git")
        name, first, _ = self.repository()
        with serving(self.web) as server:
            url = f"http://127.0.0.1:{server.server_port}/{name}"
            context = self.folder("c", {"Dockerfile": f"""FROM tiny
ADD {url}#v1 /one
ADD --keep-git-dir=true {url}#main /two
ADD --checksum={first} {url}#{first}:app /three
RUN test "$(cat /one/v)" = 1 && test ! -e /one/.git && test "$(cat /two/v)" = 2 && test -d /two/.git && test -e /three/only
""".encode()})
            self.run_build(context)
            server.asked.clear()
            pinned = self.folder("p", {"Dockerfile": f"FROM tiny\nADD {url}#{first}:app /three\n".encode()})
            self.run_build(pinned)
            self.assertEqual(server.asked, [], "a commit that is known needs no network")


if __name__ == "__main__":
    farm.main()
