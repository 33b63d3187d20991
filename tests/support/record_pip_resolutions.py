#!/usr/bin/env python3
"""Makes tests/golden/python/resolutions: what real pip resolves some requirements to, with the pages and metadata for it.

  record_pip_resolutions.py FOLDER                       (tests/golden/python/resolutions)

Needs Debian's python3-venv and a package index that pip reaches by its own configuration. Each case of resolution_cases.py
is one `pip install --dry-run --report` against a server of this process, which serves the real index' pages, cut to some
versions and to what was uploaded before FROZEN. For another environment than the interpreter's own, pip runs with that
environment's tags (those that its packaging lists), its python_version and its markers, and with wheels only, as pip itself
demands it.

  index.tsv.gz      PROJECT, then lines of it: file, requires-python, yanked, sha256 (where a case needs it)
  metadata.json.gz  {file: the headers of its core metadata}; of sources PKG-INFO and, if there is one, pyproject.toml
  cases.jsonl.gz    the case, and what pip takes or says
"""
import argparse
import email.parser
import gzip
import http.server
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
import threading
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import record_pip_choices as choices  # noqa: E402
from resolution_cases import CASES, HASHED, OWN  # noqa: E402

HEADERS = ("Metadata-Version", "Name", "Version", "Requires-Python", "Requires-Dist", "Provides-Extra", "Dynamic")
PACKAGE_JSON = "application/vnd.pypi.simple.v1+json"


# ---- the server ----

def cut_versions(project, files):
    """The newest versions, and of each major.minor the newest."""
    from pip._vendor.packaging.requirements import Requirement
    from pip._vendor.packaging.utils import canonicalize_name
    by_version = {}
    for file in files:
        if file.get("upload-time", "") < choices.FROZEN:
            version = choices.version_of(project, file["filename"])
            if version is not None:
                by_version.setdefault(version, []).append(file)
    versions = sorted(by_version)
    finals = [version for version in versions if not version.is_prerelease]
    kept = set(finals[-8:]) | set([version for version in versions if version.is_prerelease][-3:])
    newest = {version.release[:2]: version for version in finals}
    kept |= set(sorted(newest.values())[-20:])
    newest = {version.release[:1]: version for version in finals}
    kept |= set(sorted(newest.values())[-10:])
    for case in CASES:
        for text in case["requirements"] + case.get("constraints", []):
            try:
                requirement = Requirement(text.split(" --hash")[0])
            except ValueError:
                continue
            if canonicalize_name(requirement.name) == project:
                kept |= set(list(requirement.specifier.filter(versions))[-4:])
    return {version: by_version[version] for version in kept}


def cut(project, files):
    chosen = []
    for files_of_version in cut_versions(project, files).values():
        other = 0
        for file in files_of_version:
            if re.search(r"-(win|macosx|ios|android|pyodide|wasi|emscripten)\w*\.whl$", file["filename"]) or "-pp" in file["filename"] \
                    or re.search(r"_(ppc64le|s390x|i686|riscv64|loongarch64)\.whl$", file["filename"]):
                other += 1
                if other > 1:
                    continue
            chosen.append(file)
    order = {file["filename"]: index for index, file in enumerate(files)}
    return sorted(chosen, key=lambda file: order[file["filename"]])


def headers(text):
    message = email.parser.HeaderParser().parsestr(text)
    # The body has nothing that counts, and a field may be as long as it likes.
    return "".join(f"{name}: {' '.join(value.split())}\n" for name in HEADERS for value in message.get_all(name, []))


def of_archive(name, body):
    """(the metadata of a wheel or PKG-INFO of a source, pyproject.toml or None)"""
    if name.endswith((".whl", ".zip")):
        archive = zipfile.ZipFile(io.BytesIO(body))
        names, read = archive.namelist(), lambda one: archive.read(one).decode()
    else:
        archive = tarfile.open(fileobj=io.BytesIO(body))
        names, read = archive.getnames(), lambda one: archive.extractfile(one).read().decode()
    wanted = r"[^/]+\.dist-info/METADATA" if name.endswith(".whl") else r"[^/]+/PKG-INFO"
    metadata = next((read(one) for one in names if re.fullmatch(wanted, one)), "")
    project = next((read(one) for one in names if re.fullmatch(r"[^/]+/pyproject\.toml", one)), None)
    return metadata, project and re.sub(r"(https?://)[\w.-]+", r"\1files.example", project)


class Index:
    """Pages and metadata of the real index, fetched when they are asked for, and kept for the record."""

    def __init__(self):
        from pip._internal.network.session import PipSession
        self.session = PipSession()
        self.pages, self.metadata, self.addresses, self.lock = {}, {}, {}, threading.RLock()

    def page(self, project):
        with self.lock:
            if project not in self.pages:
                answer = self.session.get(f"{choices.index_url().rstrip('/')}/{project}/", headers={"Accept": PACKAGE_JSON})
                self.pages[project] = cut(project, answer.json()["files"]) if answer.status_code == 200 else None
                for file in self.pages[project] or []:
                    self.addresses[file["filename"]] = file["url"]
            return self.pages[project]

    def body(self, name):
        answer = self.session.get(self.addresses[name], headers={"Accept-Encoding": "identity"})
        answer.raise_for_status()
        return answer.content

    def metadata_of(self, name):
        with self.lock:
            if name not in self.metadata:
                answer = self.session.get(self.addresses[name] + ".metadata", headers={"Accept-Encoding": "identity"})
                text = answer.content.decode() if answer.status_code == 200 else of_archive(name, self.body(name))[0]
                self.metadata[name] = [headers(text)]
            return self.metadata[name][0]

    def file(self, name):
        with self.lock:
            body = self.body(name)
            metadata, project_file = of_archive(name, body)
            self.metadata[name] = [headers(metadata)] + ([project_file] if project_file is not None else [])
            return body


