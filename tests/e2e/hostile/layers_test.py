#!/usr/bin/env python3
"""Hostile base images: archives that are imported, and layers that are built on."""
import json
import tarfile

from corpus import NASTY, Case, HostileTest, corpus
from archives_test import entry, patched, tar
from farm import main, tiny_archive
from registries_test import ARCHITECTURE, CONFIG, INDEX, LAYER, MANIFEST, descriptor, digest

BUSYBOX = None


def layer(*members):
    return tar(*members, dockerfile=False)


def tiny_layer():
    """The layer of the tiny base: enough for RUN."""
    global BUSYBOX
    if BUSYBOX is None:
        with tarfile.open(tiny_archive()) as archive:
            BUSYBOX = max((archive.extractfile(member).read() for member in archive if member.name.startswith("blobs/")), key=len)
    return BUSYBOX


def layout(layers, config=None, manifest=None, index=None, extra=None):
    """An OCI layout tar of one image with these layers; the functions change its documents."""
    document = {"architecture": ARCHITECTURE, "os": "linux", "config": {"Env": ["PATH=/bin"], "Cmd": ["sh"]},
                "rootfs": {"type": "layers", "diff_ids": [digest(data) for data in layers]}}
    document = config(document) if config else document
    blob = document if isinstance(document, bytes) else json.dumps(document).encode()
    top = {"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(blob, CONFIG),
           "layers": [descriptor(data, LAYER) for data in layers]}
    top = manifest(top) if manifest else top
    top = top if isinstance(top, bytes) else json.dumps(top).encode()
    list_ = {"schemaVersion": 2, "manifests": [descriptor(top, MANIFEST)]}
    list_ = index(list_) if index else list_
    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": list_ if isinstance(list_, bytes) else json.dumps(list_).encode()}
    for data in (blob, top, *layers):
        files["blobs/" + digest(data).replace(":", "/")] = data
    files |= extra or {}
    return tar(*files.items(), dockerfile=False)


def sized(name, size):
    """A file whose header says a size that is not there."""
    return patched(tar((name, b"x"), dockerfile=True), 124, b"\x80\0\0\0" + size.to_bytes(8, "big"))[1024:]


def lazily(*layers, **documents):
    return lambda: layout([make() if callable(make) else make for make in layers], **documents)


