"""One install of the truth set, as data: a stage that starts from an installer's and runs some commands."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    # The texts of RUN instructions (with their options), after each of which the image is looked at. {index} is the
    # address of the test's index, {host} that of everything it serves, {native} the machine's word for the platform.
    run: tuple
    # The stage it begins with, in tools.py.
    tool: str = "pip"
    # Files below /case, which is the working directory.
    files: dict = dataclasses.field(default_factory=dict)
    # Instructions before the first RUN, and whole stages before this one.
    before: str = ""
    stages: str = ""
    # Folders that are no interpreter's, but hold packages or wheels of this case all the same.
    search: tuple = ()
    wheels: tuple = ()
    # What an oracle that reads the tree cannot know, by name, each with its reason in a comment beside it: an outcome, or
    # None for a package that must not be named at all.
    says: dict = dataclasses.field(default_factory=dict)
    # Names of which nothing can prove wheel or source: `unknown` is right, everything else that is not true is wrong.
    unprovable: tuple = ()
    # Installed again as they were.
    again: tuple = ()
    # False: build dependencies are seen by nobody (no record of the network, and an installer that is silent about them).
    build_deps_seen: bool = True
    # The build fails, at this package.
    fails: str = ""
    # "quick" runs in `scripts/check slow`, "slow" in `scripts/check installs`; "emulated" is slow and for the other architecture too.
    part: str = "quick"


def project(dependencies, extra=""):
    """A pyproject.toml that installers of projects read; nothing is built of it."""
    quoted = ", ".join(f'"{text}"' for text in dependencies)
    return f'[project]\nname = "application"\nversion = "0.1"\nrequires-python = ">=3.11"\ndependencies = [{quoted}]\n{extra}'


def below(folder, files):
    """Files of a folder of the context."""
    return {f"{folder}/{path}": text for path, text in files.items()}
