#!/usr/bin/env python3
"""Hostile archives: as a context that comes over HTTP, and as what ADD unpacks in a step."""
import bz2
import contextlib
import gzip
import http.client
import io
import json
import lzma
import os
import subprocess
import tarfile
import zipfile

from corpus import NASTY, Case, HostileTest, corpus
import farm
from farm import HttpCase, main

DOCKERFILE = b"FROM tiny\nCOPY . /c\n"


def tar(*members, form=tarfile.PAX_FORMAT, dockerfile=True):
    """`members`: names of files, or TarInfo with or without content."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        if dockerfile:
            members = (("Dockerfile", DOCKERFILE), *members)
        for member in members:
            info, data = member if isinstance(member, tuple) else (member, b"")
            if isinstance(info, str):
                info = tarfile.TarInfo(info)
            if info.isfile():
                info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def entry(name, kind=tarfile.REGTYPE, link="", mode=0o644, **more):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    for key, value in more.items():
        setattr(info, key, value)
    return info


def patched(data, offset, value):
    """The first header after the Dockerfile's with other bytes, and its checksum made right."""
    at = 1024
    header = bytearray(data[at:at + 512])
    header[offset:offset + len(value)] = value
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return data[:at] + bytes(header) + data[at + 512:]


def damaged(data):
    return data[:-6] + bytes([data[-6] ^ 1]) + data[-5:]


def zipped(size):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../../../tmp/hostile", "x")
        archive.writestr("bomb", bytes(size))
    return out.getvalue()


def zstd(data):
    return subprocess.run(["zstd", "-q", "-19", "-c"], input=data, capture_output=True, check=True).stdout


BOMB = tar(("bomb", bytes(64 << 20)))
PLAIN = tar(("file", b"x"))


def sent(make, status, **fields):
    return {"make": make, "status": status, "fields": fields}


