#!/usr/bin/env python3
"""The corpus as a page for readers: `list_cases.py --write` writes docs/hostile.md, without it the page is compared with the
cases. Planning, full workers and what is tested elsewhere are listed by hand, with the file that tests them."""
import importlib
import pathlib
import sys
import textwrap

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import corpus

PAGE = HERE.parents[2] / "docs" / "hostile.md"
LEAST = 150

# What other tests run: what is sent, what stops it, the sentence, the file.
ELSEWHERE = [
    ("recipes", "26,000 folders in each other, a DAG of folders that unfolds to 2^40, a context of more files than it may have",
     "limit `context-entries`, 4,095 bytes of a path", "unfolds to more than N files and folders", "hostile/planning_test.py"),
    ("recipes", "ADD from a server that trickles or does not end", "limits `download-floor` and `download-bytes`",
     "the file is longer than N bytes", "hostile/planning_test.py"),
    ("recipes", "a recipe that brings the coordinator down while it is planned", "two deaths of the coordinator",
     "the coordinator ended 2 times while it planned this build", "hostile/planning_test.py"),
    ("recipes", "COPY of links and paths that lead out of the context or the root", "paths are resolved in context and root",
     "'...' is not in the context", "bad_input_test.py"),
    ("workers", "a worker whose disk is full", "`--least-space`, rest after failures", "gets no new tasks: ...",
     "hostile/full_worker_test.py"),
    ("workers", "a token for another worker's name", "tokens are for a name", "this token is for worker 'A', not for 'B'", "trust_test.py"),
    ("steps", "calls from a step on the host network, without a token", "roles", "this address needs a token", "isolation_test.py"),
    ("registries", "a registry that takes connections and says nothing", "Ctrl-C, `--timeout`, a pool of its own", "(others go on)",
     "silent_registry_test.py"),
]


def cell(text):
    printable = "".join(c if c.isprintable() else "?" for c in text)
    return printable.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").strip()


def cases():
    """(kind, case, file) of every class of every file of the corpus."""
    found = []
    for path in sorted(HERE.glob("*_test.py")):
        module = importlib.import_module(path.stem)
        for value in vars(module).values():
            if isinstance(value, type) and value.__module__ == module.__name__:
                found += [(kind, case, path.name) for kind, case in vars(value).get("corpus", [])]
    return found


def unsaid(found):
    """Rows that tell a sentence which no answer is compared with. What happens instead of one is in parentheses."""
    return [f"{file}: {case.name}: {case.told()!r}" for _, case, file in found
            if case.says in ("", ".*", "(?s).*") and not (case.told().startswith("(") and case.told().endswith(")"))]


def page():
    found = cases()
    words = (f"What was tried against a farm, what stops it, and what the person reads who is told: {len(found)} cases that run against a "
             "real farm (`tests/e2e/hostile`). After each the coordinator is the same process; after each group an honest build that is "
             "executed anew has its usual digest, and no mount, process or temporary file is left. Bars part what may be read; what is in "
             "parentheses is no sentence but what happens. This page is written by `tests/e2e/hostile/list_cases.py --write`; who is trusted "
             "with what is in [security.md](security.md), the limits and how they are set in [operations.md](operations.md).")
    text = f"# Attacks\n\n{textwrap.fill(words, 128, break_long_words=False, break_on_hyphens=False)}\n"
    for kind in corpus.KINDS:
        rows = [(case, file) for each, case, file in found if each == kind]
        others = [row for row in ELSEWHERE if row[0] == kind]
        if not rows and not others:
            continue
        text += f"\n## {kind[0].upper()}{kind[1:]}\n\n| case | what is sent | what stops it | what a person reads |\n|---|---|---|---|\n"
        for case, _ in rows:
            told = case.told()
            if case.fault:
                told += f" **Open:** {case.fault}"
            text += f"| {case.name} | {cell(case.sends)} | {cell(case.stops)} | {cell(told)} |\n"
        for _, sends, stops, sentence, file in others:
            text += f"| ({file}) | {cell(sends)} | {cell(stops)} | {cell(sentence)} |\n"
    return text, len(found)


def main():
    untested = unsaid(cases())
    if untested:
        sys.exit("\n".join(["sentences that no test compares; give the case a `says`, or put what happens in parentheses:", *untested]))
    text, count = page()
    if count < LEAST:
        sys.exit(f"{count} cases; at least {LEAST}")
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        sys.exit("docs/hostile.md is not what the cases say: tests/e2e/hostile/list_cases.py --write")
    print(f"{count} cases")


if __name__ == "__main__":
    main()
