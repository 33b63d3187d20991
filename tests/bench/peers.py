"""The builders that Crossmill is measured against, each with state of its own below one folder.

A peer that is not installed or cannot start says why in `problem` and takes no part. Everything started
here is ended by process id.
"""
import os
import pathlib
import shutil
import subprocess
import time
import urllib.request

# Debian's; another client of the same name may come first in PATH and speak only BuildKit.
DOCKER = "/usr/bin/docker"
START_LIMIT = 30


def run(argv, env=None, timeout=900):
    """Runs a command that must succeed."""
    result = subprocess.run([str(word) for word in argv], capture_output=True, text=True, errors="replace",
                            env=env, timeout=timeout)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, argv))}: exit code {result.returncode}\n"
                           f"{result.stdout[-2000:]}\n{result.stderr[-4000:]}")
    return result.stdout


def stop(process):
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class DockerDaemon:
    """A dockerd of our own: no bridge, no iptables, data in FOLDER."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder) / "docker"
        self.problem = ""
        self.process = None
        self.env = {**os.environ, "DOCKER_HOST": f"unix://{self.folder}/docker.sock",
                    "DOCKER_CONFIG": f"{self.folder}/config"}

    def __enter__(self):
        if not os.path.exists(DOCKER) or shutil.which("dockerd") is None:
            self.problem = "docker.io is not installed"
            return self
        (self.folder / "config").mkdir(parents=True)
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(
            ["dockerd", "--iptables=false", "--bridge=none", "--data-root", self.folder / "data", "--exec-root",
             self.folder / "exec", "--pidfile", self.folder / "pid", "--host", f"unix://{self.folder}/docker.sock"],
            stdout=log, stderr=log)
        log.close()
        end = time.monotonic() + START_LIMIT
        while time.monotonic() < end and self.process.poll() is None:
            if subprocess.run([DOCKER, "version"], capture_output=True, env=self.env).returncode == 0:
                return self
            time.sleep(0.1)
        lines = (self.folder / "log").read_text(errors="replace").splitlines()
        self.problem = f"dockerd does not start: {lines[-1] if lines else 'it says nothing'}"
        self.close()
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        stop(self.process)
        self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)


class Docker:
    """`docker build`, either the classic builder or BuildKit."""

    def __init__(self, daemon, buildkit):
        self.name = "buildkit" if buildkit else "classic"
        self.problem = daemon.problem
        self.env = {**daemon.env, "DOCKER_BUILDKIT": "1" if buildkit else "0"}

    def load(self, archive, name):
        run([DOCKER, "load", "-i", docker_archive(archive, name)], self.env)

    def build(self, context, no_cache=False):
        options = ["--no-cache"] if no_cache else []
        run([DOCKER, "build", "--network=none", *options, context], self.env)


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


class Registry:
    """Debian's docker-registry on loopback, with images pushed by skopeo."""

    def __init__(self, folder, port):
        self.folder = pathlib.Path(folder) / "registry"
        self.host = f"127.0.0.1:{port}"
        self.process = None

    def __enter__(self):
        self.folder.mkdir(parents=True)
        config = self.folder / "config.yml"
        config.write_text("version: 0.1\nlog:\n  level: error\n"
                          f"storage:\n  filesystem:\n    rootdirectory: {self.folder}/data\n"
                          f"http:\n  addr: {self.host}\n")
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(["docker-registry", "serve", config], stdout=log, stderr=log)
        log.close()
        return self

    def __exit__(self, *_):
        stop(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def wait(self):
        end = time.monotonic() + START_LIMIT
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"http://{self.host}/v2/", timeout=5):
                    return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"docker-registry does not start: {(self.folder / 'log').read_text(errors='replace')[-2000:]}")

    def push(self, layout, name):
        """Waits for the registry too. Returns the name to pull by."""
        reference = f"{self.host}/{name}"
        run(["skopeo", "copy", "--quiet", "--retry-times", "5", "--dest-tls-verify=false", f"oci-archive:{layout}",
             f"docker://{reference}"])
        return reference
