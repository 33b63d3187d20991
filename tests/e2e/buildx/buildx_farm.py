"""Farms as Docker's own clients use them: real buildx (and buildctl), which know nothing of Crossmill, at the coordinator's door for
them. What they print and write is judged, not what goes over the wire.

CROSSMILL_PEERS_BIN names the folder of the programs (scripts/install-buildkit makes them), else build/peers/bin.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import daemons
from farm import FarmTestCase, wait_for

PEERS = daemons.PEERS_BIN


def peer(name):
    """The path of a client, or a skip that says how to have it."""
    program = PEERS / name
    if not program.exists():
        raise unittest.SkipTest(f"needs {name}: scripts/install-buildkit makes it")
    return program


class BuildxCase(FarmTestCase):
    """A farm, and a builder of buildx that is it."""

    farm_options = {"workers": 1}

    @classmethod
    def setUpClass(cls):
        cls.buildx_program = peer("buildx")
        super().setUpClass()
        cls.settings = tempfile.mkdtemp(prefix="crossmill-buildx-", dir="/var/tmp")
        cls.addClassCleanup(subprocess.run, ["rm", "-rf", cls.settings], capture_output=True)
        made = cls.buildx("create", "--name", "farm", "--driver", "remote", f"unix://{cls.socket()}", "--use")
        assert made.returncode == 0, made.stderr

    @classmethod
    def socket(cls):
        return cls.farm.data / "buildkit.sock"

    @classmethod
    def environment(cls):
        return {**os.environ, "BUILDX_CONFIG": cls.settings, "DOCKER_CONFIG": cls.settings, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
                "BUILDX_BUILDER": "farm", "NO_COLOR": "1"}

    @classmethod
    def buildx(cls, *words, cwd=None, env=None, stdin=None, timeout=300):
        return subprocess.run([cls.buildx_program, *map(str, words)], capture_output=True, text=True, cwd=cwd, input=stdin,
                              env={**cls.environment(), **(env or {})}, timeout=timeout, errors="replace")

    @classmethod
    def start_buildx(cls, *words, cwd=None, env=None):
        return subprocess.Popen([cls.buildx_program, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                cwd=cwd, env={**cls.environment(), **(env or {})}, errors="replace")

    def bx(self, *words, context=None, code=0, **more):
        """`buildx build` of the test's context."""
        result = self.buildx("build", "--progress", "plain", *words, context or self.context, **more)
        self.assertEqual(result.returncode, code, self.story(result))
        return result

    def bx_local(self, *words, **more):
        """The files of the image: by path below its root."""
        out = tempfile.mkdtemp(prefix="crossmill-out-", dir="/var/tmp")
        self.addCleanup(subprocess.run, ["rm", "-rf", out], capture_output=True)
        result = self.bx("-o", f"type=local,dest={out}", *words, **more)
        return result, pathlib.Path(out)

    def number_of(self, result):
        """Of the farm's build that a client's output names."""
        found = re.search(r"\[crossmill\] build (\d+):", result.stdout + result.stderr)
        self.assertIsNotNone(found, self.story(result))
        return int(found.group(1))

    def submitted(self, result):
        """What the farm keeps of the build: its JSON."""
        return self.farm.show(self.number_of(result))


def vertices(result):
    """Names of the vertices that a plain display has shown, in order."""
    return [match.group(1) for match in re.finditer(r"^#\d+ (\[.*|exporting .*)$", result.stderr, re.MULTILINE)]
