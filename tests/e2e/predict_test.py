"""`crossmill predict` on a real farm: before a build, then the build itself, then both beside each other.

The package index is the test's own, on the machine's loopback. Needs the stand-in for python:3.11 that
scripts/base-images keeps (stand_ins.py).
"""
import hashlib
import http.server
import io
import json
import pathlib
import re
import struct
import tarfile
import tempfile
import threading
import unittest
import zipfile

import stand_ins
import tiny_base
from farm import FarmTestCase, main, require_root_and_user


def wheel(name, version, tag="py3-none-any", requires=(), python=">=3.6"):
    """File name and bytes of a wheel with one module."""
    out = io.BytesIO()
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(f"{name}.py", f"version = '{version}'\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Python: {python}\n"
                         + "".join(f"Requires-Dist: {one}\n" for one in requires))
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return f"{name}-{version}-{tag}.whl", out.getvalue()


BACKEND = '''
import zipfile
def get_requires_for_build_wheel(config_settings=None):
    return []
def build_wheel(folder, config_settings=None, metadata_directory=None):
    name, version = [line.split(": ")[1] for line in open("PKG-INFO").read().splitlines()[1:3]]
    file = f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(f"{folder}/{file}", "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{info}/METADATA", open("PKG-INFO").read())
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr(f"{info}/RECORD", f"{name}.py,,\\n{info}/METADATA,,\\n{info}/WHEEL,,\\n{info}/RECORD,,\\n")
    return file
'''


