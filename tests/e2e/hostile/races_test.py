#!/usr/bin/env python3
"""Hostile steps that swap folders and links under what comes after them, or runs beside them."""
import subprocess

from corpus import Case, HostileTest, corpus
from farm import main, wait_for

# Swaps a folder and a link to OUT under one name until it is killed.
SWAP = ("setsid sh -c 'while :; do mkdir NAME 2>/dev/null; rmdir NAME 2>/dev/null; ln -s OUT NAME 2>/dev/null; rm -f NAME; done' "
        ">/dev/null 2>&1 &")


def swap(name, out="/tmp/hostile"):
    return SWAP.replace("NAME", name).replace("OUT", out)


CACHE = "RUN --mount=type=cache,id=raced,target=/c,sharing=shared"
CASES = [
    Case("copy-destination-swapped", "a process left by RUN that swaps the destination of the next COPY", "the process namespace ends with the step",
         r"(?s).*", [f"FROM tiny\nRUN {swap('/dest')} sleep 0.2\nRUN rm -rf /dest\nCOPY file /dest/hostile\nRUN test \"$(cat /dest/hostile)\" = content\n"],
         sentence="(killed with the step)"),
    Case("copy-destination-link-out", "a COPY to a link that leads above the root", "destinations are resolved in the stage's root", r"(?s).*",
         ["FROM tiny\nRUN mkdir /tmp/hostile && ln -s ../../../../../../tmp/hostile /dest\nCOPY file /dest/x\nRUN test \"$(cat /tmp/hostile/x)\" = content\n"],
         sentence="(in the root)"),
    Case("workdir-swapped", "a process left by RUN that swaps the WORKDIR of the next step", "the process namespace ends with the step", r"(?s).*",
         [f"FROM tiny\nRUN {swap('/work')} sleep 0.2\nRUN rm -rf /work\nWORKDIR /work\nRUN touch hostile && test -e /work/hostile\n"],
         sentence="(killed with the step)"),
    Case("cache-swapped-by-another", "two builds with one cache mount, of which one swaps what the other writes to", "mounts of a step are its own; the cache is one folder",
         r"(?s).*", [f"FROM tiny\n{CACHE} {swap('/c/d')} sleep 3\n",
                     f"FROM tiny\n{CACHE} for i in $(seq 1 300); do echo x > /c/d/hostile-x; done 2>/dev/null; ! test -e /tmp/hostile/hostile-x\n"],
         sentence="(links of the cache lead into the step's own root)"),
    Case("cache-source-swapped", "a cache mount filled from a stage, mounted again below a link that another step swaps", "mounts are opened without links",
         r"(?s).*", [f"FROM tiny AS from\nRUN mkdir /s && echo x > /s/filled-y\nFROM tiny\n{CACHE} {swap('/c/d')} sleep 3\n",
                     "FROM tiny AS from\nRUN mkdir /s && echo x > /s/filled-y\nFROM tiny\n"
                     f"{CACHE} --mount=type=cache,id=filled,from=from,source=/s,target=/c/e cat /c/e/filled-y || true\n"],
         sentence="(mounted in the step's root)"),
]


@corpus("steps", CASES)
class RacesTest(HostileTest):
    farm_options = HostileTest.farm_options | {"workers": 1, "slots": 2}

    def run_case(self, case):
        builds = []
        for number, text in enumerate(case.data):
            self.write(f"{number}/Dockerfile", text)
            self.write(f"{number}/file", "content\n")
            builds.append(self.farm.start_build(self.context / str(number), "--no-cache"))
        for build in builds:
            out, err = build.communicate(timeout=300)
            self.assertEqual(build.returncode, 0, out + err + self.farm.logs())
            self.assert_case(case, out + err)
        # What was raced ends with its step, and nothing of it is anywhere else on this machine.
        wait_for(lambda: subprocess.run(["pgrep", "-f", "ln -s /tmp/hostile"], capture_output=True).returncode != 0, "the end of what swaps")


if __name__ == "__main__":
    main()
