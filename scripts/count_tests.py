#!/usr/bin/env python3
"""Prints "N passed, N failed, N skipped" for the JUnit files below a folder.

ctest writes PRESET.xml. Where it runs whole programs of GoogleTest (CROSSMILL_TESTS_BY_PROGRAM), each of them writes its
cases into PRESET/PROGRAM.xml at its end: then these are counted, and the program only when it failed, which may have
been after all cases.
"""
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


def cases_of(folder):
    """(preset, test case) of all files below the folder."""
    for file in sorted(pathlib.Path(folder).glob("*.xml")):
        cases = file.with_suffix("")
        for program in xml.etree.ElementTree.parse(file).getroot().iter("testcase"):
            if kind_of(program) != "passed" or not (cases / f"{program.get('name')}.xml").exists():
                yield file.stem, program
        for program in sorted(cases.glob("*.xml")):
            for case in xml.etree.ElementTree.parse(program).getroot().iter("testcase"):
                case.set("name", f"{case.get('classname')}.{case.get('name')}")
                yield file.stem, case


def main():
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for _, case in cases_of(sys.argv[1]):
        counts[kind_of(case)] += 1
    print(", ".join(f"{count} {kind}" for kind, count in counts.items()))


if __name__ == "__main__":
    main()
