"""An image archive as one tree: its layers applied in order, whiteouts and hard links resolved.

Reads OCI layout tars and docker-save archives. Paths are strings with a leading slash; bytes that are not
UTF-8 are surrogates, as Python's tarfile gives them.
"""
import dataclasses
import gzip
import hashlib
import io
import json
import subprocess
import tarfile

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
XATTR = "SCHILY.xattr."
KINDS = {tarfile.REGTYPE: "file", tarfile.AREGTYPE: "file", tarfile.CONTTYPE: "file", tarfile.GNUTYPE_SPARSE: "file",
         tarfile.DIRTYPE: "dir", tarfile.SYMTYPE: "link", tarfile.FIFOTYPE: "fifo", tarfile.CHRTYPE: "char",
         tarfile.BLKTYPE: "block"}


@dataclasses.dataclass
class Node:
    """An inode: paths that share one are hard links of each other."""
    kind: str
    mode: int
    owner: str
    size: int = 0
    digest: str = ""
    text: bytes = b""  # the content of a small file
    target: str = ""
    device: str = ""
    xattrs: dict = dataclasses.field(default_factory=dict)


def normal(name):
    name = name.strip("/")
    while name.startswith("./"):
        name = name[2:].lstrip("/")
    return "" if name == "." else name


class Tree:
    def __init__(self):
        self.nodes = {}

    def remove(self, path):
        self.nodes.pop(path, None)
        self.remove_below(path)

    def remove_below(self, path):
        prefix = path + "/"
        for below in [other for other in self.nodes if other.startswith(prefix)]:
            del self.nodes[below]

    def make_parents(self, path):
        parts = path.split("/")[1:-1]
        for depth in range(1, len(parts) + 1):
            parent = "/" + "/".join(parts[:depth])
            if parent not in self.nodes:
                self.nodes[parent] = Node("dir", 0o755, "0:0")

    def put(self, path, node):
        before = self.nodes.get(path)
        if before is not None and not (before.kind == "dir" and node.kind == "dir"):
            self.remove(path)
        self.make_parents(path)
        self.nodes[path] = node

    def apply(self, layer):
        """`layer`: the bytes of an uncompressed layer tar."""
        with tarfile.open(fileobj=io.BytesIO(layer), mode="r:", encoding="utf-8", errors="surrogateescape") as tar:
            members = tar.getmembers()
            for member in members:
                self.apply_whiteout(normal(member.name))
            for member in members:
                name = normal(member.name)
                if name and not name.rsplit("/", 1)[-1].startswith(WHITEOUT):
                    self.apply_member(tar, member, "/" + name)

    def apply_whiteout(self, name):
        folder, _, last = ("/" + name).rpartition("/")
        if last == OPAQUE:
            self.remove_below(folder)
        elif last.startswith(WHITEOUT):
            self.remove(f"{folder}/{last[len(WHITEOUT):]}")

    def apply_member(self, tar, member, path):
        if member.islnk():
            self.put(path, self.nodes["/" + normal(member.linkname)])
            return
        node = Node(KINDS[member.type], member.mode & 0o7777, f"{member.uid}:{member.gid}")
        for key, value in member.pax_headers.items():
            if key.startswith(XATTR):
                node.xattrs[key[len(XATTR):]] = value.encode("utf-8", "surrogateescape")
        if node.kind == "file":
            content = tar.extractfile(member).read()
            node.size, node.digest = len(content), hashlib.sha256(content).hexdigest()
            node.text = content if len(content) <= 200 else b""
        elif node.kind == "link":
            node.mode, node.target = 0o777, member.linkname
        elif node.kind in ("char", "block"):
            node.device = f"{member.devmajor}:{member.devminor}"
        self.put(path, node)


def uncompressed(data):
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data)
    if data[:4] == b"\x28\xb5\x2f\xfd":
        return subprocess.run(["zstd", "-dc"], input=data, capture_output=True, check=True).stdout
    return data


def tree_of(layers):
    tree = Tree()
    for layer in layers:
        tree.apply(uncompressed(layer))
    return tree.nodes


def platform_of(config):
    return "/".join(filter(None, (config.get("os"), config.get("architecture"), config.get("variant"))))


def read_archive(path):
    """{platform: (nodes, image config document)} of an OCI layout tar or a docker-save archive."""
    with tarfile.open(path) as tar:
        def read(name):
            return tar.extractfile(name).read()

        names = set(tar.getnames())
        if "index.json" not in names:
            images = [(item["Config"], item["Layers"]) for item in json.loads(read("manifest.json"))]
        else:
            images = oci_images(read)
        result = {}
        for config_name, layer_names in images:
            config = json.loads(read(config_name))
            result[platform_of(config)] = (tree_of([read(name) for name in layer_names]), config)
        return result


def oci_images(read):
    def blob(descriptor):
        return "blobs/" + descriptor["digest"].replace(":", "/")

    images, seen = [], set()
    waiting = list(json.loads(read("index.json"))["manifests"])
    while waiting:
        descriptor = waiting.pop(0)
        if descriptor["digest"] in seen:
            continue
        seen.add(descriptor["digest"])
        document = json.loads(read(blob(descriptor)))
        if "manifests" in document:
            waiting.extend(document["manifests"])
        else:
            images.append((blob(document["config"]), [blob(layer) for layer in document["layers"] or []]))
    return images
