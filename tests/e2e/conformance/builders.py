"""The builders that cases are given to: ours, and as peers the newest BuildKit, Debian's Docker with its two
builders, and buildah, each with state of its own.

build() returns an Outcome; a peer that is not installed or does not start says why in `problem`. Everything
started here is ended by process id.
"""
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import sys

import bases
from daemons import DOCKER

BUILD_LIMIT = 120
# The checks that BuildKit has; ours has more.
CHECKS = ("StageNameCasing FromAsCasing NoEmptyContinuation ConsistentInstructionCasing DuplicateStageName "
          "ReservedStageName JSONArgsRecommended MaintainerDeprecated UndefinedArgInFrom WorkdirRelativePath UndefinedVar "
          "MultipleInstructionsDisallowed LegacyKeyValueFormat InvalidBaseImagePlatform RedundantTargetPlatform "
          "SecretsUsedInArgOrEnv InvalidDefaultArgInFrom FromPlatformFlagConstDisallowed CopyIgnoredFile "
          "InvalidDefinitionDescription ExposeProtoCasing ExposeInvalidFormat").split()


@dataclasses.dataclass
class Outcome:
    code: int
    output: str
    archive: pathlib.Path = None  # where the image is, after success
    findings: list = None         # (line, rule, message) of a case that is checked


def run(argv, environment=None, stdin=None, cwd=None, errors=subprocess.STDOUT):
    """(exit code, standard output and error together)."""
    with open(stdin or os.devnull, "rb") as source:
        try:
            result = subprocess.run([str(word) for word in argv], stdout=subprocess.PIPE, stderr=errors,
                                    text=True, errors="replace", env=environment, stdin=source, cwd=cwd,
                                    timeout=BUILD_LIMIT)
        except subprocess.TimeoutExpired as error:
            said = (error.output or b"").decode(errors="replace")
            return 124, f"{said}\nno result after {BUILD_LIMIT} s"
    return result.returncode, result.stdout


def must(argv, environment=None):
    code, output = run(argv, environment)
    if code != 0:
        raise RuntimeError(f"{' '.join(map(str, argv))}: exit code {code}\n{output[-3000:]}")
    return output


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

    def check(self, prepared):
        code, output = run([self.program, "check", "--format", "json", *dockerfile_options(prepared, None),
                            *prepared.args(), context_of(prepared, None)],
                           {**prepared.environment, **self.environment}, prepared.stdin, prepared.context,
                           subprocess.DEVNULL)
        found = json.loads(output)["findings"] if output.startswith("{") else []
        return Outcome(code, output, findings=[(finding["line"], finding["rule"], finding["message"])
                                               for finding in found if finding["rule"] in CHECKS])

    @property
    def program(self):
        return sys.modules["farm"].BIN / "crossmill"

    @property
    def environment(self):
        wanted = ("CROSSMILL_COORDINATOR", "XDG_CACHE_HOME")
        return {name: value for name, value in self.farm.environment().items() if name in wanted}


class ThroughBuildx:
    """Ours, asked by Docker's own client."""
    name = "buildx"

    def __init__(self, farm, program, folder):
        self.farm = farm
        self.program = program
        folder.mkdir()
        self.settings = {"BUILDX_CONFIG": str(folder), "DOCKER_CONFIG": str(folder)}
        code, output = run([program, "create", "--name", "farm", "--driver", "remote", f"unix://{farm.data}/buildkit.sock"],
                           {**os.environ, **self.settings})
        self.problem = output if code != 0 else ""

    def build(self, prepared, dockerfile=None):
        case = prepared.case
        archive = prepared.work.parent / "buildx.tar"
        platforms = ["--platform", ",".join(case.platforms)] if case.platforms else []
        code, output = run([self.program, "build", "--builder", "farm", "--progress", "plain", "--provenance=false", "--allow",
                            "network.host", "--network", case.network, *platforms, *dockerfile_options(prepared, dockerfile),
                            *prepared.args(bool(dockerfile)), "-o", f"type=oci,dest={archive}", context_of(prepared, dockerfile)],
                           {**prepared.environment, **self.settings}, prepared.stdin, prepared.context)
        return Outcome(code, output, archive)

    def check(self, prepared):
        return BuildKit.findings_of([self.program, "build", "--builder", "farm"], prepared, self.settings)


class BuildKit:
    """The newest BuildKit with its own client: the reference."""
    name = "buildkit"

    def __init__(self, daemon):
        self.daemon = daemon
        self.problem = daemon.problem
        self.title = f"buildkit {daemon.version}"

    def load(self, name, layout):
        self.daemon.registry.push(layout, f"library/{name}:latest")

    def build(self, prepared, dockerfile=None):
        case = prepared.case
        environment = {**prepared.environment, **self.daemon.environment}
        archive = prepared.work.parent / f"{self.name}.tar"
        platforms = ["--platform", ",".join(case.platforms)] if case.platforms else []
        code, output = run([*self.daemon.client, "build", "--builder", "peer", "--no-cache", "--progress", "plain",
                            "--provenance=false", "--allow", "network.host", "--network", case.network, *platforms,
                            *dockerfile_options(prepared, dockerfile), *prepared.args(bool(dockerfile)),
                            "-o", f"type=oci,dest={archive}", context_of(prepared, dockerfile)],
                           environment, prepared.stdin, prepared.context)
        return Outcome(code, output, archive)

    def check(self, prepared):
        return self.findings_of([*self.daemon.client, "build", "--builder", "peer"], prepared, self.daemon.environment)

    @staticmethod
    def findings_of(command, prepared, environment):
        """It ends with 1 when it finds something."""
        code, output = run([*command, "--progress", "quiet", "--call", "check,format=json",
                            *dockerfile_options(prepared, None), *prepared.args(), context_of(prepared, None)],
                           {**prepared.environment, **environment}, prepared.stdin, prepared.context, subprocess.DEVNULL)
        if not output.startswith("{"):
            return Outcome(code or 1, output, findings=[])
        document = json.loads(output)
        if document.get("buildError"):
            return Outcome(1, str(document["buildError"]), findings=[])
        found = [(warning["location"]["ranges"][0]["start"]["line"], warning["ruleName"], warning["detail"])
                 for warning in document.get("warnings") or []]
        return Outcome(0, output, findings=found)


class Docker:
    """Debian's `docker build`: the BuildKit of 20.10 in it, or the classic builder."""

    def __init__(self, daemon, buildkit):
        self.name = "docker" if buildkit else "classic"
        self.title = "docker 20.10, " + ("BuildKit in it" if buildkit else "classic builder")
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
        progress = ["--progress", "plain"] if self.name == "docker" else []
        code, output = run([DOCKER, "build", "--no-cache", "--network", case.network, *platform, *progress,
                            *dockerfile_options(prepared, dockerfile), *prepared.args(bool(dockerfile)), "-t", tag, context_of(prepared, dockerfile)],
                           environment, prepared.stdin, prepared.context)
        if code == 0:
            must([DOCKER, "save", "-o", archive, tag], environment)
        return Outcome(code, output, archive)


class Buildah:
    name = "buildah"
    title = "buildah 1.28"

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
