"""The stand-ins for published base images that scripts/base-images makes and keeps.

One that could not be made skips the tests that need it, by name, with the reason that the script left beside it.
"""
import functools
import os
import pathlib
import subprocess

from tiny_base import machine_architecture as architecture

CACHE = pathlib.Path(os.environ.get("CROSSMILL_CACHE") or "/var/cache/crossmill")
# What scripts/base-images calls them.
NAMES = {"debian:bookworm": "debian", "python:3.11": "python", "python:3.11-slim": "python-slim",
         "python:3.11-alpine": "python-musl", "python:3.13": "python-trixie", "node:18": "node",
         "nginx:1.22": "nginx", "maven:3.8-eclipse-temurin-17": "maven", "eclipse-temurin:17-jre": "jre",
         "gcc:12": "gcc", "golang:1.19": "golang", "compilers:trixie": "compilers-trixie",
         "compilers:bookworm": "compilers-bookworm"}


@functools.cache
def registry_answers():
    try:
        return subprocess.run(["skopeo", "inspect", "--raw", "docker://docker.io/library/debian:bookworm-slim"],
                              capture_output=True, timeout=15).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def find(reference, platform=None):
    """The newest archive for a platform, this machine's unless it is named, or None."""
    archives = [path for path in CACHE.glob(f"{NAMES[reference]}-a*.oci.tar")
                if (platform or architecture()) in path.name.split("-r")[0]]
    return max(archives, key=lambda path: path.stat().st_mtime, default=None)


def why_missing(reference):
    """A sentence for the skip of a test that needs it."""
    reason = CACHE / f"{NAMES[reference]}.failed"
    if reason.exists():
        return f"the stand-in for {reference} could not be made: {reason.read_text().strip()}"
    return f"{CACHE} has no stand-in for {reference}: scripts/base-images makes it"
