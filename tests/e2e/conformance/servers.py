"""What cases fetch from: a loopback HTTP server with a folder per case (git repositories through git's own
http-backend), and an ssh agent.

Special paths: /CASE/.redirect/NAME redirects to /CASE/NAME; /CASE/.name/HEADER/NAME serves NAME with HEADER as the
file name of Content-Disposition; /CASE/.status/404 answers with that status.
"""
import functools
import gzip
import http.server
import os
import pathlib
import shutil
import subprocess
import threading
import urllib.parse

# Of every served file, so that validation has something to hold on to.
LAST_MODIFIED = 1600000000


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        if ".git/" in self.path:
            self.serve_git()
        else:
            super().do_GET()

    def do_POST(self):
        self.serve_git()

    def serve_git(self):
        """One request of the smart protocol: git's CGI program answers it."""
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        environment = {**os.environ, "GIT_PROJECT_ROOT": str(self.directory), "GIT_HTTP_EXPORT_ALL": "1",
                       "PATH_INFO": urllib.parse.unquote(path), "QUERY_STRING": query, "REQUEST_METHOD": self.command,
                       "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
                       "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "REMOTE_ADDR": "127.0.0.1",
                       "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
        said = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True).stdout
        head, _, content = said.partition(b"\r\n\r\n")
        fields = [line.decode().split(": ", 1) for line in head.split(b"\r\n") if b": " in line]
        status = next((value for name, value in fields if name == "Status"), "200 OK")
        self.send_response(int(status.split()[0]))
        for name, value in fields:
            if name not in ("Status", "Content-Length"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def send_head(self):
        parts = urllib.parse.unquote(self.path.partition("?")[0]).strip("/").split("/")
        self.disposition = None
        if len(parts) > 2 and parts[1] == ".redirect":
            self.send_response(302)
            self.send_header("Location", f"/{parts[0]}/{'/'.join(parts[2:])}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        if len(parts) > 2 and parts[1] == ".status":
            self.send_error(int(parts[2]))
            return None
        if len(parts) > 3 and parts[1] == ".name":
            self.disposition = parts[2]
            self.path = f"/{parts[0]}/{'/'.join(parts[3:])}"
        return super().send_head()

    def end_headers(self):
        if getattr(self, "disposition", None):
            self.send_header("Content-Disposition", f'attachment; filename="{self.disposition}"')
            self.disposition = None
        super().end_headers()


class QuietServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A client that goes away is no news."""


class Server:
    """Serves `folder` on a free port of 127.0.0.1 while entered."""

    def __init__(self, folder):
        self.folder = folder
        self.http = QuietServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
        self.thread = threading.Thread(target=self.http.serve_forever)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()

    @property
    def root_url(self):
        return f"http://127.0.0.1:{self.http.server_address[1]}"

    def url_of(self, case):
        return f"{self.root_url}/{case}"

    def folder_of(self, case):
        folder = self.folder / case
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def set_times(self, case):
        for path in self.folder_of(case).rglob("*"):
            if not path.is_symlink():
                os.utime(path, (LAST_MODIFIED, LAST_MODIFIED))


class Agent:
    """An ssh-agent with one key of its own; `socket` is empty where there is no ssh-agent."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.socket = ""
        self.process = None

    def __enter__(self):
        if shutil.which("ssh-agent") is None or shutil.which("ssh-keygen") is None:
            return self
        self.folder.mkdir(parents=True, exist_ok=True)
        socket = self.folder / "agent.sock"
        self.process = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        key = self.folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "conformance", "-f", key], check=True)
        for _ in range(100):
            if subprocess.run(["ssh-add", "-q", key], env={**os.environ, "SSH_AUTH_SOCK": str(socket)},
                              capture_output=True).returncode == 0:
                self.socket = str(socket)
                break
        return self

    def __exit__(self, *_):
        if self.process is not None:
            self.process.terminate()
            self.process.wait()


