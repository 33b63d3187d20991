"""A base image of one static program (busybox) as an OCI layout tar: enough for RUN, built in no time.

`python3 tiny_base.py OUT.tar [ARCHITECTURE]`; for another architecture than this machine's the program
comes from Debian's busybox-static package of that architecture.
"""
import hashlib
import io
import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile

APPLETS = ("sh cat ls cp mv rm mkdir rmdir ln chmod chown touch echo test [ true false sleep id stat find grep sed "
           "awk sort head tail wc env pwd date mknod setsid kill ps hostname nc wget dd md5sum sha256sum tr cut "
           "uname expr seq readlink realpath du tee xargs printf which umask mkfifo od").split()
EPOCH = 1700000000


def machine_architecture():
    return subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout.strip()


def busybox(architecture):
    """The bytes of a static busybox."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        options = []
        if architecture != machine_architecture():
            for name in ("lists/partial", "cache/archives/partial"):
                (folder / name).mkdir(parents=True)
            (folder / "status").touch()
            options = ["-o", f"APT::Architecture={architecture}", "-o", f"APT::Architectures={architecture}",
                       "-o", f"Dir::State::Lists={folder}/lists", "-o", f"Dir::State::status={folder}/status",
                       "-o", f"Dir::Cache={folder}/cache", "-o", "APT::Sandbox::User=root"]
            subprocess.run(["apt-get", *options, "-qq", "update"], check=True, capture_output=True)
        subprocess.run(["apt-get", *options, "-qq", "download", "busybox-static"], check=True, cwd=folder,
                       capture_output=True)
        package = next(folder.glob("busybox-static_*.deb"))
        subprocess.run(["dpkg-deb", "-x", package, folder / "root"], check=True)
        for candidate in ("bin/busybox", "usr/bin/busybox"):
            if (folder / "root" / candidate).exists():
                return (folder / "root" / candidate).read_bytes()
    raise SystemExit("busybox-static has no busybox")


def layer(program):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        def add(name, kind=tarfile.DIRTYPE, mode=0o755, data=b"", link=""):
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.mtime, info.linkname, info.size = kind, mode, EPOCH, link, len(data)
            tar.addfile(info, io.BytesIO(data))
        for folder in ("bin", "etc", "root", "home", "home/app", "usr", "usr/bin", "var", "var/lib"):
            add(folder)
        add("tmp", mode=0o1777)
        add("bin/busybox", tarfile.REGTYPE, 0o755, program)
        for applet in APPLETS:
            add(f"bin/{applet}", tarfile.SYMTYPE, 0o777, link="busybox")
        add("etc/passwd", tarfile.REGTYPE, 0o644,
            b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\n")
        add("etc/group", tarfile.REGTYPE, 0o644, b"root:x:0:\napp:x:1000:\nextra:x:2000:app\n")
    return out.getvalue()


def write_layout(out, images):
    """`images`: [(architecture, [layer tar bytes])]."""
    blobs, entries = {}, []

    def put(data):
        digest = hashlib.sha256(data).hexdigest()
        blobs[digest] = data
        return {"digest": "sha256:" + digest, "size": len(data)}

    for architecture, layers in images:
        config = {"architecture": architecture, "os": "linux", "created": "2023-11-14T22:13:20Z",
                  "config": {"Env": ["PATH=/bin:/usr/bin"], "Cmd": ["sh"]},
                  "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(l).hexdigest() for l in layers]},
                  "history": [{"created": "2023-11-14T22:13:20Z", "created_by": "tiny base"} for _ in layers]}
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                               **put(json.dumps(config).encode())},
                    "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **put(l)} for l in layers]}
        entries.append({"mediaType": "application/vnd.oci.image.manifest.v1+json",
                        **put(json.dumps(manifest).encode()),
                        "platform": {"os": "linux", "architecture": architecture}})
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries}
    root = put(json.dumps(index).encode())
    top = {"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.oci.image.index.v1+json", **root}]}
    with tarfile.open(out, "w") as tar:
        def add(name, data):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), EPOCH
            tar.addfile(info, io.BytesIO(data))
        add("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        add("index.json", json.dumps(top).encode())
        for digest, data in sorted(blobs.items()):
            add(f"blobs/sha256/{digest}", data)


def make(out, architectures):
    write_layout(out, [(architecture, [layer(busybox(architecture))]) for architecture in architectures])


if __name__ == "__main__":
    make(sys.argv[1], sys.argv[2:] or [machine_architecture()])
