#!/usr/bin/env python3
"""A small Python package index for tests: tiny wheels and source distributions, made here, served on loopback.

Nothing is downloaded: even the build backend of the source distributions is a wheel of this index, so that
installing them exercises build isolation. The same version of this file makes the same bytes every time.

  package_index.py [--port N] [--package NAME==VERSION:KIND]... [--log FILE]
      serves http://127.0.0.1:PORT/simple/ until it is terminated; the first line on stdout is that URL
  package_index.py --folder DIR [--package ...]
      writes the files into DIR (for pip --find-links) and ends

Kinds: pure-wheel, platform-wheel (both architectures, also musl), pure-sdist, c-sdist (needs a C compiler and
Python.h), slow-c-sdist (the same, some seconds of compiling), missing-header-sdist (never compiles), pep517-sdist (a pure sdist whose backend is in its own tree,
so nothing else is fetched), script-wheel (has a console script).
"""
import argparse
import base64
import gzip
import hashlib
import http.server
import io
import pathlib
import re
import sys
import tarfile
import zipfile

EPOCH = 1577836800  # 2020-01-01, so that archives have no time of their own
ZIP_TIME = (2020, 1, 1, 0, 0, 0)
BACKEND = "tinybackend"
BACKEND_VERSION = "1.0"
PLATFORM_TAGS = [
    f"{libc}_{architecture}"
    for libc in ("manylinux_2_17", "musllinux_1_1")
    for architecture in ("x86_64", "aarch64")
]
DEFAULT_PACKAGES = [
    "purepkg==1.2.0:pure-wheel", "purepkg==1.1.0:pure-wheel", "scriptpkg==0.3:script-wheel",
    "binpkg==2.0.1:platform-wheel", "cextpkg==0.9:c-sdist", "puresrc==3.1:pure-sdist",
    "intree==0.1:pep517-sdist", "headerless==1.0:missing-header-sdist",
]

# A complete PEP 517 backend: reads PKG-INFO, packs the package folder, compiles src/*.c if there are any.
BACKEND_SOURCE = '''\
"""Build backend for the test index: no dependencies, no options, deterministic output."""
import base64
import hashlib
import os
import pathlib
import subprocess
import sys
import sysconfig
import zipfile


def _field(name):
    for line in pathlib.Path("PKG-INFO").read_text().splitlines():
        if line.startswith(name + ": "):
            return line.split(": ", 1)[1]
    raise SystemExit("PKG-INFO has no " + name)


def _compile(package):
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    made = []
    for source in sorted(pathlib.Path("src").glob("*.c")):
        target = pathlib.Path(package) / (source.stem + suffix)
        compiler = os.environ.get("CC", "gcc")
        command = [compiler, "-shared", "-fPIC", "-g0", "-O2", "-I", sysconfig.get_paths()["include"],
                   "-I", sysconfig.get_paths()["platinclude"], str(source), "-o", str(target)]
        print("running", " ".join(command), flush=True)
        try:
            done = subprocess.run(command)
        except FileNotFoundError as error:
            raise SystemExit("error: command '%s' failed: %s" % (compiler, error.strerror))
        if done.returncode != 0:
            raise SystemExit("error: command '%s' failed with exit code %d" % (compiler, done.returncode))
        made.append(target)
    return made


def get_requires_for_build_wheel(config_settings=None):
    return []


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    info = "%s-%s.dist-info" % (_field("Name"), _field("Version"))
    folder = pathlib.Path(metadata_directory) / info
    folder.mkdir()
    folder.joinpath("METADATA").write_bytes(pathlib.Path("PKG-INFO").read_bytes())
    folder.joinpath("WHEEL").write_text("Wheel-Version: 1.0\\nGenerator: tinybackend 1.0\\nRoot-Is-Purelib: true\\n")
    return info


def write_wheel(wheel_directory, tag, files):
    """`files`: path -> bytes, without the records, which are added."""
    name, version = _field("Name"), _field("Version")
    info = "%s-%s.dist-info" % (name, version)
    files = dict(files)
    files[info + "/METADATA"] = pathlib.Path("PKG-INFO").read_bytes()
    purelib = "true" if tag.endswith("any") else "false"
    files[info + "/WHEEL"] = ("Wheel-Version: 1.0\\nGenerator: tinybackend 1.0\\nRoot-Is-Purelib: %s\\nTag: %s\\n"
                              % (purelib, tag)).encode()
    record = ""
    for path, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record += "%s,sha256=%s,%d\\n" % (path, digest, len(data))
    files[info + "/RECORD"] = (record + info + "/RECORD,,\\n").encode()
    file_name = "%s-%s-%s.whl" % (name, version, tag)
    with zipfile.ZipFile(os.path.join(wheel_directory, file_name), "w") as archive:
        for path, data in files.items():
            entry = zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0))
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, data)
    return file_name


def contents():
    """Tag and files of the wheel, compiled where there is something to compile."""
    name = _field("Name")
    tag = "py3-none-any"
    if _compile(name):
        interpreter = "cp%d%d" % sys.version_info[:2]
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        tag = "%s-%s-%s" % (interpreter, interpreter, platform)
    return tag, {p.as_posix(): p.read_bytes() for p in sorted(pathlib.Path(name).rglob("*"))
                 if p.is_file() and "__pycache__" not in p.parts}


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    return write_wheel(wheel_directory, *contents())
'''

