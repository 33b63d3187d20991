#!/usr/bin/env python3
"""Tokens and projects at run time: who may do what the moment a token is made, and nothing the moment it is revoked."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from farm import BIN, FarmTestCase, main, wait_for


class TokensTest(FarmTestCase):
    farm_options = {"workers": 1}

    def json(self, *arguments, code=0, env=None):
        result = self.farm.cli(*arguments, "--json", env=env)
        self.assert_exit(result, code)
        return json.loads(result.stdout)

    def create(self, name, *options):
        return self.json("admin", "token", "create", name, *options)["token"]

    def with_token(self, token):
        """The farm over TCP, as whoever has the token."""
        return {"CROSSMILL_COORDINATOR": f"127.0.0.1:{self.farm.port}", "CROSSMILL_TOKEN": token}

    def as_(self, token, *arguments):
        return self.farm.cli(*arguments, env=self.with_token(token))

    def test_a_token_is_good_when_it_is_made_and_nothing_when_it_is_revoked(self):
        token = self.create("anna", "--role", "read")
        self.assertRegex(token, r"\Acmill_[0-9A-Za-z]{49}\Z")
        self.assert_exit(self.as_(token, "ls"), 0)
        self.assert_exit(self.as_(token, "admin", "token", "ls"), 4)
        [row] = [each for each in self.json("admin", "token", "ls") if each["name"] == "anna"]
        self.assertEqual((row["role"], row["project"]), ("read", "default"))
        self.assertTrue(row["used_at"])
        self.assertNotIn(token, json.dumps(self.json("admin", "token", "ls", "--all")))
        self.assert_exit(self.farm.cli("admin", "token", "revoke", "anna"), 0)
        self.assert_says(self.as_(token, "ls"), "the token is not known to this coordinator")
        # Nor after a restart, which others outlive.
        kept = self.create("ben", "--role", "read")
        self.farm.kill_coordinator()
        self.farm.start_coordinator()
        self.assert_exit(self.as_(kept, "ls"), 0)
        self.assert_says(self.as_(token, "ls"), "the token is not known to this coordinator")

    def test_a_person_logs_in_and_out(self):
        token = self.create("carla", "--role", "submit")
        with tempfile.TemporaryDirectory(dir="/var/tmp") as home:
            # As on a machine of a person's own: nothing says where the farm is.
            own = {"CROSSMILL_DATA": "", "CROSSMILL_COORDINATOR": "", "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home, "HOME": home}
            address = f"127.0.0.1:{self.farm.port}"
            crossmill = lambda *arguments, given="": subprocess.run(
                [BIN / "crossmill", *arguments], input=given, capture_output=True, text=True, timeout=120,
                env={name: value for name, value in (self.farm.environment() | own).items() if value})
            self.assert_says(crossmill("login", address, given="cmill_nobody\n"), "the token is not known to this coordinator")
            self.assertFalse(os.path.exists(f"{home}/crossmill/login.toml"))
            logged_in = crossmill("login", address, given=token + "\n")
            self.assertEqual(logged_in.stdout, f"logged in to {address} as carla (role submit, project default)\n", logged_in.stderr)
            self.dockerfile("""
                FROM tiny
                RUN echo mine >/whose
                """)
            self.assert_exit(crossmill("build", self.context), 0)
            self.assertTrue(self.json("admin", "audit", "ls", "--who", "carla"))
            self.assert_exit(crossmill("logout"), 0)
            self.assertIn("cannot reach the coordinator at unix:", crossmill("--data", f"{home}/none", "ls").stderr)
            self.assertNotIn(token, "".join(path.read_text() for path in pathlib.Path(home).rglob("*") if path.is_file()))

    def test_a_stream_ends_when_its_token_is_revoked(self):
        self.dockerfile("""
            FROM tiny
            RUN sleep 120
            """)
        build = self.farm.start_build(self.context)
        self.addCleanup(build.kill)
        token = self.create("watcher", "--role", "read")
        wait_for(lambda: any(each["status"] == "running" for each in self.json("ls")), "the build")
        number = self.json("ls")[0]["id"]
        watcher = subprocess.Popen([BIN / "crossmill", "watch", str(number), "--progress", "plain"],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   env={**os.environ, **self.with_token(token)})
        self.addCleanup(watcher.kill)
        time.sleep(2)
        self.assertIsNone(watcher.poll(), "it watches")
        self.assert_exit(self.farm.cli("admin", "token", "revoke", "watcher"), 0)
        said, _ = watcher.communicate(timeout=60)
        self.assertNotEqual(watcher.returncode, 0, said)
        self.assert_exit(self.farm.cli("cancel", str(number)), 0)

    def test_a_build_is_of_the_project_of_its_token(self):
        self.assert_exit(self.farm.cli("admin", "project", "create", "shop"), 0)
        token = self.create("ci", "--project", "shop")
        self.dockerfile("""
            FROM tiny
            RUN echo shop
            """)
        self.assert_exit(self.as_(token, "build", "--progress", "plain", self.context), 0)
        # Its builds stay in the record, so it stays.
        self.assert_exit(self.farm.cli("admin", "token", "revoke", "ci"), 0)
        self.assert_says(self.farm.cli("admin", "project", "rm", "shop"), "project 'shop' has builds")

    def test_a_token_pushes_only_where_it_says(self):
        token = self.create("pusher", "--push", "registry.example/shop/*")
        result = self.as_(token, "image", "push", "tiny", "registry.example/other/tiny")
        self.assert_exit(result, 4)
        self.assert_says(result, "this token may not push to registry.example/other/tiny")

    def test_the_audit_log_tells_what_was_changed(self):
        self.create("logged", "--role", "read")
        self.assert_exit(self.farm.cli("admin", "token", "revoke", "logged"), 0)
        report = self.json("admin", "audit", "verify")
        self.assertTrue(report["whole"])
        lines = self.json("admin", "audit", "ls", "--who", "operator")["lines"]
        calls = [line["call"] for line in lines]
        self.assertIn("crossmill.v1.People/CreateToken", calls)
        self.assertIn("crossmill.v1.People/RevokeToken", calls)
        log = self.farm.data / "audit.log"
        good = log.read_bytes()
        try:
            log.write_bytes(good.replace(b"RevokeToken", b"revokeToken", 1))
            report = self.json("admin", "audit", "verify", code=7)
            self.assertFalse(report["whole"])
            self.assertTrue(report["problems"])
        finally:
            log.write_bytes(good)


if __name__ == "__main__":
    main()
