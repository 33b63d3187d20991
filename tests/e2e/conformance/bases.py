"""The base images of the cases, made here: the tiny base and variants of it.

`base` is what nearly all cases use: the tiny base with the folders and files that a container runtime mounts
over, as images of distributions have them. Where those are missing, builders differ in the stubs they leave.
"""
import hashlib
import io
import json
import struct
import subprocess
import tarfile

import farm
import tiny_base
from tar_writer import TarWriter

EPOCH = tiny_base.EPOCH
# cap_net_bind_service=ep, as setcap writes it (VFS_CAP_REVISION_2 with the effective flag).
NET_BIND = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)


def mount_points():
    layer = TarWriter()
    for name in ("proc", "sys", "dev", "run", "mnt"):
        layer.folder(name)
    for name in ("etc/hosts", "etc/hostname", "etc/resolv.conf"):
        layer.add(name)
    return layer.bytes()


def users():
    return (TarWriter()
            .add("etc/passwd", data=b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\n"
                                    b"web:x:33:44:web:/srv:/bin/sh\n77:x:1077:1078:a number as name:/:/bin/sh\n"
                                    b"lonely:x:1500:1501:no such group:/:/bin/sh\n")
            .add("etc/group", data=b"root:x:0:\napp:x:1000:\nextra:x:2000:app\nwww:x:44:\nstaff:x:50:web\n88:x:1088:\n")
            .folder("home/app", 0o700, (1000, 1000)).bytes())


def symlinks():
    return (TarWriter().folder("data").folder("data/app").add("data/app/there", data=b"there\n")
            .folder("usr/lib").link("lib", "usr/lib").link("app", "/data/app").link("relative", "data/app")
            .link("dangling", "/nowhere/yet").folder("deep").link("deep/up", "../../../data").link("one", "two")
            .link("two", "three").link("three", "/data").link("loop-a", "loop-b").link("loop-b", "loop-a")
            .link("file-link", "/data/app/there").bytes())


def odd_files():
    return (TarWriter().folder("odd")
            .add("odd/setuid", mode=0o4755, data=b"setuid\n").add("odd/setgid", mode=0o2755, data=b"setgid\n", owner=(0, 44))
            .add("odd/caps", mode=0o755, data=b"caps\n", xattrs={"security.capability": NET_BIND})
            .add("odd/user-xattr", data=b"xattr\n", xattrs={"user.colour": b"blue"})
            .add("odd/first", data=b"linked\n").hard("odd/second", "odd/first").hard("odd/third", "odd/first")
            .folder("odd/sticky", 0o1777).folder("odd/group", 0o2775, (0, 44)).folder("odd/closed", 0o700, (1000, 1000))
            .add("odd/gone", data=b"gone\n").folder("odd/replaced").add("odd/replaced/inner", data=b"inner\n").bytes())


def whiteouts():
    return TarWriter().add("odd/.wh.gone").add("odd/.wh.replaced").add("odd/replaced", data=b"now a file\n").bytes()


def replaced():
    """The file `odd/replaced` needs its whiteout in another layer than the file itself for some readers."""
    return TarWriter().add("odd/late", data=b"late\n").bytes()


FULL_CONFIG = {"Env": ["PATH=/bin:/usr/bin", "FROM_BASE=base value", "EMPTY="], "Entrypoint": ["/bin/entry", "--flag"],
               "Cmd": ["from", "base"], "WorkingDir": "/srv/base", "User": "app:extra",
               "Labels": {"base.label": "from base", "both": "base"}, "ExposedPorts": {"80/tcp": {}},
               "Volumes": {"/base-volume": {}}, "StopSignal": "SIGQUIT",
               "Healthcheck": {"Test": ["CMD", "true"], "Interval": 5000000000, "Retries": 4}}


def architecture():
    return tiny_base.machine_architecture()


def make_all(folder):
    """{name: path of its OCI layout tar}, written below `folder`."""
    program = farm.tiny_archive()
    with tarfile.open(program) as tar:
        tiny = next(data for data in (tar.extractfile(m).read() for m in tar if m.isfile() and m.size > 10000))
    base = [tiny, mount_points()]
    onbuild = ["COPY onbuild.txt /onbuild/", "RUN cat /onbuild/onbuild.txt > /onbuild/copy",
               "ENV ONBUILD_RAN=yes", "WORKDIR /onbuild/work"]
    variants = {
        "tiny": ([tiny], {}),
        "base": (base, {}),
        "with-users": ([*base, users()], {}),
        "with-symlinks": ([*base, symlinks()], {}),
        "with-odd": ([*base, odd_files(), whiteouts(), replaced()], {}),
        "with-volume": ([*base, TarWriter().folder("data", 0o750, (1000, 1000)).add("data/from-base", data=b"base\n").bytes()],
                        {"Volumes": {"/data": {}}}),
        "with-config": ([*base, TarWriter().folder("srv").folder("srv/base", owner=(1000, 1000)).bytes()], FULL_CONFIG),
        "with-onbuild": (base, {"OnBuild": onbuild}),
        "with-shell": (base, {"Shell": ["/bin/sh", "-ec"], "Env": ["PATH=/bin:/usr/bin", "SHELLED=1"]}),
        "with-workdir": ([*base, TarWriter().folder("srv").bytes()], {"WorkingDir": "/srv"}),
    }
    paths = {}
    for name, (layers, config) in variants.items():
        paths[name] = folder / f"{name}.tar"
        write_image(paths[name], [(architecture(), "", layers)], config)
    paths["any-platform"] = folder / "any-platform.tar"
    write_image(paths["any-platform"],
                [(arch, variant, [TarWriter().folder("etc").add("etc/arch", data=f"{arch}{variant}\n".encode()).bytes()])
                 for arch, variant in (("amd64", ""), ("arm64", ""), ("arm", "v7"))], {})
    return paths


def write_image(out, images, config):
    tiny_base.write_layout(out, [(arch, layers) for arch, _, layers in images])
    rewrite_config(out, {arch: variant for arch, variant, _ in images}, config)


def rewrite_config(path, variants, config):
    """Puts `config` into every image config of a layout that tiny_base wrote, and variants of platforms."""
    with tarfile.open(path) as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar}
    top = json.loads(files["index.json"])
    index = json.loads(files[blob_name(top["manifests"][0])])
    for entry in index["manifests"]:
        manifest = json.loads(files[blob_name(entry)])
        document = json.loads(files[blob_name(manifest["config"])])
        document["config"] = {**document["config"], **config}
        variant = variants[document["architecture"]]
        if variant:
            document["variant"] = entry["platform"]["variant"] = variant
        manifest["config"].update(put(files, document))
        entry.update(put(files, manifest))
    top["manifests"][0].update(put(files, index))
    files["index.json"] = json.dumps(top).encode()
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), EPOCH
            tar.addfile(info, io.BytesIO(data))


def put(files, document):
    data = json.dumps(document).encode()
    digest = hashlib.sha256(data).hexdigest()
    files["blobs/sha256/" + digest] = data
    return {"digest": "sha256:" + digest, "size": len(data)}


def blob_name(descriptor):
    return "blobs/" + descriptor["digest"].replace(":", "/")


def docker_archive(layout, name):
    """The image of this machine's platform as an archive that `docker load` reads, named NAME:latest."""
    archive = layout.with_suffix(".docker.tar")
    if not archive.exists():
        subprocess.run(["skopeo", "copy", "--quiet", f"oci-archive:{layout}", f"docker-archive:{archive}:{name}:latest"],
                       check=True, capture_output=True)
    return archive
