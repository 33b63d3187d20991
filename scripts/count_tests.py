#!/usr/bin/env python3
"""Prints "N passed, N failed, N skipped" for the JUnit files that ctest wrote below a folder."""
import pathlib
import sys
import xml.etree.ElementTree


def kind_of(case):
    skipped = case.find("skipped")
    if case.get("status") == "fail" or case.find("failure") is not None:
        return "failed"
    if skipped is not None or case.get("status") in ("notrun", "disabled"):
        # A test whose program is missing did not run because something broke, not because it chose to.
        message = skipped.get("message", "") if skipped is not None else ""
        return "failed" if "Unable to find" in message or "Required Files" in message else "skipped"
    return "passed"


def main():
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for file in sorted(pathlib.Path(sys.argv[1]).glob("*.xml")):
        for case in xml.etree.ElementTree.parse(file).getroot().iter("testcase"):
            counts[kind_of(case)] += 1
    print(", ".join(f"{count} {kind}" for kind, count in counts.items()))


if __name__ == "__main__":
    main()
