#!/usr/bin/env python3
"""Prints what ctest's JUnit files below a folder tell of tests that were skipped or failed, last what failed.

The end of a long output is what people and build servers keep: a failed test stands there with its name and the end of
what it printed. A file of end-to-end tests is one test of ctest, which passes when some of its tests are skipped;
tests/e2e/farm.py then prints a line for each.
"""
import pathlib
import sys
import xml.etree.ElementTree

from count_tests import kind_of

# Of what a failed test printed: its end says what was wrong.
LINES_OF_A_FAILURE = 60


def skipped(case, output):
    lines = [line for line in output.splitlines() if line.startswith("skipped: ")]
    if lines:
        yield from lines
    elif kind_of(case) == "skipped":
        last = output.strip().splitlines()[-1:]
        yield ": ".join(["skipped", case.get("name"), *last])


def failed(case, output, preset):
    lines = output.rstrip().splitlines()
    left_out = len(lines) - LINES_OF_A_FAILURE
    yield f"failed: {case.get('name')} ({preset})"
    if left_out > 0:
        yield f"    ({left_out} lines before)"
    yield from (f"    {line}" for line in lines[-LINES_OF_A_FAILURE:])


def main():
    skips, failures = [], []
    for file in sorted(pathlib.Path(sys.argv[1]).glob("*.xml")):
        for case in xml.etree.ElementTree.parse(file).getroot().iter("testcase"):
            output = case.findtext("system-out") or ""
            skips += skipped(case, output)
            if kind_of(case) == "failed":
                failures += failed(case, output, file.stem)
    for line in [*skips, *failures]:
        print(line)


if __name__ == "__main__":
    main()
