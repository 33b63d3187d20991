"""The corpus of recipes with a known verdict: what a case is, read from its folder below cases/.

A case is a folder with a Dockerfile, its context, and expect.json, which is no part of the context:
    about     one sentence: what the recipe does, and for a suspicious one why it is reproducible all the same
    verdict   the word that the farm must say
    line      the Dockerfile's line (or lines) whose step is to blame; none for `reproducible`
    stage     the name of that line's stage, `stage-N` for one that has no name; the default is the last stage's
    cause     the class of docs/formats.md, "Causes", or a list where two words are equally true
    paths     globs: every path of these steps that differs is one of them, or of `derived`, and each is needed
    derived   globs: paths that differ only because those of `paths` do
    needs     what the farm must be able to vary or have (NEEDS below)
    remedy    [old, new] pairs of the Dockerfile's text after which the recipe is reproducible
"""
import dataclasses
import json
import pathlib
import re

CASES = pathlib.Path(__file__).resolve().parent / "cases"
VERDICTS = ("reproducible", "unreproducible", "flaky", "failed", "input-drift")
CLASSES = ("embedded-time", "archive-time", "gzip-header", "member-order", "member-owner", "member-mode", "pax-header",
           "pyc-header", "pyc-body", "build-path", "cache", "host-name", "kernel", "cpu-model", "processors", "process-id", "user",
           "locale", "environment", "search-path", "random", "order", "cpu-features", "parallelism", "compressor", "input", "file-time", "file-metadata", "unknown")
# Words of `needs`. The aspects are words of `build --vary`; a case of one that the farm does not know is skipped.
ASPECTS = ("file-order", "kernel", "cpu-model", "user", "locale", "time-zone", "umask", "environment", "search-path", "process-ids")
NEEDS = (*ASPECTS, "server", "two-processors")
# Bases that are there at once; what needs another is no part of the fast subset.
FAST_BASES = ("tiny", "python:3.11-slim")
FIELDS = {"about", "verdict", "line", "stage", "cause", "paths", "derived", "needs", "remedy"}


class CaseError(Exception):
    """A folder that is no case: which, and what is wrong."""


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    dockerfile: str
    files: tuple
    about: str
    verdict: str
    places: frozenset  # of (stage, line)
    causes: tuple
    paths: tuple
    derived: tuple
    needs: tuple
    remedy: tuple
    bases: tuple

    @property
    def fast(self):
        return set(self.bases) <= set(FAST_BASES)

    @property
    def suspicious(self):
        return self.verdict == "reproducible"

    def remedied(self):
        """The Dockerfile after the remedy."""
        text = self.dockerfile
        for old, new in self.remedy:
            text = text.replace(old, new)
        return text

    def write(self, folder, dockerfile=None):
        """The context, without what is expected."""
        for name in self.files:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((CASES / self.name / name).read_bytes())
            target.chmod((CASES / self.name / name).stat().st_mode & 0o755)
        (folder / "Dockerfile").write_text(dockerfile or self.dockerfile)


def stages_of(dockerfile):
    """[(line, name, base)] of the FROM lines; a base that is an earlier stage is None."""
    found, names = [], set()
    for number, line in enumerate(dockerfile.splitlines(), 1):
        match = re.fullmatch(r"FROM (\S+)(?: AS (\S+))?", line.strip())
        if match:
            found.append((number, match[2] or f"stage-{len(found)}", None if match[1] in names else match[1]))
            names.add(match[2])
    return found


def as_list(value):
    return value if isinstance(value, list) else [value]


def stage_of(stages, line):
    return [name for number, name, _ in stages if number < line][-1]


def read_case(folder):
    def check(condition, problem):
        if not condition:
            raise CaseError(f"{folder}: {problem}")

    expect = json.loads((folder / "expect.json").read_text())
    dockerfile = (folder / "Dockerfile").read_text()
    check(set(expect) <= FIELDS, f"unknown fields {set(expect) - FIELDS}")
    verdict = expect.get("verdict")
    check(verdict in VERDICTS, f"no verdict is called {verdict}")
    check(expect.get("about"), "says nothing about itself")
    stages = stages_of(dockerfile)
    check(stages, "the Dockerfile has no FROM")
    lines = as_list(expect.get("line", []))
    check(bool(lines) == (verdict not in ("reproducible",)), "a line is to blame, unless it is reproducible")
    for line in lines:
        text = dockerfile.splitlines()[line - 1] if 0 < line <= len(dockerfile.splitlines()) else ""
        check(re.match(r"(RUN|COPY|ADD|WORKDIR) ", text), f"line {line} is no instruction that makes a layer")
    places = frozenset((expect.get("stage", stage_of(stages, line)), line) for line in lines)
    causes = tuple(as_list(expect.get("cause", [])))
    check(set(causes) <= set(CLASSES), f"no such class: {causes}")
    check(bool(causes) == (verdict in ("unreproducible", "input-drift")), "a difference has a cause, and nothing else has")
    paths = tuple(expect.get("paths", []))
    check(bool(paths) == bool(causes), "a difference has paths, and nothing else has")
    needs = tuple(expect.get("needs", []))
    check(set(needs) <= set(NEEDS), f"unknown needs: {needs}")
    remedy = tuple((old, new) for old, new in expect.get("remedy", []))
    for old, _ in remedy:
        check(dockerfile.count(old) == 1, f"the remedy's text is {dockerfile.count(old)} times in the Dockerfile: {old}")
    files = tuple(sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")
                         if path.is_file() and path.name not in ("expect.json", "Dockerfile")))
    bases = tuple(sorted({base for _, _, base in stages if base not in (None, "scratch")}))
    return Case(folder.name, dockerfile, files, expect["about"], verdict, places, causes, paths,
                tuple(expect.get("derived", [])), needs, remedy, bases)


def read_cases():
    return [read_case(folder) for folder in sorted(CASES.iterdir())]
