#!/usr/bin/env python3
"""Prints what ctest's JUnit files below a folder tell of tests that were skipped, one line each: name and reason.

A file of end-to-end tests is one test of ctest, which passes when some of its tests are skipped; tests/e2e/farm.py then
prints a line for each.
"""
import pathlib
import sys
import xml.etree.ElementTree


def skipped(case):
    output = case.findtext("system-out") or ""
    lines = [line for line in output.splitlines() if line.startswith("skipped: ")]
    if lines:
        yield from lines
    elif case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
        last = output.strip().splitlines()[-1:]
        yield ": ".join(["skipped", case.get("name"), *last])


def main():
    for file in sorted(pathlib.Path(sys.argv[1]).glob("*.xml")):
        for case in xml.etree.ElementTree.parse(file).getroot().iter("testcase"):
            for line in skipped(case):
                print(line)


if __name__ == "__main__":
    main()