DOCKER_CONFIG = json.dumps({"architecture": ARCHITECTURE, "os": "linux", "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "8" * 64]}}).encode()

IMPORTS = [
    Case("layer-other-diff-id", "a layer whose content is not the config's diffID", "digests of unpacked layers", r"diffID", lazily(layer("f"), config=lambda c: {**c, "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "5" * 64]}})),
    Case("blob-other-digest", "a blob under another's name", "digests of blobs", r"digest", lazily(layer("f"), extra={"blobs/sha256/" + "6" * 64: b"evil"})),
    Case("blob-missing", "a layer that is not in the archive", "blobs are looked for", r"not|missing", lazily(layer("f"), manifest=lambda m: {**m, "layers": m["layers"] + [descriptor(b"gone", LAYER)]})),
    Case("layout-is-link", "an index.json that is a link to /etc/passwd", "entries of the archive are files", r"index.json|layout|not an image|neither", lambda: layer(("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'), entry("index.json", tarfile.SYMTYPE, "/etc/passwd"))),
    Case("layout-parent", "blobs/sha256/../../../../tmp/hostile", "names of entries", r"\.\.", lazily(layer("f"), extra={"blobs/sha256/../../../../tmp/hostile": b"x"})),
    Case("index-not-json", "an index.json of random bytes", "documents are JSON", r"JSON", lazily(layer("f"), index=lambda i: b"\xff\xfe\x00")),
    Case("index-huge", "an index.json of 9 MB", "largest document (8 MiB)", r"large|8388608|bytes|JSON", lazily(layer("f"), index=lambda i: json.dumps(i).encode() + b" " * (9 << 20))),
    Case("index-nested-json", "an index.json nested 200,000 deep", "depth of JSON", r"JSON|manifests|index", lazily(layer("f"), index=lambda i: b'{"a":' * 200000 + b"1" + b"}" * 200000)),
    Case("index-many-images", "an index.json of two images, none chosen", "which image it is has to be said", r"several|two|which|name", lazily(layer("f"), index=lambda i: {**i, "manifests": i["manifests"] + [descriptor(b"other", MANIFEST)]})),
    Case("manifest-member-types", "a manifest whose layers are text", "members of documents", r"layers", lazily(layer("f"), manifest=lambda m: {**m, "layers": "none"})),
    Case("manifest-layer-negative", "a layer of -5 bytes", "members of documents", r"size", lazily(layer("f"), manifest=lambda m: {**m, "layers": [{**m["layers"][0], "size": -5}]})),
    Case("manifest-digest-path", "a layer whose digest is a path", "digests are 64 hex digits", r"digest|sha256", lazily(layer("f"), manifest=lambda m: {**m, "layers": [{**m["layers"][0], "digest": "sha256:../../../../etc/passwd"}]})),
    Case("docker-archive-path", "a docker archive whose layer is ../../../etc/passwd", "names of entries", r"\.\.|passwd", lambda: tar(("manifest.json", json.dumps([{"Config": "c.json", "RepoTags": ["x:1"], "Layers": ["../../../../etc/passwd"]}]).encode()), ("c.json", DOCKER_CONFIG), dockerfile=False)),
    Case("docker-archive-link-loop", "a docker archive whose layers are links that go round", "a bound on links followed", r"link|nowhere|l/layer.tar", lambda: tar(("manifest.json", json.dumps([{"Config": "c.json", "RepoTags": ["x:1"], "Layers": ["l/layer.tar"]}]).encode()), ("c.json", DOCKER_CONFIG), entry("l/layer.tar", tarfile.SYMTYPE, "../m/layer.tar"), entry("m/layer.tar", tarfile.SYMTYPE, "../l/layer.tar"), dockerfile=False)),
    Case("archive-random", "random bytes as an image", "formats of images", r"archive|tar|layout|image", lambda: bytes(range(256)) * 20),
    Case("archive-name-nasty", "an image whose own names have escapes", "text is made printable; image names", r"", lazily(layer("f"), index=lambda i: {**i, "manifests": [{**i["manifests"][0], "annotations": {"io.containerd.image.name": NASTY, "org.opencontainers.image.ref.name": NASTY}}]}),
         sentence="(the name given counts)"),
]


def on(*layers, run="true", said=None):
    """A base of tiny's layer and these, built on with a RUN."""
    return {"layers": layers, "run": run, "said": said}


def check(condition):
    return f"{condition} && echo held-as-said; exit 3"


BASES = [
    Case("name-with-parent", "a layer with ../../../tmp/hostile", "names of entries in layers", r"\.\.", on(layer(("../../../tmp/hostile", b"x")))),
    Case("name-absolute", "a layer with /tmp/hostile", "entries are in the image's root", r"held-as-said|absolute|/tmp/hostile", on(layer(("/hostile-abs", b"x")), run=check("test -e /hostile-abs"))),
    Case("hard-link-to-host", "a layer with a hard link to /etc/shadow", "hard links are within the image's root", r"/x is a hard link to /etc/shadow, which is not a file that came before it", on(layer(entry("x", tarfile.LNKTYPE, "etc/shadow")), run=check("! cat /x"))),
    Case("hard-link-with-parent", "a layer with a hard link to ../../etc/shadow", "names of entries in layers", r"\.\.|shadow", on(layer(entry("x", tarfile.LNKTYPE, "../../etc/shadow")))),
    Case("file-through-link", "a layer with a link to / and a file below it, over two layers", "links are followed in the image's root", r"held-as-said|link|folder", on(layer(entry("way", tarfile.SYMTYPE, "/..")), layer(("way/hostile-in", b"x")), run=check("test -e /hostile-in -o -e /way/hostile-in"))),
    Case("link-out", "a layer whose /etc is a link to /../../host", "links are followed in the image's root", r"", on(layer(entry("data", tarfile.SYMTYPE, "/../../../../etc")), run=check("! grep -q crossmill /data/passwd")), sentence="(the image's own /etc)"),
    Case("device-mem", "a layer with /dev/mem", "devices do not open in a sandbox", r"", on(layer(entry("mem", tarfile.CHRTYPE, devmajor=1, devminor=1)), run=check("! dd if=/mem of=/dev/null bs=1 count=1 2>/dev/null")), sentence="(it cannot be opened)"),
    Case("device-disk", "a layer with the device of the host's disk", "devices do not open in a sandbox", r"", on(layer(entry("disk", tarfile.BLKTYPE, devmajor=8, devminor=0)), run=check("! dd if=/disk of=/dev/null bs=1 count=1 2>/dev/null")), sentence="(it cannot be opened)"),
    Case("size-of-exabytes-in-layer", "a layer with a file of 2^62 bytes that is not there", "the end of the layer", r"layer|tar|end|trunc|size", on(lambda: sized("x", 1 << 62))),
    Case("layer-not-tar", "a layer of random bytes", "the layer reader", r"layer|tar", on(bytes(range(256)) * 40)),
    Case("layer-cut", "a layer that ends within a file", "the layer reader", r"layer|tar|end|trunc", on(layer(("f", b"x" * 5000))[:2000])),
    Case("whiteout-of-root", "a layer with .wh..wh..opq at the root", "whiteouts are the image's own", r"", on(layer(".wh..wh..opq")), sentence="(the image is empty: no program is there to run)"),
    Case("whiteout-with-slash", "a layer with .wh...", "names of whiteouts", r"", on(layer(".wh..."), layer("d/.wh.."), run=check("test -e /bin")), sentence="(refused or nothing is removed)"),
    Case("whiteout-and-file", "a whiteout and the same file in one layer", "whiteouts are of layers below", r"", on(layer(("f", b"x"), ".wh.f"), run=check("true")), sentence="(the file stays)"),
    Case("overlay-device", "a layer with a character device 0:0, which is the kernel's own whiteout", "devices of layers", r"", on(layer(entry("bin/sh", tarfile.CHRTYPE, devmajor=0, devminor=0))), sentence="(a device, or the file is gone: the image's own)"),
    Case("overlay-xattrs", "a layer with trusted.overlay.redirect to /etc", "extended attributes of overlayfs are not taken", r"", on(layer(entry("r", tarfile.DIRTYPE, pax_headers={"SCHILY.xattr.trusted.overlay.redirect": "/etc", "SCHILY.xattr.user.overlay.redirect": "/etc"})), run=check("! test -e /r/passwd")), sentence="(left out)"),
    Case("file-capabilities", "a layer with a program that has all capabilities", "no new privileges beyond the sandbox's", r"setting attribute security.capability: Invalid argument", on(layer(entry("p", mode=0o755, pax_headers={"SCHILY.xattr.security.capability": "\x01\0\0\x02"})), run=check("test -e /p"))),
    Case("owner-of-billions", "a layer whose owner is 4,000,000,000", "owners beyond the sandbox's range", r"o belongs to 4000000000:4000000000, and the worker's user namespace has only the ids|held-as-said", on(layer(entry("o", uid=4000000000, gid=4000000000)), run=check("test -e /o")), sentence="o belongs to 4000000000:4000000000, and the worker's user namespace has only the ids 0..N"),
    Case("mtime-far", "a layer from the year 36,000", "times of layers", r"", on(layer(entry("t", mtime=1 << 40)), run=check("test -e /t")), sentence="(kept)"),
    Case("mtime-negative", "a layer from before 1900", "times of layers", r"", on(layer(entry("t", mtime=-(1 << 40))), run=check("test -e /t")), sentence="(kept or refused)"),
    Case("names-nasty", "a layer with names of escapes, line feeds and bytes", "text is made printable", r"", on(layer((NASTY, b"x")), run=check("ls / >/dev/null")), sentence="(kept)"),
    Case("deep-folders", "a layer with folders 1,500 deep", "paths without links are looked at once", r"", on(layer(("d/" * 1500 + "f", b"x")), run=check("true")), sentence="(kept)"),
    Case("dev-is-link", "a layer whose /dev, /proc and /sys are links to /etc", "mount points are made in the root", r"mount point /etc/hosts: /etc is the sandbox's own", on(layer(entry("proc", tarfile.SYMTYPE, "/etc"), entry("sys", tarfile.SYMTYPE, "/etc"), entry("dev", tarfile.SYMTYPE, "/etc")), run=check("true"))),
    Case("resolv-is-link", "a layer whose /etc/hosts and /etc/resolv.conf are links to /../../tmp/hostile", "files of the sandbox are mounted in its root", r"", on(layer(entry("etc/hosts", tarfile.SYMTYPE, "/../../../tmp/hostile"), entry("etc/resolv.conf", tarfile.SYMTYPE, "/../../../tmp/hostile")), run=check("true")), sentence="(nothing outside is written)"),
]


@corpus("layers", IMPORTS)
class ImportsTest(HostileTest):
    def run_case(self, case):
        path = self.write("image.tar", case.data())
        result = self.farm.cli("image", "import", path, "hostile:1")
        if case.says:
            self.assertNotEqual(result.returncode, 0, self.story(result))
        self.assertNotIn("root:x:0:0", result.stdout + result.stderr)
        self.assert_case(case, result.stdout + result.stderr, self.story(result))


@corpus("layers", BASES)
class BasesTest(HostileTest):
    def run_case(self, case):
        layers = [tiny_layer(), *[make() if callable(make) else make for make in case.data["layers"]]]
        path = self.write("image.tar", layout(layers))
        result = self.farm.cli("image", "import", path, f"hostile:{case.name}")
        said = result.stdout + result.stderr
        if result.returncode == 0:
            folder = self.context / "recipe"
            folder.mkdir()
            (folder / "Dockerfile").write_text(f"FROM hostile:{case.name}\nRUN {case.data['run']}\n")
            result = self.farm.build(folder)
            said += result.stdout + result.stderr
            # What it checks holds, or the layer was refused before it ran.
            self.assertNotRegex(said, r"RUN on linux/\w+: exit code [^3]", self.story(result))
        self.assertNotIn("root:x:0:0:root:/root:/bin/bash", said)
        self.assert_case(case, said, self.story(result))


if __name__ == "__main__":
    main()