C_SOURCE = '''\
#include <Python.h>

static PyObject* answer(PyObject* self, PyObject* arguments) {
  (void)self;
  (void)arguments;
  return PyLong_FromLong(42);
}

static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, "Always 42."}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "native", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_native(void) { return PyModule_Create(&module); }
'''


def metadata(name, version, fields=()):
    """`fields`: further lines, like "Requires-Dist: six"."""
    return "".join(f"{line}\n" for line in ("Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}",
                                            "Summary: Made for a test", *fields))


def wheel_bytes(name, version, tags, files, fields=()):
    """A wheel: `files` plus a dist-info with one Tag line per tag; `fields` of its METADATA."""
    info = f"{name}-{version}.dist-info"
    pure = "true" if tags[0].endswith("any") else "false"
    files = dict(files)
    files[f"{info}/METADATA"] = metadata(name, version, fields)
    files[f"{info}/WHEEL"] = (f"Wheel-Version: 1.0\nGenerator: package_index 1.0\nRoot-Is-Purelib: {pure}\n"
                              + "".join(f"Tag: {tag}\n" for tag in tags))
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(text.encode())}\n"
    files[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in files.items():
            entry = zipfile.ZipInfo(path, ZIP_TIME)
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, text)
    return buffer.getvalue()


def sdist_bytes(name, version, files, fields=()):
    """A source distribution; the gzip header has no name and a fixed time."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, text in sorted({"PKG-INFO": metadata(name, version, fields), **files}.items()):
            info = tarfile.TarInfo(f"{name}-{version}/{path}")
            info.size, info.mtime, info.mode = len(text.encode()), EPOCH, 0o644
            archive.addfile(info, io.BytesIO(text.encode()))
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=EPOCH, filename="") as archive:
        archive.write(raw.getvalue())
    return packed.getvalue()


def pyproject(in_tree):
    if in_tree:
        return f'[build-system]\nrequires = []\nbuild-backend = "{BACKEND}"\nbackend-path = ["backend"]\n'
    return f'[build-system]\nrequires = ["{BACKEND}>=1.0"]\nbuild-backend = "{BACKEND}"\n'


def make_wheels(name, version, kind):
    code = {f"{name}/__init__.py": f'version = "{version}"\n\n\ndef main():\n    print("{name} {version}")\n'}
    if kind == "platform-wheel":
        for platform in PLATFORM_TAGS:
            tag = f"cp311-cp311-{platform}"
            files = {**code, f"{name}/data.bin": f"made for {platform}\n"}
            yield f"{name}-{version}-{tag}.whl", wheel_bytes(name, version, [tag], files)
        return
    if kind == "script-wheel":
        code[f"{name}-{version}.dist-info/entry_points.txt"] = f"[console_scripts]\n{name} = {name}:main\n"
    yield f"{name}-{version}-py3-none-any.whl", wheel_bytes(name, version, ["py3-none-any"], code)


SLOW_C_FUNCTION = """
double slow_%(number)d(double *a, int n) {
  double sum = %(number)d;
  for (int i = 0; i < n; ++i) for (int j = 0; j < i; ++j) sum += a[i] * a[j] / (1 + sum * j);
  return sum;
}
"""


def make_sdist(name, version, kind):
    files = {f"{name}/__init__.py": f'version = "{version}"\n', "pyproject.toml": pyproject(kind == "pep517-sdist")}
    if kind == "pep517-sdist":
        files[f"backend/{BACKEND}.py"] = BACKEND_SOURCE
    if kind in ("c-sdist", "slow-c-sdist"):
        files["src/native.c"] = C_SOURCE
    if kind == "slow-c-sdist":
        files["src/slow.c"] = "".join(SLOW_C_FUNCTION % {"number": i} for i in range(700))
    if kind == "missing-header-sdist":
        files["src/native.c"] = "#include <openssl/not_there.h>\n" + C_SOURCE
    yield f"{name}-{version}.tar.gz", sdist_bytes(name, version, files)


def make_files(specifications):
    """File name -> bytes for every package, the build backend included."""
    files = {f"{BACKEND}-{BACKEND_VERSION}-py3-none-any.whl":
             wheel_bytes(BACKEND, BACKEND_VERSION, ["py3-none-any"], {f"{BACKEND}.py": BACKEND_SOURCE})}
    for text in specifications:
        match = re.fullmatch(r"([a-z0-9_]+)==([0-9][0-9.]*):([a-z0-9-]+)", text)
        if not match:
            raise SystemExit(f"package_index: '{text}' is not NAME==VERSION:KIND")
        name, version, kind = match.groups()
        if kind in ("pure-wheel", "platform-wheel", "script-wheel"):
            files.update(make_wheels(name, version, kind))
        elif kind in ("pure-sdist", "c-sdist", "slow-c-sdist", "missing-header-sdist", "pep517-sdist"):
            files.update(make_sdist(name, version, kind))
        else:
            raise SystemExit(f"package_index: no kind '{kind}'")
    return files


def project_of(file_name):
    name = file_name.split("-")[0] if file_name.endswith(".whl") else file_name.rsplit("-", 1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


class Handler(http.server.BaseHTTPRequestHandler):
    files = {}
    log = None
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        parts = [part for part in self.path.split("?")[0].split("/") if part]
        if parts == ["simple"]:
            self.page(sorted({project_of(name) for name in self.files}), lambda name: f"/simple/{name}/")
        elif len(parts) == 2 and parts[0] == "simple":
            names = sorted(name for name in self.files if project_of(name) == parts[1])
            self.page(names, lambda name: f"/files/{name}#sha256={hashlib.sha256(self.files[name]).hexdigest()}")
        elif len(parts) == 2 and parts[0] == "files" and parts[1] in self.files:
            self.answer(200, "application/octet-stream", self.files[parts[1]])
        else:
            self.answer(404, "text/plain", b"not here\n")

    def page(self, names, link):
        if not names:
            self.answer(404, "text/plain", b"no such project\n")
            return
        rows = "".join(f'<a href="{link(name)}">{name}</a>\n' for name in names)
        self.answer(200, "text/html", f"<!DOCTYPE html><html><body>\n{rows}</body></html>\n".encode())

    def answer(self, status, media_type, body):
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=3600")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, form, *arguments):
        if self.log:
            self.log.write(form % arguments + "\n")
            self.log.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--package", action="append", metavar="NAME==VERSION:KIND")
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--log", help="file for one line per request")
    options = parser.parse_args()
    files = make_files(options.package or DEFAULT_PACKAGES)
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (options.folder / name).write_bytes(data)
        return
    Handler.files = files
    Handler.log = open(options.log, "a", encoding="utf-8") if options.log else None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    server.daemon_threads = True
    print(f"http://127.0.0.1:{server.server_address[1]}/simple/", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
