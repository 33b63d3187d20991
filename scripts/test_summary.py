#!/usr/bin/env python3
"""Prints what the JUnit files below a folder tell of tests that were skipped or failed, last what failed.

The end of a long output is what people and build servers keep: a failed test stands there with its name and the end of
what it printed. A file of end-to-end tests is one test of ctest, which passes when some of its tests are skipped;
tests/e2e/farm.py then prints a line for each.
"""
import sys

from count_tests import cases_of, kind_of

# Of what a failed test printed: its end says what was wrong.
LINES_OF_A_FAILURE = 60


def output_of(case):
    """ctest keeps what a program printed; GoogleTest gives a case its messages."""
    messages = [found.text or found.get("message") or "" for kind in ("failure", "skipped") for found in case.findall(kind)]
    return case.findtext("system-out") or "\n".join(messages)


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
    for preset, case in cases_of(sys.argv[1]):
        output = output_of(case)
        skips += skipped(case, output)
        if kind_of(case) == "failed":
            failures += failed(case, output, preset)
    for line in [*skips, *failures]:
        print(line)


if __name__ == "__main__":
    main()