def handler(index):
    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self, body, content_type="application/octet-stream"):
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            kind, name = self.path.strip("/").split("/", 1)
            if kind == "files":
                name, _, metadata = name.partition(".metadata") if name.endswith(".metadata") else (name, "", None)
                self.answer(index.file(name) if metadata is None else index.metadata_of(name).encode())
                return
            files = index.page(name)
            if files is None:
                self.send_error(404)
                return
            listed = [{"filename": file["filename"], "url": f"/files/{file['filename']}", "requires-python": file.get("requires-python"),
                       "hashes": file["hashes"] if name in HASHED else {}, "yanked": file["yanked"],
                       "core-metadata": file["filename"].endswith(".whl")} for file in files]
            self.answer(json.dumps({"meta": {"api-version": "1.0"}, "name": name, "files": listed}).encode(), PACKAGE_JSON)

        def log_message(self, *_):
            pass
    return Handler


# ---- pip ----

def run_pip(arguments, environment):
    """pip as it is, or with another environment's tags and markers."""
    from pip._internal.cli.main import main as pip_main
    if environment != OWN:
        from pip._internal.models import target_python
        from pip._vendor.packaging import markers
        tags = list(choices.tag_lists())[environment]
        (major, minor), _, machine, *_, full = choices.ENVIRONMENTS[environment]
        target_python.get_supported = lambda *_, **__: tags
        own = markers.default_environment
        markers.default_environment = lambda: {
            **own(), "platform_machine": machine, "python_version": f"{major}.{minor}", "python_full_version": full,
            "implementation_version": full}
        arguments = arguments + ["--only-binary=:all:", "--python-version", full]
    sys.exit(pip_main(arguments))


def errors_of(text):
    """What pip says when it fails, from its first error on, without where to read more."""
    lines = [line.rstrip() for line in text.splitlines()]
    first = next((number for number, line in enumerate(lines) if line.startswith("ERROR: ")), len(lines))
    conflict = next((number for number, line in enumerate(lines) if line == "The conflict is caused by:"), None)
    told = [line for line in lines[first:] if line.startswith("ERROR: ") and "for help visit" not in line]
    if conflict is not None:
        end = next(number for number in range(conflict, len(lines)) if lines[number].startswith("To fix this you could"))
        told += [line for line in lines[conflict:end] if line]
    return told


def resolve(case, environment, port, folder):
    for name in ("requirements", "constraints"):
        (folder / f"{name}.txt").write_text("".join(line + "\n" for line in case.get(name, [])))
    report = folder / "report.json"
    report.unlink(missing_ok=True)
    arguments = ["install", "--dry-run", "--ignore-installed", "--no-cache-dir", "--report", str(report), "-r", "requirements.txt",
                 "--index-url", f"http://127.0.0.1:{port}/simple/", *case.get("options", [])]
    if case.get("constraints"):
        arguments += ["-c", "constraints.txt"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    done = subprocess.run([sys.executable, __file__, "--pip", str(environment), "--", *arguments], cwd=folder, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**clean, "PIP_CONFIG_FILE": os.devnull,
                          "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_DEFAULT_TIMEOUT": "180"}, check=False)
    result = {**case, "environment": environment}
    if done.returncode == 0:
        result["install"] = sorted([one["metadata"]["name"], one["metadata"]["version"], one["download_info"]["url"].rsplit("/", 1)[1]]
                                   for one in json.loads(report.read_text())["install"])
    else:
        result["error"] = errors_of(done.stdout)
        if not result["error"] or "Failed to build" in result["error"][0]:
            print(done.stdout[-2000:], "\nleft out: what fails here is a build", flush=True)
            return None
    return result


def pack(path, text):
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def record(folder):
    index = Index()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(index))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    results = []
    with tempfile.TemporaryDirectory(prefix="pip-resolutions-") as work:
        for case in CASES:
            for environment in case.pop("environments"):
                result = resolve(case, environment, server.server_port, pathlib.Path(work))
                if result is None:
                    continue
                print(environment, case["requirements"], len(result.get("install", [])), result.get("error", ""), flush=True)
                results.append(result)
    folder.mkdir(parents=True, exist_ok=True)
    pack(folder / "index.tsv.gz", "".join(
        project + "\n" + "".join(
            f"{file['filename']}\t{file.get('requires-python') or ''}\t{'yanked' if file['yanked'] else ''}\t"
            f"{file['hashes']['sha256'] if project in HASHED else ''}\n" for file in files)
        for project, files in sorted(index.pages.items()) if files is not None))
    pack(folder / "metadata.json.gz", json.dumps(index.metadata, sort_keys=True, indent=0))
    pack(folder / "cases.jsonl.gz", "".join(json.dumps(result) + "\n" for result in results))


def main():
    if sys.argv[1] == "--pip":
        run_pip(sys.argv[4:], int(sys.argv[2]))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        record(arguments.folder)
        return
    with tempfile.TemporaryDirectory(prefix="pip-resolutions-") as folder:
        subprocess.run(["/usr/bin/python3", "-m", "venv", f"{folder}/pip"], check=True)
        python = f"{folder}/pip/bin/python"
        subprocess.run([python, "-m", "pip", "install", "-q", f"pip=={choices.PIP}"], check=True)
        subprocess.run([python, __file__, "--inside", *sys.argv[1:]], check=True)


if __name__ == "__main__":
    main()
