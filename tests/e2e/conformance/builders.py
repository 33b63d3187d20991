"""The builders that cases are given to: ours, and as peers Docker's two and buildah, each with state of its own.

build() returns an Outcome; a peer that is not installed or does not start says why in `problem`. Everything
started here is ended by process id.
"""
import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys
import time

import bases

# Debian's; another client of the same name may come first in PATH and speak only BuildKit.
DOCKER = "/usr/bin/docker"
START_LIMIT = 30
BUILD_LIMIT = 120


@dataclasses.dataclass
class Outcome:
    code: int
    output: str
    archive: pathlib.Path = None  # where the image is, after success


def run(argv, environment=None, stdin=None, cwd=None):
    """(exit code, standard output and error together)."""
    with open(stdin or os.devnull, "rb") as source:
        try:
            result = subprocess.run([str(word) for word in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                    text=True, errors="replace", env=environment, stdin=source, cwd=cwd,
                                    timeout=BUILD_LIMIT)
        except subprocess.TimeoutExpired as error:
            return 124, f"{error.output or ''}\nno result after {BUILD_LIMIT} s"
    return result.returncode, result.stdout


def must(argv, environment=None):
    code, output = run(argv, environment)
    if code != 0:
        raise RuntimeError(f"{' '.join(map(str, argv))}: exit code {code}\n{output[-3000:]}")
    return output


def stop(process):
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def dockerfile_options(prepared, dockerfile):
    if dockerfile:
        return ["-f", dockerfile]
    if prepared.case.dockerfile:
        name = prepared.filled(prepared.case.dockerfile)
        return ["-f", name if name == "-" or os.path.isabs(name) else prepared.context / name]
    return []


def context_of(prepared, dockerfile):
    """A stand-in Dockerfile is always built with the local folder."""
    if prepared.case.context and not dockerfile:
        return prepared.filled(prepared.case.context)
    return prepared.context


class Ours:
    name = "ours"

    def __init__(self, farm):
        self.farm = farm
        self.problem = ""

    def load(self, name, layout):
        self.farm.import_base(name, layout)

    def build(self, prepared, dockerfile=None):
        case = prepared.case
        archive = prepared.work.parent / "ours.tar"
        platforms = ["--platform", ",".join(case.platforms)] if case.platforms else []
        code, output = run([self.program, "build", "--progress", "plain", "--network", case.network, *platforms,
                            *dockerfile_options(prepared, dockerfile), *prepared.args(bool(dockerfile)), "-o", archive,
                            context_of(prepared, dockerfile)],
                           {**prepared.environment, **self.environment}, prepared.stdin, prepared.context)
        return Outcome(code, output, archive)

    @property
    def program(self):
        return sys.modules["farm"].BIN / "crossmill"

    @property
    def environment(self):
        wanted = ("CROSSMILL_COORDINATOR", "XDG_CACHE_HOME")
        return {name: value for name, value in self.farm.environment().items() if name in wanted}


class DockerDaemon:
    """A dockerd without bridge and packet filters."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder) / "docker"
        self.problem = ""
        self.process = None
        self.environment = {"DOCKER_HOST": f"unix://{self.folder}/docker.sock", "DOCKER_CONFIG": f"{self.folder}/config"}

    def __enter__(self):
        if not os.path.exists(DOCKER) or shutil.which("dockerd") is None:
            self.problem = "docker.io is not installed"
            return self
        (self.folder / "config").mkdir(parents=True)
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                ["dockerd", "--iptables=false", "--bridge=none", "--data-root", self.folder / "data", "--exec-root",
                 self.folder / "exec", "--pidfile", self.folder / "pid", "--host", f"unix://{self.folder}/docker.sock"],
                stdout=log, stderr=log)
        end = time.monotonic() + START_LIMIT
        while time.monotonic() < end and self.process.poll() is None:
            if run([DOCKER, "version"], {**os.environ, **self.environment})[0] == 0:
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
        if os.path.ismount(self.folder / "data"):  # a daemon that crashed leaves it
            run(["umount", "--recursive", self.folder / "data"])


class Docker:
    """`docker build`: the embedded BuildKit or the classic builder."""

    def __init__(self, daemon, buildkit):
        self.name = "buildkit" if buildkit else "classic"
        self.problem = daemon.problem
        self.environment = {**daemon.environment, "DOCKER_BUILDKIT": "1" if buildkit else "0"}

    def load(self, name, layout):
        must([DOCKER, "load", "-q", "-i", bases.docker_archive(layout, name)], {**os.environ, **self.environment})

    def build(self, prepared, dockerfile=None):
        case = prepared.case
        environment = {**prepared.environment, **self.environment}
        tag = f"case-{case.name.lower()}-{self.name}"
        archive = prepared.work.parent / f"{self.name}.tar"
        platform = ["--platform", case.platforms[0]] if case.platforms else []
        progress = ["--progress", "plain"] if self.name == "buildkit" else []
        code, output = run([DOCKER, "build", "--no-cache", "--network", case.network, *platform, *progress,
                            *dockerfile_options(prepared, dockerfile), *prepared.args(bool(dockerfile)), "-t", tag, context_of(prepared, dockerfile)],
                           environment, prepared.stdin, prepared.context)
        if code == 0:
            must([DOCKER, "save", "-o", archive, tag], environment)
        return Outcome(code, output, archive)


class Buildah:
    name = "buildah"

    def __init__(self, folder):
        self.folder = pathlib.Path(folder) / "buildah"
        self.problem = "" if shutil.which("buildah") else "buildah is not installed"
        self.command = ["buildah", "--root", self.folder / "root", "--runroot", self.folder / "run",
                        "--storage-driver", "overlay"]
        # Debian's crun refuses the hybrid cgroups of some machines.
        self.runtime = ["--runtime", shutil.which("runc")] if shutil.which("runc") else []

    def load(self, name, layout):
        must([*self.command, "pull", "--quiet", f"docker-archive:{bases.docker_archive(layout, name)}"])

    def build(self, prepared, dockerfile=None):
        case = prepared.case
        tag = f"case-{case.name.lower()}"
        archive = prepared.work.parent / "buildah.tar"
        platform = ["--platform", case.platforms[0]] if case.platforms else []
        code, output = run([*self.command, "bud", "--format", "docker", "--layers=false", "--isolation", "oci", *self.runtime,
                            "--network", case.network, "--pull-never", *platform,
                            *dockerfile_options(prepared, dockerfile), *prepared.args(bool(dockerfile)), "-t", tag, context_of(prepared, dockerfile)],
                           prepared.environment, prepared.stdin, prepared.context)
        if code == 0:
            must([*self.command, "push", "--quiet", "--disable-compression", tag, f"docker-archive:{archive}:{tag}"])
        return Outcome(code, output, archive)

    def close(self):
        if not self.problem and self.folder.exists():
            run([*self.command, "rm", "--all"])
            run([*self.command, "rmi", "--all", "--force"])
            run(["umount", self.folder / "root" / "overlay"])