CASES = [
    Case("gzip-bomb", "a gzip of 64 kB that unpacks to 64 MB where 16 MB are allowed", "`--context-limit`", r"16777216|context-limit|16", sent(lambda: gzip.compress(BOMB), 413)),
    Case("gzip-of-gzip", "a gzip in a gzip in a gzip", "one compression is undone", r"the context: tar: ", sent(lambda: gzip.compress(gzip.compress(gzip.compress(PLAIN))), 400)),
    Case("zstd-bomb", "a zstd of some kB that unpacks to 64 MB", "`--context-limit`", r"16777216|context-limit|16", sent(lambda: zstd(BOMB), 413)),
    Case("xz-bomb", "an xz of some kB that unpacks to 64 MB", "`--context-limit`", r"16777216|context-limit|16", sent(lambda: lzma.compress(BOMB), 413)),
    Case("bzip2-bomb", "a bzip2 of some bytes that unpacks to 64 MB", "`--context-limit`", r"16777216|context-limit|16", sent(lambda: bz2.compress(BOMB), 413)),
    Case("bomb-behind-the-end", "64 MB of zeros behind the end of the tar, compressed", "`--context-limit`, or what is behind the end is not read", r"", sent(lambda: gzip.compress(PLAIN + bytes(64 << 20)), (201, 413)),
         sentence="(a build like others: it is not read)"),
    Case("many-members-bomb", "a gzip of 20,000 members of nothing", "members are read one after the other", r"the context has no Dockerfile", sent(lambda: gzip.compress(b"") * 20000, 404)),
    Case("damaged-xz", "an xz with another checksum", "the decompressor", r"the archive is damaged", sent(lambda: damaged(lzma.compress(PLAIN)), 400)),
    Case("cut-gzip", "half of a gzip", "the decompressor", r"gzip|archive|end|trunc", sent(lambda: gzip.compress(PLAIN)[:-20], 400)),
    Case("cut-tar", "a tar that ends within a file", "the tar reader", r"archive|end|trunc", sent(lambda: PLAIN[:1024 + 700], 400)),
    Case("zip-archive", "a zip with ../ and a bomb", "only tars are contexts", r"tar", sent(lambda: zipped(64 << 20), 400)),
    Case("no-archive", "random bytes", "the tar reader", r"tar", sent(lambda: os.urandom(5000), 400)),
    Case("nothing", "no bytes at all", "the tar reader", r"tar|empty|archive", sent(lambda: b"", 400)),
    Case("parent-in-name", "../../../../tmp/hostile", "names of entries", r"\.\.", sent(lambda: tar(("../../../../tmp/hostile", b"x")), 400)),
    Case("parent-inside-name", "a/b/../../../hostile", "names of entries", r"\.\.", sent(lambda: tar(("a/b/../../../hostile", b"x")), 400)),
    Case("absolute-name", "/tmp/hostile", "names of entries", r"absolute|/tmp/hostile", sent(lambda: tar(("/tmp/hostile", b"x")), 400)),
    Case("through-a-link", "a symbolic link to /tmp and a file below it", "entries below links", r"the archive's entry way/hostile is below way, which is not a folder", sent(lambda: tar(entry("way", tarfile.SYMTYPE, "/tmp"), ("way/hostile", b"x")), 400)),
    Case("hard-link-out", "a hard link to /etc/passwd", "hard links are to what came before", r"etc/passwd", sent(lambda: tar(entry("x", tarfile.LNKTYPE, "/etc/passwd")), 400)),
    Case("hard-link-up", "a hard link to ../../etc/passwd", "hard links are to what came before", r"etc/passwd|\.\.", sent(lambda: tar(entry("x", tarfile.LNKTYPE, "../../etc/passwd")), 400)),
    Case("hard-link-to-link-out", "a hard link to a symbolic link to /etc/passwd", "links are not followed", r"", sent(lambda: tar(entry("l", tarfile.SYMTYPE, "/etc/passwd"), entry("x", tarfile.LNKTYPE, "l")), (201, 400)),
         sentence="(a link like the other, followed in the image only)"),
    Case("dockerfile-is-link-out", "a Dockerfile that is a link to /etc/passwd", "recipes do not lead out", r"Dockerfile", sent(lambda: tar(entry("Dockerfile", tarfile.SYMTYPE, "/etc/passwd"), dockerfile=False), 400)),
    Case("ignore-file-is-link-out", "a .dockerignore that is a link to /etc/shadow", "recipes do not lead out", r"dockerignore", sent(lambda: tar(entry(".dockerignore", tarfile.SYMTYPE, "/etc/shadow")), 400)),
    Case("file-parameter-leads-out", "file=../../../../etc/passwd", "recipes do not lead out", r"passwd|\.\.", sent(lambda: PLAIN, 400, file="../../../../etc/passwd")),
    Case("character-device", "a device like /dev/mem", "devices", r"device", sent(lambda: tar(entry("mem", tarfile.CHRTYPE, devmajor=1, devminor=1)), 400)),
    Case("block-device", "a block device", "devices", r"device", sent(lambda: tar(entry("sda", tarfile.BLKTYPE, devmajor=8)), 400)),
    Case("pipe", "a pipe, which would block a reader", "pipes are left out", r"pipe is a fifo and is left out of the context", sent(lambda: tar(entry("pipe", tarfile.FIFOTYPE)), 201)),
    Case("setuid-file", "a setuid program", "it is in the image of who builds it, and nowhere else", r"", sent(lambda: tar((entry("su", mode=0o4755), b"x")), 201), sentence="(kept: the recipe's own)"),
    Case("size-of-exabytes", "a header that says 2^62 bytes", "the end of the archive", r"archive|size|end|16777216|limit", sent(lambda: patched(PLAIN, 124, b"\x80\0\0\0\x40\0\0\0\0\0\0\0"), (400, 413))),
    Case("negative-size", "a header that says -1 bytes", "the tar reader", r"archive|size|tar", sent(lambda: patched(PLAIN, 124, b"\xff" * 12), 400)),
    Case("wrong-checksum", "a header with another checksum", "the tar reader", r"archive|checksum|tar", sent(lambda: PLAIN[:1024] + b"y" + PLAIN[1025:], 400)),
    Case("file-and-folder", "a name that is a file and a folder", "the tree of the context", r"", sent(lambda: tar(("a", b"x"), ("a/b", b"y")), (201, 400)), sentence="(the later entry counts, or it is named)"),
    Case("same-name-often", "the same name 20,000 times", "work of unpacking", r"", sent(lambda: tar(*[("a", b"x")] * 20000), 201), sentence="(the last one counts)"),
    Case("name-of-5000-bytes", "a path of 5,000 bytes", "4,095 bytes of a path", r"4095|long", sent(lambda: tar(("d/" * 2500 + "f", b"x")), 400)),
    Case("part-of-300-bytes", "a name of 300 bytes", "255 bytes of a name", r"255|long", sent(lambda: tar(("n" * 300, b"x")), 400)),
    Case("3000-folders-deep", "folders 2,000 deep in a path that is just short enough", "4,095 bytes of a path", r"", sent(lambda: tar(("d/" * 2000 + "f", b"x")), (201, 400)), sentence="(a context like others)"),
    Case("nul-in-name", "a pax name with a NUL in it", "the tar reader", r"", sent(lambda: tar(entry("x", pax_headers={"path": "a\0b"})), (201, 400)), sentence="(ends at the NUL, or is refused)"),
    Case("nasty-name", "a name with escapes, turned text and line feeds", "text is made printable", r"", sent(lambda: tar((NASTY.replace("/", ""), b"x")), 201), sentence="(kept in the image; printed as ?)"),
    Case("name-not-utf8", "a name that is no UTF-8, which the messages cannot hold", "names of a context", r"UTF-8|utf-8|", sent(lambda: tar(("a\udcff", b"x"), form=tarfile.GNU_FORMAT), (201, 400)), sentence="(kept, or refused by name)"),
    Case("empty-name", "an entry without a name", "names of entries", r"", sent(lambda: patched(PLAIN, 0, bytes(100)), (201, 400)), sentence="(left out, or refused)"),
    Case("pax-bomb", "a pax header of 20 MB", "largest header", r"archive|header|pax|16777216|limit", sent(lambda: tar(entry("x", pax_headers={"comment": "x" * (20 << 20)})), (400, 413))),
    Case("sparse-giant", "a sparse file of 2^50 bytes that is in the archive with nothing", "`--context-limit`", r"archive|sparse|16777216|limit|size",
         sent(lambda: tar(entry("x", pax_headers={"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(1 << 50), "GNU.sparse.name": "s"})), (400, 413))),
    Case("many-xattrs", "5,000 extended attributes", "they do not count", r"", sent(lambda: tar(entry("x", pax_headers={f"SCHILY.xattr.user.{i}": "v" for i in range(5000)})), (201, 400)), sentence="(left out)"),
    Case("ignore-file-explodes", "an ignore file of 20,000 patterns with many stars against 2,000 files", "linear matching, limit `planning-work`", r"",
         sent(lambda: tar((".dockerignore", b"**/*a*/**/b*/**/*c\n" * 20000), *[(f"d/e/f/{i}aaaaaaaaaaaa", b"") for i in range(200)]), (201, 400, 413)), sentence="(some seconds; more is refused)"),
]


@corpus("archives", CASES)
class ContextArchivesTest(HostileTest):
    farm_options = {"workers": 1, "coordinator_options": [*HttpCase.farm_options["coordinator_options"], "--context-limit", "16m"]}

    def run_case(self, case):
        fields = "".join(f"&{name}={value}" for name, value in case.data["fields"].items())
        status, body = self.posted("/api/v1/submissions?platforms=linux/amd64" + fields, case.data["make"]())
        wanted = case.data["status"] if isinstance(case.data["status"], tuple) else (case.data["status"],)
        said = json.loads(body)
        self.assertIn(status, wanted, body[:1000])
        self.assert_case(case, said.get("detail") or said.get("title") or json.dumps(said))
        if status == 201:
            self.farm.cli("watch", said["buildId"])

    def posted(self, path, data):
        """Status and body of the answer, which may come before all is sent."""
        connection = http.client.HTTPConnection("127.0.0.1", farm.HTTP_PORT, timeout=60)
        self.addCleanup(connection.close)
        connection.putrequest("POST", path)
        for name, value in (("Authorization", f"Bearer {self.farm.client_token}"), ("Content-Type", "application/x-tar"),
                            ("Content-Length", str(len(data)))):
            connection.putheader(name, value)
        connection.endheaders()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.send(data)
        response = connection.getresponse()
        return response.status, response.read()


def checks(*commands):
    return "FROM tiny\nADD a.tar /x/\nRUN " + " && ".join(commands) + " && echo held-as-said && exit 3\n"


def added(make, dockerfile, code=1):
    return {"make": make, "dockerfile": dockerfile, "code": code}


ADD_CASES = [
    Case("add-parent-in-name", "ADD of a tar with ../../../tmp/hostile", "names of entries", r"held-as-said", added(lambda: tar(("../../../tmp/hostile", b"x"), dockerfile=False), checks("! test -e /tmp/hostile", "test -e /x/tmp/hostile")), sentence="(lands in the destination)"),
    Case("add-absolute-name", "ADD of a tar with /etc/hostile", "entries are in the destination", r"held-as-said", added(lambda: tar(("/etc/hostile", b"x"), dockerfile=False), checks("! test -e /etc/hostile", "test -e /x/etc/hostile")), sentence="(lands in the destination)"),
    Case("add-through-link", "ADD of a tar with a link to / and a file below it", "links are followed in the step's root", r"held-as-said|link",
         added(lambda: tar(entry("way", tarfile.SYMTYPE, "/"), ("way/hostile", b"x"), dockerfile=False), checks("test -e /hostile -o -e /x/way/hostile")), sentence="(lands in the root of the step)"),
    Case("add-hard-link-out", "ADD of a tar with a hard link to /etc/passwd of the host", "hard links are to what is in the archive", r"passwd|held-as-said",
         added(lambda: tar(entry("x", tarfile.LNKTYPE, "/etc/passwd"), dockerfile=False), checks("true"))),
    Case("add-device", "ADD of a tar with /dev/mem", "the worker is not root of the host: devices cannot be opened", r"device|held-as-said|mknod|permitted",
         added(lambda: tar(entry("mem", tarfile.CHRTYPE, devmajor=1, devminor=1), dockerfile=False), checks("! dd if=/x/mem of=/dev/null bs=1 count=1 2>/dev/null"))),
    Case("add-setuid", "ADD of a tar with a setuid program", "it is root of its sandbox only", r"held-as-said", added(lambda: tar((entry("su", mode=0o4755), b"x"), dockerfile=False), checks("test -u /x/su")), sentence="(kept in the image)"),
    Case("add-cut-gzip", "ADD of half a gzip", "the decompressor", r"a.tar|damaged|truncated", added(lambda: gzip.compress(PLAIN)[:-20], checks("true"))),
    Case("add-zip", "ADD of a zip with ../ and a bomb", "zips are not unpacked", r"held-as-said", added(lambda: zipped(8 << 20), checks("test -f /x/a.tar", "! test -e /x/bomb", "! test -e /tmp/hostile")), sentence="(a file like others)"),
    Case("add-cut-tar", "ADD of a tar that ends within a file", "the tar reader", r"a.tar|trunc|end", added(lambda: tar(("f", b"x" * 5000), dockerfile=False)[:2000], checks("true"))),
    Case("add-size-of-exabytes", "ADD of a tar whose file says 2^62 bytes", "the tar reader", r"a.tar|trunc|size|end|held-as-said", added(lambda: patched(PLAIN, 124, b"\x80\0\0\0\x40\0\0\0\0\0\0\0"), checks("true"))),
    Case("add-zstd-bomb", "ADD of a zstd of 6 kB that unpacks to 64 MB", "a step fills its worker's disk at most (`e2e_hostile_full_worker`)", r"held-as-said",
         added(lambda: zstd(tar(("bomb", bytes(64 << 20)), dockerfile=False)), checks("test $(stat -c %s /x/bomb) = 67108864")), sentence="(unpacked)"),
    Case("add-gzip-of-gzip", "ADD of a gzip in a gzip in a gzip", "one compression is undone", r"a.tar|archive",
         added(lambda: gzip.compress(gzip.compress(gzip.compress(PLAIN))), checks("true"))),
]


@corpus("archives", ADD_CASES)
class AddedArchivesTest(HostileTest):
    def run_case(self, case):
        self.write("a.tar", case.data["make"]())
        self.write("Dockerfile", case.data["dockerfile"])
        self.assert_said(case, self.build(), case.data["code"])


if __name__ == "__main__":
    main()
