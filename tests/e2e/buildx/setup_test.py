#!/usr/bin/env python3
"""`crossmill buildx-setup` with the real buildx: on the coordinator's machine by its socket, elsewhere by a certificate of the farm."""
import json
import os
import pathlib
import re
import stat
import subprocess
import tempfile
import unittest

from buildx_farm import BuildxCase, PEERS, peer

from farm import BIN, free_port, main, wait_for


class LocalSetupTest(BuildxCase):
    def test_one_command_and_builds_go_to_the_farm(self):
        home = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-home-", dir="/var/tmp"))
        self.addCleanup(subprocess.run, ["rm", "-rf", home], capture_output=True)
        # No docker in PATH: buildx by itself.
        env = {"PATH": str(PEERS), "BUILDX_CONFIG": str(home), "DOCKER_CONFIG": str(home), "HOME": str(home), "BUILDX_BUILDER": ""}
        made = self.farm.cli("buildx-setup", "--name", "team", env=env)
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertEqual(made.stdout, f"buildx create --name team --driver remote --use unix://{self.socket()}\n")
        self.dockerfile("FROM scratch\nCOPY Dockerfile /\n")
        built = self.buildx("build", "--progress", "plain", self.context, env=env)
        self.assertEqual(built.returncode, 0, self.story(built))
        self.assertIn('building with "team" instance', built.stderr)
        again = self.farm.cli("buildx-setup", "--name", "team", env=env)
        self.assertNotEqual(again.returncode, 0)
        self.assertIn("buildx rm NAME", again.stderr)


class NetworkSetupTest(unittest.TestCase):
    """A farm with an authority of its own, and somebody who has a token of it."""

    def setUp(self):
        peer("buildx")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-setup-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        self.addCleanup(subprocess.run, ["rm", "-rf", self.folder], capture_output=True)
        self.data = self.folder / "farm"
        self.port, self.door = free_port(), free_port()
        founded = self.crossmill("--data", self.data, "admin", "init", "--listen", f"127.0.0.1:{self.port}")
        self.assertEqual(founded.returncode, 0, founded.stderr)
        with open(self.folder / "log", "wb") as log:
            coordinator = subprocess.Popen([BIN / "crossmill-coordinator", "--config", self.data / "coordinator.toml", "--buildkit",
                                            f"127.0.0.1:{self.door}"], stdout=log, stderr=log)
        self.addCleanup(coordinator.wait)
        self.addCleanup(coordinator.kill)
        wait_for(lambda: self.operator("worker", "ls").returncode == 0, "the coordinator's start")

    def crossmill(self, *words, given="", **env):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CROSSMILL_")}
        return subprocess.run([BIN / "crossmill", *map(str, words)], input=given, capture_output=True, text=True, timeout=300,
                              env={**kept, "XDG_CONFIG_HOME": str(self.folder / "config"), "PATH": str(PEERS),
                                   "BUILDX_CONFIG": str(self.folder / "buildx"), "DOCKER_CONFIG": str(self.folder / "buildx"), **env})

    def operator(self, *words):
        return self.crossmill("--coordinator", f"unix:{self.data}/coordinator.sock", *words)

    def buildx(self, *words):
        return subprocess.run([PEERS / "buildx", *words], capture_output=True, text=True, timeout=300,
                              env={**os.environ, "BUILDX_CONFIG": str(self.folder / "buildx"), "DOCKER_CONFIG": str(self.folder / "buildx")})

    def test_a_token_becomes_a_certificate_that_is_worth_as_much(self):
        made = self.operator("admin", "token", "create", "ci", "--role", "submit")
        self.assertEqual(made.returncode, 0, made.stderr)
        token = re.search(r"cmill_\w+", made.stdout).group()
        login = self.crossmill("login", f"127.0.0.1:{self.port}", "--ca-file", self.data / "authority/authority.pem", given=token)
        self.assertEqual(login.returncode, 0, login.stderr)
        made = self.crossmill("buildx-setup", f"127.0.0.1:{self.door}")
        self.assertEqual(made.returncode, 0, made.stderr)
        files = self.folder / "config/crossmill/buildx/farm"
        self.assertIn(f"cacert={files}/ca.pem,cert={files}/cert.pem,key={files}/key.pem", made.stdout)
        self.assertEqual({stat.S_IMODE(path.stat().st_mode) for path in files.iterdir()}, {0o600})
        told = self.buildx("inspect", "farm")
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertRegex(told.stdout, r"Status:\s+running")
        # Who has no token any more has no certificate.
        listed = json.loads(self.operator("admin", "token", "ls", "--json").stdout)
        self.assertTrue(listed)
        revoked = self.operator("admin", "token", "revoke", "ci")
        self.assertEqual(revoked.returncode, 0, revoked.stderr)
        told = self.buildx("inspect", "farm")
        self.assertNotRegex(told.stdout, r"Status:\s+running")


if __name__ == "__main__":
    main()