def source(name, version, requires=()):
    """File name and bytes of a source that builds with a backend of its own, without anything else."""
    out = io.BytesIO()
    texts = {"PKG-INFO": f"Metadata-Version: 2.2\nName: {name}\nVersion: {version}\n" + "".join(f"Requires-Dist: {one}\n" for one in requires),
             "pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'own'\nbackend-path = ['.']\n", "own.py": BACKEND}
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for path, text in texts.items():
            info = tarfile.TarInfo(f"{name}-{version}/{path}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return f"{name}-{version}.tar.gz", out.getvalue()


def python_root(machine, loader, library, flags=0, big=False, bits=64):
    """A layer with what a prediction looks at in a Python's image: nothing of it could run."""
    order, wide = ">" if big else "<", "Q" if bits == 64 else "I"
    head, entry = (64, 56) if bits == 64 else (52, 32)
    program = struct.pack(f"{order}4sBBB9xHHI{wide * 3}IHHHHHH", b"\x7fELF", bits // 32, 2 if big else 1, 1, 3, machine, 1, 0, head, 0, flags,
                          head, entry, 1, 0, 0, 0)
    text = loader.encode() + b"\0"
    program += (struct.pack(f"{order}IIQQQQQQ", 3, 4, head + entry, 0, 0, len(text), len(text), 1) if bits == 64 else
                struct.pack(f"{order}IIIIIIII", 3, head + entry, 0, 0, len(text), len(text), 4, 1)) + text
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        def add(name, data=b"", link=""):
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.linkname, info.type = len(data), 0o755, link, tarfile.SYMTYPE if link else tarfile.REGTYPE
            tar.addfile(info, io.BytesIO(data))
        add("usr/bin/python3.11", program)
        add("usr/bin/python3", link="python3.11")
        add("usr/bin/pip", b"#!/usr/bin/python3.11\n")
        add("usr/lib/python3.11/site-packages/pip-24.0.dist-info/METADATA", b"Metadata-Version: 2.1\nName: pip\nVersion: 24.0\n")
        for path, data in library.items():
            add(path, data)
    return out.getvalue()


MUSL = {"lib/ld-musl-x86_64.so.1": b"\x7fELF musl libc (x86_64)\nVersion %s\n\x001.2.5\x00"}


def glibc(path):
    return {path: b"\x7fELF" + b"\1" * 100 + b"GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\nCopyright (C)"}


class Index(http.server.ThreadingHTTPServer):
    """PEP 691 without PEP 658: metadata is in the files. `add` may be called while it serves."""
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.projects, self.contents = {}, {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/simple/"

    def add(self, file, yanked=False, python=None, uploaded="2024-01-01T00:00:00Z"):
        name, content = file
        project = re.sub(r"[-_.]+", "-", name.split("-")[0]).lower()
        self.contents[name] = content
        self.projects.setdefault(project, []).append({
            "filename": name, "url": f"/files/{name}", "hashes": {"sha256": hashlib.sha256(content).hexdigest()},
            "size": len(content), "upload-time": uploaded, "yanked": yanked, **({"requires-python": python} if python else {})})


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        parts = self.path.strip("/").split("/")
        body, kind = None, "application/octet-stream"
        if parts[0] == "simple" and parts[-1] in self.server.projects:
            files = self.server.projects[parts[-1]]
            body = json.dumps({"meta": {"api-version": "1.1"}, "name": parts[-1], "versions": [], "files": files}).encode()
            kind = "application/vnd.pypi.simple.v1+json"
        elif parts[0] == "files":
            body = self.server.contents.get(parts[-1])
        self.send_response(200 if body is not None else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_):
        pass


class PredictTest(FarmTestCase):
    tiny_architectures = ()

    @classmethod
    def setUpClass(cls):
        require_root_and_user()
        base = stand_ins.find("python:3.11")
        if base is None:
            raise unittest.SkipTest(stand_ins.why_missing("python:3.11"))
        cls.index = Index()
        cls.addClassCleanup(cls.index.shutdown)
        cls.fill()
        options = ["--index-url", cls.index.url]
        cls.farm_options = {"workers": 1, "worker_options": options, "coordinator_options": options,
                            "worker_environment": {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}}
        super().setUpClass()
        cls.farm.import_base("python:3.11", base)

    @classmethod
    def fill(cls):
        add = cls.index.add
        add(wheel("pure", "1.0", requires=["leaf>=1; python_version >= '3'"]))
        add(wheel("leaf", "1.5"))
        add(wheel("leaf", "2.0"), yanked=True)
        add(wheel("leaf", "3.0", python=">=3.99"), python=">=3.99")
        # Only for one architecture and libc; the source is for the others.
        add(wheel("fast", "1.0", "cp311-cp311-manylinux_2_17_x86_64"))
        add(source("fast", "1.0", requires=["leaf"]))
        add(wheel("binary", "1.0", "cp311-cp311-manylinux_2_17_x86_64"))

    def predict(self, *arguments, code=0):
        result = self.farm.cli("predict", "--json", "--platform", "linux/amd64,linux/arm64", *arguments, self.context)
        self.assert_exit(result, code)
        return json.loads(result.stdout)

    @staticmethod
    def told(forecast, platform):
        return {package["name"]: (package["outcome"], package["version"], package["file_name"])
                for one in forecast["platforms"] if one["platform"] == platform
                for step in one["steps"] for install in step["installs"] for package in install["packages"]}

    def test_predicted_then_built_then_compared(self):
        self.write("requirements.txt", "pure\nfast\n")
        self.dockerfile("FROM python:3.11\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install --no-cache-dir -r requirements.txt\n")
        forecast = self.predict()
        self.assertEqual(self.told(forecast, "linux/amd64"), {
            "fast": ("wheel", "1.0", "fast-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"),
            "leaf": ("wheel", "1.5", "leaf-1.5-py3-none-any.whl"), "pure": ("wheel", "1.0", "pure-1.0-py3-none-any.whl")})
        arm = self.told(forecast, "linux/arm64")
        self.assertEqual(arm["fast"][:2], ("source", "1.0"))
        reasons = [reason["kind"] for one in forecast["platforms"] if one["platform"] == "linux/arm64"
                   for step in one["steps"] for install in step["installs"] for package in install["packages"]
                   if package["name"] == "fast" for reason in package["reasons"]]
        self.assertIn("no-wheel-for-architecture", reasons)
        self.assert_exit(self.build("--platform", "linux/amd64"), 0)
        # What comes to the index after the build's submission does not count.
        self.index.add(wheel("pure", "9.0"), uploaded="2099-01-01T00:00:00Z")
        self.addCleanup(lambda: self.index.projects["pure"].pop())
        result = self.farm.cli("predict", "--json", "--against", "latest")
        self.assert_exit(result, 0)
        against = json.loads(result.stdout)
        step, = against["observed"]
        self.assertTrue(step["executed"])
        self.assertEqual(step["differences"], [])
        self.assertEqual({p["name"]: p["outcome"] for p in step["packages"] if p["scope"] == "runtime"},
                         {"pure": "wheel", "leaf": "wheel", "fast": "wheel"})

    def test_what_comes_otherwise_is_called_out(self):
        self.dockerfile("FROM python:3.11\nRUN pip install --no-cache-dir --no-binary fast fast\n")
        self.assert_exit(self.build("--platform", "linux/amd64"), 0)
        equal = self.farm.cli("predict", "--against", "latest")
        self.assert_exit(equal, 0)
        self.assert_says(equal, "1 of 1 steps came as predicted")
        # The index lies: a file that is older than the build, and was not there.
        self.index.add(wheel("leaf", "1.9"))
        self.addCleanup(lambda: self.index.projects["leaf"].pop())
        other = self.farm.cli("predict", "--against", "latest")
        self.assert_exit(other, 1)
        self.assert_says(other, "leaf: 1.9 was predicted, 1.5 came", "≠")
        past = json.loads(self.farm.cli("predict", "--json", "--against", "latest").stdout)["past_compiles"]
        self.assertEqual([(one["name"], one["platform"], one["emulated"]) for one in past], [("fast", "linux/amd64", False)])

    def test_what_the_cache_has_is_what_a_build_takes(self):
        self.index.add(wheel("moving", "1.0"))
        self.dockerfile("FROM python:3.11\nRUN pip install --no-cache-dir moving\n")
        self.assert_exit(self.build("--platform", "linux/amd64"), 0)
        step = self.predict()["platforms"][0]["steps"][0]
        self.assertTrue(step["cached"])
        self.assertEqual(step["cached_differences"], [])
        self.index.add(wheel("moving", "2.0"))
        step = self.predict()["platforms"][0]["steps"][0]
        self.assertEqual([one["sentence"] for one in step["cached_differences"]], ["moving: 2.0 was predicted, 1.0 came."])
        self.assertFalse(step["installs"][0]["packages"][0]["certain"])

    def test_nothing_fits(self):
        self.dockerfile("FROM python:3.11\nRUN pip install binary\n")
        forecast = self.predict(code=1)
        self.assertEqual(self.told(forecast, "linux/amd64")["binary"][0], "wheel")
        self.assertEqual(self.told(forecast, "linux/arm64")["binary"][0], "none")
        text = self.farm.cli("predict", "--platform", "linux/amd64,linux/arm64", self.context)
        self.assert_says(text, "No matching distribution found for binary", "aarch64")

    def test_a_platform_that_the_base_lacks(self):
        self.dockerfile("FROM python:3.11\nRUN pip install pure\n")
        result = self.farm.cli("predict", "--platform", "linux/amd64,linux/s390x", self.context)
        self.assert_exit(result, 1)
        self.assert_says(result, "pure", "nothing is known", "has no platform linux/s390x")

    def import_made(self, name, images):
        with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
            archive = pathlib.Path(folder, "base.tar")
            tiny_base.write_layout(archive, images)
            self.farm.import_base(name, archive)

    def test_platforms_that_no_worker_has(self):
        self.import_made("made", [("s390x", [python_root(22, "/lib/ld64.so.1", glibc("lib/s390x-linux-gnu/libc.so.6"), big=True)])])
        self.index.add(wheel("far", "1.0", "cp311-cp311-manylinux_2_28_s390x"))
        self.dockerfile("FROM made\nRUN pip install far fast\n")
        result = self.farm.cli("predict", "--json", "--platform", "linux/s390x", self.context)
        self.assert_exit(result, 0)
        forecast = json.loads(result.stdout)
        told = self.told(forecast, "linux/s390x")
        self.assertEqual(told["far"], ("wheel", "1.0", "far-1.0-cp311-cp311-manylinux_2_28_s390x.whl"))
        self.assertEqual(told["fast"][0], "source")
        python = forecast["platforms"][0]["steps"][0]["installs"][0]["python"]
        self.assertEqual((python["machine"], python["libc"]), ("s390x", "glibc 2.36"))

    def test_musl(self):
        self.import_made("python:3.11-alpine", [("amd64", [python_root(62, "/lib/ld-musl-x86_64.so.1", MUSL)])])
        self.write("requirements.txt", "pure\nfast==1.0\nbinary\n")
        self.dockerfile("FROM python:3.11-alpine\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install --no-cache-dir fast\n"
                        "RUN pip install --no-cache-dir -r requirements.txt\n")
        result = self.farm.cli("predict", "--platform", "linux/amd64", self.context)
        self.assert_exit(result, 1)
        self.assert_says(result, "The wheels of fast 1.0 for x86_64 and this Python need glibc; here is musl 1.2.")
        findings = json.loads(self.farm.cli("check", "--json", "--platform", "linux/amd64", self.context).stdout)["findings"]
        told = {one["line"]: one["message"] for one in findings if one["rule"] == "NoMuslWheel"}
        self.assertIn("fast has no wheel for python:3.11-alpine", told[4])
        self.assertIn("fast (requirements.txt:2)", told[5])
        self.assertIn("binary (requirements.txt:3)", told[5])
        self.assertNotIn("pure", told[5])

    def test_what_is_not_known_is_said(self):
        self.dockerfile("FROM python:3.11\nRUN touch /changed\nRUN pip install pure\nRUN make --version || true\n")
        first = {step["line"]: step for step in self.predict()["platforms"][0]["steps"]}
        self.assertIn("what RUN on line 2 changes is not known", first[3]["doubts"][0])
        self.assertFalse(any(package["certain"] for package in first[3]["installs"][0]["packages"]))
        self.assertTrue(first[4]["not_predicted"])
        # Once it has run it is known.
        self.assert_exit(self.build("--platform", "linux/amd64"), 0)
        second = {step["line"]: step for step in self.predict()["platforms"][0]["steps"]}
        self.assertEqual(second[3]["doubts"], [])
        self.assertTrue(all(package["certain"] for package in second[3]["installs"][0]["packages"]))

    def test_the_indexes_that_a_step_has(self):
        other = Index()
        self.addCleanup(other.shutdown)
        other.add(wheel("pure", "7.0"))
        self.write("pip.conf", f"[global]\nindex-url = {other.url}\n")
        self.dockerfile("FROM python:3.11\nCOPY pip.conf /etc/pip.conf\nRUN pip install pure\n")
        self.assertEqual(self.told(self.predict(), "linux/amd64")["pure"][1], "7.0")
        self.dockerfile(f"FROM python:3.11\nENV PIP_INDEX_URL={other.url}\nRUN pip install pure\n")
        self.assertEqual(self.told(self.predict(), "linux/amd64")["pure"][1], "7.0")
        self.dockerfile("FROM python:3.11\nRUN --network=none pip install pure\n")
        step = self.predict()["platforms"][0]["steps"][0]
        self.assertFalse(step["installs"][0]["known"])
        self.assertIn("no network", step["installs"][0]["failure"][0])

    def test_an_index_that_does_not_answer_is_no_empty_one(self):
        dead = Index()
        dead.shutdown()
        dead.server_close()
        self.dockerfile(f"FROM python:3.11\nRUN pip install -i {dead.url} pure\n")
        steps = self.predict()["platforms"][0]["steps"]
        self.assertEqual(steps[0]["installs"], [])
        self.assertIn("127.0.0.1", steps[0]["not_predicted"][0]["why"])

    def test_frozen_by_date(self):
        self.index.add(wheel("dated", "1.0"), uploaded="2024-01-01T00:00:00Z")
        self.index.add(wheel("dated", "2.0"), uploaded="2025-01-01T00:00:00Z")
        self.dockerfile("FROM python:3.11\nRUN pip install dated\n")
        self.assertEqual(self.told(self.predict(), "linux/amd64")["dated"][1], "2.0")
        self.assertEqual(self.told(self.predict("--exclude-newer", "2024-06-01"), "linux/amd64")["dated"][1], "1.0")

    def test_a_mistake_in_the_recipe(self):
        self.dockerfile("FROM python:3.11\nCOPY missing.txt /\nRUN pip install pure\n")
        result = self.farm.cli("predict", self.context)
        self.assert_exit(result, 1)
        self.assert_says(result, "Dockerfile:2", "missing.txt")


if __name__ == "__main__":
    main()
