#!/usr/bin/env python3
"""Every reference resolves: from code, scripts and docs to documents and their sections, from docs and comments to files.

Run by ctest. An argument names another tree than this one.

What is a reference:
- `docs/NAME.md`, `NAME.md` inside docs/, and README, followed by `, "Section"` if it means a section (headings are
  compared without case; further sections follow with `and "Other"`);
- a Markdown link, with its anchor as GitHub makes it;
- a path that begins with a folder of this project: of a source or script in any text, in docs also without suffix,
  with `*` and with `{a,b}`.
"""
import itertools
import os
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 and os.path.isdir(sys.argv[1])
                    else pathlib.Path(__file__).resolve().parent.parent)
# Recipes, expectations and corpora say what they like.
DATA = ("tests/golden/", "tests/fuzz/corpus/", "tests/e2e/conformance/cases/", "examples/",
        # Tests of checks, which need breaches.
        "tests/house_test.py", "tests/docs_references_test.py")
FOLDERS = r"(?:common|coordinator|worker|cli|proto|scripts|tests|docs|cmake|examples)"
DOCUMENT = re.compile(r"\b(docs/[\w-]+\.md|README(?:\.md)?)\b((?:(?:, (?:section )?| and )\"[^\"\n]+\")*)")
IN_DOCS = re.compile(r"(?<![\w/(\[.-])([a-z-]+\.md)\b((?:(?:, (?:section )?| and )\"[^\"\n]+\")*)")
QUOTED = re.compile(r'"([^"]+)"')
LINK = re.compile(r"\]\(([^)\s]+)\)")
# In running text a path has to look like one: with a suffix, or below scripts/.
PATH = re.compile(rf"(?<![\w./*$}}-])({FOLDERS}/[\w./-]*\.(?:h|cc|proto|py|sql|md|cmake|sh)|scripts/[\w-]+)(?![\w/{{*-])")
PATH_IN_DOCS = re.compile(rf"`({FOLDERS}/[\w./{{}},*-]*)`")
# A list of folders and what is in them, one a line.
LISTED_PATH = re.compile(rf"^({FOLDERS}/[\w./{{}},-]*)(?= )", re.M)
LITERAL = re.compile(r'"(?:[^"\\\n]|\\.)*"')


def tracked_names():
    """None: this is no git checkout (a source archive), or there is no git."""
    try:
        listed = subprocess.run(["git", "-c", "safe.directory=*", "-C", ROOT, "ls-files", "-z"], capture_output=True,
                                text=True)
    except FileNotFoundError:
        return None
    return list(filter(None, listed.stdout.split("\0"))) if listed.returncode == 0 else None


def names_on_disk():
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in (".git", "build", "__pycache__")]
        for name in files:
            yield (pathlib.Path(folder) / name).relative_to(ROOT).as_posix()


def source_files():
    tracked = tracked_names()
    for name in sorted(names_on_disk() if tracked is None else tracked):
        if name.startswith("build/") or (name.startswith(DATA) and not name.endswith("README.md")):
            continue
        path = ROOT / name
        if path.is_file():
            yield name, path.read_text(errors="replace")


def running_text(name, text):
    """Comments as one line each: a reference may be broken anywhere. Tests' strings are data."""
    if name.startswith("tests/") and name.endswith((".cc", ".h")):
        text = "\n".join(LITERAL.sub('""', line) if "//" not in line else line for line in text.splitlines())
    return re.sub(r"\s*\n[ \t]*(?://+|#+(?!#* \w+\n)|\*)?[ \t]*", " ", text)


def headings(path):
    fenced = False
    for line in path.read_text().splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced and re.match(r"#+ ", line):
            yield re.sub(r"^#+ |`", "", line).strip()
        # A paragraph's title: **Leases.** is as good as a heading to a reader.
        elif match := re.match(r"\*\*([^*]+?)\.?\*\*", line):
            yield match.group(1)


def anchor(heading):
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def missing_sections(document, wanted):
    known = {heading.lower() for heading in headings(document)}
    return [section for section in wanted if section.lower() not in known]


