"""A case: a folder with a Dockerfile, what is in its context, and what is said about it in case.json.

Preparing one makes the context in a folder of its own: copies of context/ with the modes that git keeps, the
Dockerfile, and what make_context.py adds that git cannot store.
"""
import dataclasses
import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys

CASES = pathlib.Path(__file__).resolve().parent / "cases"
KEYS = {"about", "args", "dockerfile", "context", "stdin", "platforms", "fails", "exit_code", "peers", "origin",
        "environment", "says", "network", "ssh_agent", "skip_history", "open",
        "twice", "check"}


@dataclasses.dataclass
class Case:
    name: str
    folder: pathlib.Path
    about: str = ""
    args: list = dataclasses.field(default_factory=list)      # flags that all builders know
    dockerfile: str = ""                                      # -f, relative to the context
    context: str = ""                                         # instead of the folder: "-", an address
    stdin: str = ""                                           # a file fed to standard input
    platforms: list = dataclasses.field(default_factory=list)
    fails: list = dataclasses.field(default_factory=list)     # must fail and say each of these regular expressions
    exit_code: int = 1                                        # of ours, when it fails
    says: list = dataclasses.field(default_factory=list)      # regular expressions of ours when it succeeds
    peers: dict = dataclasses.field(default_factory=dict)     # peer -> "cannot: why" or "differs: why"
    origin: str = "buildkit"                                  # whose result the stored one is
    environment: dict = dataclasses.field(default_factory=dict)
    network: str = "none"
    ssh_agent: bool = False
    skip_history: bool = False                                # it says what changes from run to run
    check: bool = False                                       # checked, not built
    twice: bool = False                                       # built two times, the second is judged
    open: str = ""                                            # why ours does not pass yet

    @property
    def expected_file(self):
        return self.folder / "expected.txt"

    @property
    def equivalent(self):
        return self.folder / "equivalent.Dockerfile"


def load(folder):
    path = folder / "case.json"
    settings = json.loads(path.read_text()) if path.exists() else {}
    unknown = set(settings) - KEYS
    if unknown:
        raise SystemExit(f"{path}: unknown keys: {', '.join(sorted(unknown))}")
    if not settings.get("about"):
        raise SystemExit(f"{path}: `about` says what the case is about")
    if isinstance(settings.get("fails"), str):
        settings["fails"] = [settings["fails"]]
    return Case(folder.name, folder, **settings)


def load_all(root=CASES):
    return [load(folder) for folder in sorted(root.iterdir()) if folder.is_dir()]


@dataclasses.dataclass
class Prepared:
    """A case ready to be built. `variables` are what args may name in braces."""
    case: Case
    context: pathlib.Path
    work: pathlib.Path
    variables: dict

    def filled(self, text):
        for name, value in self.variables.items():
            text = text.replace("{" + name + "}", str(value))
        return text

    def args(self, stand_in=False):
        """The flags; a stand-in Dockerfile does without those that an old builder does not know."""
        words = [self.filled(argument) for argument in self.case.args]
        if not stand_in:
            return words
        kept = [index for index, word in enumerate(words) if word in ("--build-arg", "--target")]
        return [word for index in kept for word in words[index:index + 2]]

    @property
    def stdin(self):
        return self.filled(self.case.stdin)

    @property
    def environment(self):
        return {**os.environ, **{name: self.filled(value) for name, value in self.case.environment.items()},
                **({"SSH_AUTH_SOCK": self.variables["agent"]} if self.case.ssh_agent else {})}


def prepare(case, folder, server, agent):
    """Makes context and work folder below `folder`. `server`: address of this case's files; `agent`: ssh agent's socket."""
    # The reference takes folders of one name for versions of one context and believes size and time of their files.
    context, work = folder / folder.name, folder / "work"
    work.mkdir(parents=True)
    if (case.folder / "context").exists():
        shutil.copytree(case.folder / "context", context, symlinks=True)
    else:
        context.mkdir()
    if (case.folder / "Dockerfile").exists():
        shutil.copy(case.folder / "Dockerfile", context / "Dockerfile")
    normalise(context)
    variables = {"context": context, "work": work, "server": server.url_of(case.name), "agent": agent or ""}
    if (case.folder / "make_context.py").exists():
        environment = {**os.environ, "CASE_WORK": str(work), "CASE_SERVED": str(server.folder_of(case.name)),
                       "CASE_SERVER": variables["server"], "PYTHONDONTWRITEBYTECODE": "1",
                       "PYTHONPATH": str(pathlib.Path(__file__).resolve().parent)}
        result = subprocess.run([sys.executable, case.folder / "make_context.py"], cwd=context, env=environment,
                                capture_output=True, text=True, errors="replace", umask=0o022)
        if result.returncode != 0:
            raise RuntimeError(f"{case.name}: make_context.py: {result.stderr[-2000:]}")
    return Prepared(case, context, work, variables)


def normalise(folder):
    """The modes that git keeps: a checkout's umask and owner must not matter."""
    for path in [folder, *folder.rglob("*")]:
        if path.is_symlink():
            continue
        executable = path.stat().st_mode & stat.S_IXUSR
        path.chmod(0o755 if path.is_dir() or executable else 0o644)
