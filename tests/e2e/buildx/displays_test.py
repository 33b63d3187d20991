#!/usr/bin/env python3
"""What people see of a build: the displays of buildx at a farm and at a buildkitd beside it, where one runs. Names of lines, what a step
prints and on which stream, what is cached, warnings, and how an error is told are to be the same; what a farm says besides is marked as
its own."""
import base64
import collections
import json
import re
import subprocess

# First: it says where what all tests share is.
from outputs_test import PLATFORMS

from beside_buildkit import BesideBuildkit
from farm import main, tiny_archive

ARCHITECTURES = ("amd64", "arm64")
# Of two stores and two clocks.
CHANCE = re.compile(r"sha256:[0-9a-f]{64}")
Display = collections.namedtuple("Display", "code vertices cached logs warnings error")


class DisplaysTest(BesideBuildkit):
    maxDiff = None
    tiny_architectures = ARCHITECTURES

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The daemon has it from its mirror, the farm from an import.
        subprocess.run(["skopeo", "copy", "--all", "--dest-tls-verify=false", f"oci-archive:{tiny_archive(*ARCHITECTURES)}",
                        f"docker://{cls.registry.host}/library/tiny:latest"], capture_output=True, check=True)

    def display(self, environment, *words):
        """What the client was told, by the display for programs; what only a farm says is left out."""
        result = self.buildx("build", "--progress", "rawjson", *words, self.context, env=environment)
        names, cached, errors = {}, set(), {}
        logs, warnings = [], []
        for line in result.stderr.splitlines():
            told = json.loads(line) if line.startswith("{") else {}
            for vertex in told.get("vertexes", []):
                names[vertex["digest"]] = CHANCE.sub("sha256:", vertex["name"])
                if vertex.get("cached"):
                    cached.add(names[vertex["digest"]])
                if vertex.get("error"):
                    errors[names[vertex["digest"]]] = vertex["error"]
            logs += [(log["vertex"], log.get("stream"), log["data"]) for log in told.get("logs", [])]
            for warning in told.get("warnings", []):
                # A source's definition is the daemon's own; why a rule is one, the farm says in its own words.
                source = {key: value for key, value in warning.get("sourceInfo", {}).items() if key != "definition"}
                warnings.append(json.dumps([warning.get("short"), warning.get("url"), warning.get("range"), source]))
        own = {name for name in names.values() if name.startswith("[crossmill]")}
        shown = collections.defaultdict(bytes)
        for vertex, stream, data in logs:
            text = base64.b64decode(data)
            # The farm's console ends with how its command ended.
            if not text.startswith(b"exit code "):
                shown[names.get(vertex, "?"), stream] += text
        return Display(result.returncode, set(names.values()) - own, cached - own, dict(shown), sorted(warnings), errors)

    def both(self, *words):
        return [self.display(environment, *words) for environment in self.sides.values()]

    def plain(self, *words):
        """Of the display for people the lines after the last step: the step's own last lines, and the recipe with a mark."""
        told = []
        for environment in self.sides.values():
            result = self.buildx("build", "--progress", "plain", *words, self.context, env=environment)
            lines = [line for line in result.stderr.splitlines() if not re.match(r"\d+\.\d+ exit code", line)]
            begin = lines.index("------") if "------" in lines else len(lines)
            told.append([re.sub(r"^\d+\.\d+ ", "", line) for line in lines[begin:]])
        return told

    def test_names_of_steps_and_what_they_print(self):
        for recipe, words in (
                ("FROM tiny\nRUN echo hello && echo wrong >&2\n", ()),
                ("FROM tiny\nENV A=b\nCMD [\"x\"]\n", ()),
                ("FROM tiny AS base\nRUN printf one\\n\nFROM base AS side\nCOPY app /bin/app\nFROM base\nLABEL a=b\nWORKDIR /work\n"
                 "COPY --from=side /bin/app /app\nADD data /d\nRUN cat /app > made\n", ()),
                ("FROM tiny AS a\nRUN echo a >/a\nFROM tiny AS b\nCOPY --from=a /a /a\n", ("--target", "a")),
                ("FROM tiny\nCOPY app /\n", ("--platform", PLATFORMS)),
                ("FROM tiny\nRUN [\"echo\", \"several words\"]\nRUN <<EOF\necho of\necho a document\nEOF\n", ())):
            with self.subTest(recipe=recipe, words=words):
                self.dockerfile(recipe)
                farm, peer = self.both(*words)
                self.assertEqual((farm.code, peer.code), (0, 0))
                self.assertEqual(farm.vertices, peer.vertices)
                self.assertEqual(farm.logs, peer.logs)

    def test_what_was_built_before_is_cached(self):
        self.dockerfile("FROM tiny AS side\nRUN echo side >/s\nFROM tiny\nCOPY --from=side /s /s\nRUN echo once >/o\nRUN cat /o\n")
        self.both()
        farm, peer = self.both()
        # Of a base that is there already a buildkitd says so in words of its own.
        steps = {name for name in peer.vertices if re.match(r"\[.*\d+/\d+\] (RUN|COPY)", name)}
        self.assertEqual((farm.cached & steps, peer.cached & steps), (steps, steps))

    def test_exports_are_told_as_one_line_each(self):
        self.dockerfile("FROM scratch\nCOPY app /\n")
        for kind in ("oci", "docker", "tar", "local"):
            with self.subTest(kind):
                farm, peer = self.both("-o", f"type={kind},dest={self.out}/{kind}")
                self.assertEqual(farm.vertices, peer.vertices)

    def test_warnings_have_their_place_and_their_page(self):
        self.dockerfile("FROM tiny AS Base\nENV a b\nMAINTAINER me\nCMD echo a\n")
        farm, peer = self.both()
        self.assertEqual(farm.warnings, peer.warnings)
        self.assertEqual(len(farm.warnings), 4)

    def test_a_failure_is_told_with_its_last_lines_and_its_place(self):
        # Two streams have no order but that of time.
        for recipe in ("FROM tiny\nRUN echo hello \\\n  && sleep 1 && echo wrong >&2 && exit 3\n",
                       "FROM tiny AS one\nRUN echo fine\nFROM one\nRUN cat /nothing\nRUN never\n",
                       "FROM tiny\nRUN [\"false\"]\n"):
            with self.subTest(recipe=recipe):
                self.dockerfile(recipe)
                farm, peer = self.both()
                self.assertEqual((farm.code, farm.error), (peer.code, peer.error))
                self.assertNotEqual(farm.code, 0)
                farm, peer = self.plain()
                self.assertEqual(farm, peer)
                self.assertIn(">>> RUN", "\n".join(farm))


if __name__ == "__main__":
    main()