def expanded(pattern):
    parts = re.split(r"\{([^}]*)\}", pattern)
    choices = [part.split(",") if index % 2 else [part] for index, part in enumerate(parts)]
    return ["".join(combination) for combination in itertools.product(*choices)]


def exists(path):
    if "*" in path:
        return any(ROOT.glob(path))
    stem = ROOT / path.rstrip("/.")
    if stem.exists():
        return True
    # In docs a pair of header and source is one name.
    return any(stem.with_name(stem.name + suffix).exists() for suffix in (".h", ".cc", ".py", ".proto", "_test.cc"))


def document_problems(name, text):
    found = [(match, match.group(1)) for match in DOCUMENT.finditer(text)]
    if name.startswith("docs/"):
        found += [(match, "docs/" + match.group(1)) for match in IN_DOCS.finditer(text)]
    for match, document in found:
        if document == "README":
            # Without a section it is a word.
            if not match.group(2):
                continue
            document = "README.md"
        path = ROOT / document
        if not path.exists():
            yield f"{name}: {document} does not exist"
            continue
        for section in missing_sections(path, QUOTED.findall(match.group(2))):
            yield f'{name}: {document} has no section "{section}"'


def link_problems(name, text):
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, fragment = target.partition("#")
        path = (ROOT / name).parent / file if file else ROOT / name
        if not path.exists():
            yield f"{name}: the link to {target} leads nowhere"
        elif fragment and fragment not in {anchor(heading) for heading in headings(path)}:
            yield f"{name}: {file or name} has no section with the anchor #{fragment}"


def path_problems(name, text):
    paths = {match.group(1) for match in PATH.finditer(text)}
    if name.endswith(".md"):
        paths |= set(PATH_IN_DOCS.findall(text))
        paths |= set(LISTED_PATH.findall(text))
    # Documents are told with their sections.
    paths = {path for path in paths if not DOCUMENT.fullmatch(path)}
    for path in sorted(paths):
        yield from (f"{name}: {one} does not exist" for one in expanded(path) if not exists(one))


def problems():
    for name, text in source_files():
        whole = running_text(name, text)
        if name.endswith(".md"):
            yield from link_problems(name, text)
        yield from document_problems(name, whole)
        yield from path_problems(name, whole)


class References(unittest.TestCase):
    def test_every_reference_resolves(self):
        found = list(problems())
        self.assertEqual(found, [], "\n" + "\n".join(found))

    def test_sources_are_found_without_git(self):
        names = set(names_on_disk())
        self.assertLessEqual({"README.md", ".ci/run", "docs/cli.md", "common/base/files.h"}, names)
        self.assertEqual([name for name in names if name.startswith((".git/", "build/"))], [])

    def test_what_would_be_found(self):
        """The checks themselves: each kind of a reference that leads nowhere is told."""
        def of(name, text):
            return [*document_problems(name, running_text(name, text)), *link_problems(name, text),
                    *path_problems(name, running_text(name, text))]
        self.assertEqual(of("cli/a.h", '// (docs/cli.md,\n// "Exit codes").\n'), [])
        self.assertEqual(of("cli/a.h", '// (docs/cli.md,\n// "Which moon").\n'),
                         ['cli/a.h: docs/cli.md has no section "Which moon"'])
        self.assertEqual(of("cli/a.h", "// docs/moon.md says it"), ["cli/a.h: docs/moon.md does not exist"])
        self.assertEqual(of("docs/a.md", "[x](cli.md#exit-codes) [y](cli.md#moon) `common/{base,moon}`"),
                         ["docs/a.md: cli.md has no section with the anchor #moon",
                          "docs/a.md: common/moon does not exist"])
        self.assertEqual(of("cli/a.cc", "// as common/base/moon.h has it"),
                         ["cli/a.cc: common/base/moon.h does not exist"])
        self.assertEqual(of("scripts/a", "# scripts/moon makes it"), ["scripts/a: scripts/moon does not exist"])


if __name__ == "__main__":
    unittest.main()
