#!/usr/bin/env python3
"""Makes tests/golden/python/pairs.txt: which file the program `pip` takes for a requirement on a platform.

  record_pip_pairs.py FOLDER                             (tests/golden/python)

Each line is one run of `pip install --dry-run --report FILE --ignore-installed --no-deps --only-binary :all:` with
--python-version, --implementation, --abi and a --platform for each platform tag of the environment: nothing of pip is
replaced; its main function is called again and again, which saves its start. It runs against a server of this process, which serves the pages of a real index, frozen by date, that
record_pip_choices.py keeps in FOLDER/index. Without --only-binary pip does not choose for another platform; what has no
wheel is "-". Needs Debian's python3-venv and a package index that pip reaches by its own configuration.
"""
import argparse
import http.server
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import record_pip_choices as choices  # noqa: E402

PER_PROJECT = 12
JSON = "application/vnd.pypi.simple.v1+json"


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages = {path.stem: choices.page(folder, path.stem) for path in folder.glob("*.tsv")}
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        address = f"http://127.0.0.1:{self.server.server_port}"
        name = self.path.strip("/").split("/")[-1]
        body, kind = None, "text/plain"
        if self.path.startswith("/simple/") and name in self.server.pages:
            # Digests are cut in the golden pages, and pip would compare them. Metadata beside the file: no file is fetched.
            files = [{**file, "url": f"{address}/files/{file['filename']}", "hashes": {}, "core-metadata": True}
                     for file in self.server.pages[name]]
            body, kind = json.dumps({"meta": {"api-version": "1.1"}, "name": name, "versions": [], "files": files}), JSON
        elif name.endswith(".whl.metadata"):
            project, version = name.split("-")[:2]
            body = f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n"
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write((body or "").encode())

    def log_message(self, *_):
        pass


def platform_lists():
    """Of each environment, in the order in which packaging prefers them. Asked of another process: packaging is told there
    that it runs elsewhere."""
    done = subprocess.run([sys.executable, __file__, "--platforms", "."], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def print_platforms():
    json.dump([list(dict.fromkeys(tag.platform for tag in tags if tag.platform != "any")) for tags in choices.tag_lists()], sys.stdout)


def abi_of(environment):
    (major, minor), threaded = environment[0], environment[1]
    # Before 3.8 the name says with which allocator Python was built, and in Python 2 how wide its characters are.
    return f"cp{major}{minor}" + ("t" if threaded else "mu" if major == 2 else "m" if minor < 8 else "")


def pairs(folder):
    """(project, specifier, number of the environment)"""
    choose = random.Random("pairs")
    for project in choices.PROJECTS:
        versions = sorted({version for file in choices.page(folder, project)
                           if (version := choices.version_of(project, file["filename"]))})
        # An environment without any libc has no platform tags that pip could be told.
        numbers = [at for at, one in enumerate(choices.ENVIRONMENTS) if one[4] != "none"]
        for at in choose.sample(numbers, PER_PROJECT):
            one = choose.choice(versions)
            yield project, choose.choice(["", "", "", f"=={one}", f"<={one}", f">={one}", f"~={one.public}.0" if not one.is_prerelease else ""]), at


def run(folder, url, project, specifier, environment, platforms):
    from pip._internal.cli.main import main as pip
    report, log = folder / "report.json", folder / "log"
    log.unlink(missing_ok=True)
    command = ["install", "--isolated", "--dry-run", "--report", str(report), "-qqq", "--log", str(log), "--ignore-installed", "--no-deps",
               "--only-binary", ":all:", "--no-cache-dir", "--disable-pip-version-check", "--index-url", url,
               "--target", str(folder / "target"), "--implementation", "cp",
               "--python-version", environment[-1], "--abi", abi_of(environment)]
    for platform in platforms:
        command += ["--platform", platform]
    if pip([*command, project + specifier]) == 0:
        install, = json.loads(report.read_text())["install"]
        return install["download_info"]["url"].rsplit("/", 1)[-1]
    if "No matching distribution found" in log.read_text():
        return "-"
    raise SystemExit(f"{project}{specifier} in {environment}: {log.read_text()[-3000:]}")


def record(golden):
    server = Server(golden / "index")
    url = f"http://127.0.0.1:{server.server_port}/simple/"
    platforms = platform_lists()
    lines = []
    with tempfile.TemporaryDirectory(prefix="pip-pairs-") as folder:
        for project, specifier, at in pairs(golden / "index"):
            taken = run(pathlib.Path(folder), url, project, specifier, choices.ENVIRONMENTS[at], platforms[at])
            lines.append(f"{project}\t{specifier}\t{at}\t{taken}\n")
            print(lines[-1], end="", flush=True)
    (golden / "pairs.txt").write_text("".join(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--platforms", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.platforms:
        print_platforms()
        return
    if arguments.inside:
        record(arguments.folder)
        return
    with tempfile.TemporaryDirectory(prefix="pip-pairs-") as folder:
        subprocess.run(["/usr/bin/python3", "-m", "venv", f"{folder}/pip"], check=True)
        python = f"{folder}/pip/bin/python"
        subprocess.run([python, "-m", "pip", "install", "-q", f"pip=={choices.PIP}"], check=True)
        subprocess.run([python, __file__, "--inside", *sys.argv[1:]], check=True)


if __name__ == "__main__":
    main()
