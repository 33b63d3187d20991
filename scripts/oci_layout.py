#!/usr/bin/env python3
"""Packs root file system tars, one per platform, into one multi-platform OCI image layout tar.

Used by scripts/base-images. The same inputs give the same bytes: members are sorted, times and owners are
fixed, JSON is written compactly with sorted keys.

  oci_layout.py --output FILE.tar --name NAME --epoch SECONDS --config '{"Cmd": [...]}' ARCH=ROOTFS.tar...
"""
import argparse
import hashlib
import io
import json
import pathlib
import tarfile
import time


# Of the architectures that are never without one.
VARIANTS = {"arm64": "v8", "arm": "v7"}


def encode(document):
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def sha256_of_file(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


class Layout:
    """Blobs by digest: bytes for documents, paths for layers."""

    def __init__(self):
        self.blobs = {}

    def add_bytes(self, data, media_type):
        digest = hashlib.sha256(data).hexdigest()
        self.blobs[digest] = data
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    def add_file(self, path, media_type):
        digest = sha256_of_file(path)
        self.blobs[digest] = path
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": path.stat().st_size}

    def write(self, output, index):
        members = {"oci-layout": encode({"imageLayoutVersion": "1.0.0"}), "index.json": encode(index)}
        members.update({f"blobs/sha256/{digest}": blob for digest, blob in self.blobs.items()})
        with tarfile.open(output, "w", format=tarfile.PAX_FORMAT) as tar:
            for folder in ("blobs", "blobs/sha256"):
                info = tarfile.TarInfo(folder)
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(info)
            for name in sorted(members):
                info = tarfile.TarInfo(name)
                info.mode = 0o644
                blob = members[name]
                if isinstance(blob, bytes):
                    info.size = len(blob)
                    tar.addfile(info, io.BytesIO(blob))
                else:
                    info.size = blob.stat().st_size
                    with open(blob, "rb") as file:
                        tar.addfile(info, file)


def add_platform(layout, architecture, rootfs, created, config, created_by):
    layer = layout.add_file(rootfs, "application/vnd.oci.image.layer.v1.tar")
    document = {
        "created": created,
        "architecture": architecture,
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
        "history": [{"created": created, "created_by": created_by}],
    }
    platform = {"architecture": architecture, "os": "linux"}
    if architecture in VARIANTS:
        document["variant"] = platform["variant"] = VARIANTS[architecture]
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": layout.add_bytes(encode(document), "application/vnd.oci.image.config.v1+json"),
        "layers": [layer],
    }
    return {**layout.add_bytes(encode(manifest), manifest["mediaType"]), "platform": platform}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", required=True, type=pathlib.Path)
    parser.add_argument("--name", required=True, help="image name for org.opencontainers.image.ref.name")
    parser.add_argument("--epoch", required=True, type=int)
    parser.add_argument("--config", required=True, help="JSON of the image config's `config` member")
    parser.add_argument("rootfs", nargs="+", metavar="ARCH=ROOTFS.tar")
    options = parser.parse_args()

    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(options.epoch))
    layout = Layout()
    manifests = []
    for text in sorted(options.rootfs):
        architecture, _, path = text.partition("=")
        manifests.append(add_platform(layout, architecture, pathlib.Path(path), created,
                                      json.loads(options.config), f"crossmill stand-in for {options.name}"))
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests}
    inner = layout.add_bytes(encode(index), index["mediaType"])
    inner["annotations"] = {"org.opencontainers.image.ref.name": options.name}
    partial = options.output.with_name(options.output.name + ".partial")
    layout.write(partial, {"schemaVersion": 2, "mediaType": index["mediaType"], "manifests": [inner]})
    partial.replace(options.output)


if __name__ == "__main__":
    main()
