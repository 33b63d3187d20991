#!/usr/bin/env python3
"""Makes tests/golden/predict/images: what of base images tells about their Pythons, and what these say of themselves.

  record_image_roots.py FOLDER IMAGE.oci.tar...          (tests/golden/predict/images)

Needs root (chroot, to run the Pythons of amd64) and qemu-aarch64-static for those of arm64. Of folders on the PATH and of
libraries only what has to do with Python or the C library is kept; of programs and libraries their heads and every text
that looks like a version, with its place, so that a reader of the fixture has to find the right one.

NAME.json.gz: {"files": {PATH: ["folder"] | ["link", TARGET] | ["file", SIZE, [[OFFSET, BASE64], ...]]},
               "told": [{what one Python says of itself}, ...]}
"""
import base64
import gzip
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile

BIN = re.compile(r"(usr/local/|usr/|)s?bin/(python|pypy|pip|uv|poetry|pdm|pipenv|idle|pydoc)[^/]*")
LIBRARIES = re.compile(r"(usr/)?lib(64|32)?(/[\w-]+-linux-\w+)?/(libc\.so\.6|libc-[\d.]+\.so|ld-[^/]*|libpython[^/]*)")
PYTHON = re.compile(r"usr/(local/)?(lib|include)/python[\d.]+t?/(os\.py|EXTERNALLY-MANAGED|patchlevel\.h|"
                    r"(site|dist)-packages/[^/]+\.(dist|egg)-info|(site|dist)-packages/[^/]+\.dist-info/METADATA)")
OTHER = re.compile(r"(etc|usr/lib)/(os-release|debian_version)|lib(64|32)?|s?bin|lib/apk/db/installed")
VERSIONS = re.compile(rb"\0\d+\.\d+\.\d+[^\0]{0,12}\0|GNU C Library[^\0]{0,300}")
ASK = """
import json, os, platform, sys, sysconfig
try:
    from importlib import metadata
    found = sorted([d.metadata["Name"], d.version] for d in metadata.distributions())
except ImportError:
    found = []
print(json.dumps({"path": sys.argv[1], "version": platform.python_version(), "prefix": sys.prefix,
                  "libc": list(platform.libc_ver()), "machine": sysconfig.get_platform(), "installed": found,
                  "managed": os.path.exists(sysconfig.get_path("stdlib") + "/EXTERNALLY-MANAGED")}))
"""


def manifests(image):
    """(architecture, layers) of each platform of an archive."""
    def document(digest):
        return json.load(image.extractfile("blobs/sha256/" + digest.split(":")[1]))
    index = json.load(image.extractfile("index.json"))
    while index["manifests"][0]["mediaType"].endswith("index.v1+json"):
        index = document(index["manifests"][0]["digest"])
    for manifest in index["manifests"]:
        one = document(manifest["digest"])
        architecture = document(one["config"]["digest"])["architecture"]
        yield architecture, [layer["digest"] for layer in one["layers"]]


def unpack(image, layers, root):
    for digest in layers:
        with image.extractfile("blobs/sha256/" + digest.split(":")[1]) as blob, tarfile.open(fileobj=blob, mode="r|*") as layer:
            for entry in layer:
                if not entry.isdev():
                    layer.extract(entry, root)


def told(root, architecture):
    answers = []
    for path in sorted(root.glob("usr/bin/python*")) + sorted(root.glob("usr/local/bin/python*")):
        inside = "/" + path.relative_to(root).as_posix()
        if not re.fullmatch(r"/usr/(local/)?bin/python\d*(\.\d+)?t?", inside):
            continue
        if architecture == "amd64":
            command = ["/usr/sbin/chroot", root, inside]
        else:
            command = ["/usr/bin/qemu-aarch64-static", "-L", root, path.resolve() if root in path.resolve().parents else root / os.readlink(path)[1:]]
        done = subprocess.run([*command, "-E", "-c", ASK, inside], stdout=subprocess.PIPE, text=True, check=True,
                              env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent"})
        answer = json.loads(done.stdout)
        if architecture != "amd64":
            # The emulator shows this machine's folders beside the image's.
            for name in ("prefix", "installed", "managed"):
                answer.pop(name)
        answers.append(answer)
    return answers


def kept(path):
    if path.is_symlink():
        return ["link", os.readlink(path)]
    if path.is_dir():
        return ["folder"]
    body = path.read_bytes()
    if body.startswith(b"\x7fELF"):
        pieces = [(0, body[:1024])] + [(found.start(), found.group()) for found in VERSIONS.finditer(body, 1024)]
    else:
        pieces = [(0, body[:65536] if path.name in ("os-release", "patchlevel.h", "installed") else body[:200])]
    return ["file", len(body), [[offset, base64.b64encode(piece).decode()] for offset, piece in pieces]]


def files_of(root):
    files = {}
    for folder, folders, names in os.walk(root):
        for name in sorted(folders + names):
            path = pathlib.Path(folder, name)
            inside = path.relative_to(root).as_posix()
            if any(pattern.fullmatch(inside) for pattern in (BIN, LIBRARIES, PYTHON, OTHER)):
                files["/" + inside] = kept(path)
    for path in list(files):
        for folder in pathlib.PurePosixPath(path).parents:
            if str(folder) != "/":
                files.setdefault(str(folder), ["folder"])
    return dict(sorted(files.items()))


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for archive in sys.argv[2:]:
        name = pathlib.Path(archive).name.split("-amd64")[0]
        with tarfile.open(archive) as image:
            for architecture, layers in manifests(image):
                with tempfile.TemporaryDirectory(prefix="image-root-") as work:
                    root = pathlib.Path(work)
                    unpack(image, layers, root)
                    record = {"files": files_of(root), "told": told(root, architecture)}
                text = json.dumps(record, indent=0).encode()
                (folder / f"{name}-{architecture}.json.gz").write_bytes(gzip.compress(text, 9, mtime=0))
                print(name, architecture, len(record["files"]), [one["path"] for one in record["told"]], flush=True)


if __name__ == "__main__":
    main()
