"""The index of the truth set: the tiny files of this folder; every other project is passed on to the index of this machine's
own pip, frozen by date and kept on disk, so that the same set meets the same versions and asks outside once.

Also serves /own/ (an index of the tiny files only), /git/NAME.git (dumb HTTP) and /files/NAME.
"""
import functools
import hashlib
import html
import http.server
import json
import os
import pathlib
import re
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

FROZEN_AT = "2026-11-01T00:00:00Z"
JSON = "application/vnd.pypi.simple.v1+json"


def normalised(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def project_of(file_name):
    stem = re.sub(r"\.(tar\.gz|zip|whl)$", "", file_name)
    return normalised(stem.split("-")[0] if file_name.endswith(".whl") else stem.rsplit("-", 1)[0])


@functools.cache
def machines_index():
    """What pip on this machine asks, by its own settings or by its own default; None: it has no pip."""
    if os.environ.get("PIP_INDEX_URL"):
        return os.environ["PIP_INDEX_URL"].rstrip("/")
    try:
        named = subprocess.run([sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True)
        if named.returncode == 0 and named.stdout.strip():
            return named.stdout.strip().rstrip("/")
        default = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
        asked = subprocess.run([sys.executable, "-c", default], capture_output=True, text=True)
        return asked.stdout.strip().rstrip("/") or None
    except OSError:
        return None


class Upstream:
    """The machine's index: pages and files, kept below `folder`."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.urls = {}
        self.lock = threading.Lock()
        bundle = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE")
        self.tls = ssl.create_default_context(cafile=bundle if bundle and os.path.exists(bundle) else None)

    def _fetch(self, url, accept="*/*"):
        request = urllib.request.Request(url, headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=60, context=self.tls) as answer:
            return answer.read(), answer.geturl()

    def _kept(self, name, make):
        path = self.folder / name
        if not path.exists():
            data = make()
            partial = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
            partial.write_bytes(data)
            partial.rename(path)
        return path.read_bytes()

    def page(self, project):
        """Elements of "files" with addresses made absolute; None: there is no such project, or no index."""
        def make():
            if machines_index() is None:
                raise urllib.error.URLError("no index")
            data, base = self._fetch(f"{machines_index()}/{project}/", JSON)
            files = [file for file in json.loads(data)["files"] if file.get("upload-time", "") < FROZEN_AT]
            for file in files:
                file["url"] = urllib.parse.urljoin(base, file["url"])
            return json.dumps(files).encode()
        try:
            files = json.loads(self._kept(f"{project}.page", make))
        except (OSError, ValueError, KeyError):
            return None
        with self.lock:
            self.urls.update({file["filename"]: file["url"] for file in files})
        return files

    def file(self, file_name):
        if file_name not in self.urls and self.page(project_of(file_name)) is None:
            return None
        url = self.urls.get(file_name)
        return self._kept(file_name, lambda: self._fetch(url)[0]) if url else None

    def answers(self):
        return self.page("pip") is not None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        parts = [urllib.parse.unquote(part) for part in self.path.split("?")[0].split("/") if part]
        owner = self.server.owner
        if parts[:1] == ["simple"] and len(parts) == 2:
            files = owner.page(parts[1])
            if files is not None:
                return self.page(parts[1], files)
        if parts[:1] == ["own"] and len(parts) == 2:
            return self.page(parts[1], owner.own_page(parts[1]) or [])
        if parts[:1] == ["files"] and len(parts) == 2:
            data = owner.file(parts[1])
            if data is not None:
                return self.answer(200, "application/octet-stream", data)
        if parts[:1] == ["git"] and ".." not in parts:
            path = owner.repositories.joinpath(*parts[1:])
            if path.is_file():
                return self.answer(200, "application/octet-stream", path.read_bytes())
        return self.answer(404, "text/plain", b"not here\n")

    do_HEAD = do_GET

    def page(self, project, files):
        if JSON in self.headers.get("Accept", ""):
            return self.answer(200, JSON, json.dumps({"meta": {"api-version": "1.0"}, "name": project, "files": files}).encode())
        rows = ""
        for file in files:
            more = f' data-requires-python="{html.escape(file["requires-python"])}"' if file.get("requires-python") else ""
            if file.get("yanked"):
                more += f' data-yanked="{html.escape(str(file["yanked"]))}"'
            rows += f'<a href="{file["url"]}#sha256={file["hashes"]["sha256"]}"{more}>{file["filename"]}</a>\n'
        return self.answer(200, "text/html", f"<!DOCTYPE html><html><body>\n{rows}</body></html>\n".encode())

    def answer(self, status, media_type, body):
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class IndexServer:
    """Serves until closed; `url` is the index, `port` what steps that go around it reach."""

    def __init__(self, files, repositories, kept):
        self.files = files
        self.repositories = pathlib.Path(repositories)
        self.upstream = Upstream(kept)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.owner = self
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}/simple/"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def own_page(self, project):
        files = []
        for name, data in sorted(self.files.data.items()):
            if project_of(name) != project:
                continue
            files.append({"filename": name, "url": f"/files/{urllib.parse.quote(name)}", "size": len(data),
                          "hashes": {"sha256": hashlib.sha256(data).hexdigest()},
                          "requires-python": self.files.requires_python.get(name),
                          "yanked": self.files.yanked.get(name, False)})
        return files or None

    def page(self, project):
        own = self.own_page(project)
        if own is not None:
            return own
        files = self.upstream.page(project)
        if files is None:
            return None
        return [{**{key: file.get(key) for key in ("filename", "hashes", "size", "requires-python", "yanked", "upload-time")
                    if file.get(key) is not None}, "url": f"/files/{urllib.parse.quote(file['filename'])}"} for file in files]

    def file(self, name):
        return self.files.data.get(name) or self.upstream.file(name)

    def wheels(self, project, version):
        """File name -> bytes of the published wheels of a release that the index has here or has fetched."""
        found = {}
        for file in self.page(project) or []:
            name = file["filename"]
            if not name.endswith(".whl") or name.split("-")[1] != version:
                continue
            kept = self.files.data.get(name)
            path = self.upstream.folder / name
            if kept is None and path.exists():
                kept = path.read_bytes()
            if kept is not None:
                found[name] = kept
        return found
