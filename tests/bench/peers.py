"""The builders that Crossmill is measured against; their daemons are those of tests/e2e/daemons.py.

A peer that is not installed or cannot start says why in `problem` and takes no part.
"""
import os
import pathlib
import shutil
import subprocess

from daemons import DOCKER


def run(argv, env=None, timeout=900):
    """Runs a command that must succeed."""
    result = subprocess.run([str(word) for word in argv], capture_output=True, text=True, errors="replace",
                            env=env, timeout=timeout)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, argv))}: exit code {result.returncode}\n"
                           f"{result.stdout[-2000:]}\n{result.stderr[-4000:]}")
    return result.stdout


class Docker:
    """`docker build`, either the classic builder or BuildKit."""

    def __init__(self, daemon, buildkit):
        self.name = "buildkit" if buildkit else "classic"
        self.problem = daemon.problem
        self.env = {**os.environ, **daemon.environment, "DOCKER_BUILDKIT": "1" if buildkit else "0"}

    def load(self, archive, name):
        run([DOCKER, "load", "-i", docker_archive(archive, name)], self.env)

    def build(self, context, no_cache=False):
        options = ["--no-cache"] if no_cache else []
        run([DOCKER, "build", "--network=none", *options, context], self.env)


class NewBuildKit:
    """The newest buildkitd with its own client; nothing is exported, as with `docker build` of BuildKit."""
    name = "buildkitd"

    def __init__(self, daemon):
        self.daemon = daemon
        self.problem = daemon.problem
        self.env = {**os.environ, **daemon.environment}

    def load(self, archive, name):
        self.daemon.registry.push(archive, name)

    def build(self, context, no_cache=False):
        options = ["--no-cache"] if no_cache else []
        # The daemon has the host's network only; a step without one is as good.
        run([*self.daemon.client, "build", "--builder", "peer", "--network=none", "--provenance=false",
             "--output", "type=cacheonly", *options, context], self.env)


class Buildah:
    name = "buildah"

    def __init__(self, folder):
        self.folder = pathlib.Path(folder) / "buildah"
        self.problem = "" if shutil.which("buildah") else "buildah is not installed"
        # Debian's crun refuses the hybrid cgroups that buildah gives it on some machines.
        self.runtime = ["--runtime", shutil.which("runc")] if shutil.which("runc") else []
        self.command = ["buildah", "--root", self.folder / "root", "--runroot", self.folder / "run",
                        "--storage-driver", "overlay"]

    def load(self, archive, name):
        run([*self.command, "pull", "--quiet", f"docker-archive:{docker_archive(archive, name)}"])

    def build(self, context, no_cache=False):
        options = ["--no-cache"] if no_cache else []
        run([*self.command, "build", "--layers", "--network", "none", "--tls-verify=false", "--jobs", "8",
             *self.runtime, *options, context])

    def close(self):
        if not self.problem and self.folder.exists():
            subprocess.run([*map(str, self.command), "rm", "--all"], capture_output=True)
            subprocess.run([*map(str, self.command), "rmi", "--all", "--force"], capture_output=True)
            subprocess.run(["umount", self.folder / "root" / "overlay"], capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def docker_archive(layout, name):
    """The OCI layout tar as one that `docker load` reads, for this machine's platform, named NAME."""
    archive = pathlib.Path(f"{layout}.docker.tar")
    if not archive.exists():
        run(["skopeo", "copy", "--quiet", f"oci-archive:{layout}", f"docker-archive:{archive}:{name}"])
    return archive
