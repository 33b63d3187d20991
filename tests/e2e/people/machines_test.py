#!/usr/bin/env python3
"""From nothing to a farm of two machines, each in a network namespace: two commands of an administrator, one pasted line on each
machine, a login on a third; and what a thief of an invitation or a certificate gets."""
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from farm import BIN, main, require_program, tiny_archive, wait_for
from hosts import Hosts

PORT = 7777


class Machines(unittest.TestCase):
    """A farm made by `admin init` on the host `farm`; nothing has joined."""

    coordinator_options = ()

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-machines-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        self.addCleanup(subprocess.run, ["rm", "-rf", "--one-file-system", self.folder], capture_output=True)
        self.hosts = Hosts(["farm", "one", "two", "desk", "thief"])
        self.addCleanup(self.hosts.close)
        self.running = []
        self.addCleanup(self.stop_all)
        self.data = self.folder / "farm"
        self.address = f"{self.hosts.addresses['farm']}:{PORT}"
        founded = self.run_on("farm", BIN / "crossmill", "--data", self.data, "admin", "init", "--listen", self.address)
        self.assertEqual(founded.returncode, 0, founded.stderr)
        self.admin_token = re.search(r"cmill_\w+", founded.stdout).group()
        self.authority = self.data / "authority/authority.pem"
        self.coordinator = self.start("farm", "coordinator", BIN / "crossmill-coordinator", "--config", self.data / "coordinator.toml",
                                      *self.coordinator_options)
        wait_for(lambda: self.admin("worker", "ls").returncode == 0, "the coordinator's start")

    # ---- processes ----

    def run_on(self, host, *words, given="", env=None):
        home = self.folder / f"home-{host}"
        home.mkdir(exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CROSSMILL_")}
        return subprocess.run(self.hosts.on(host, *words), input=given, capture_output=True, text=True, timeout=600,
                              env=kept | {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(home)} | (env or {}))

    def start(self, host, name, *words):
        log = open(self.folder / f"{name}.log", "ab")
        process = subprocess.Popen(self.hosts.on(host, *words), stdout=log, stderr=log)
        log.close()
        self.running.append(process)
        return process

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self.running.remove(process)

    def stop_all(self):
        for process in list(reversed(self.running)):
            self.stop(process)

    def logs(self):
        return "\n".join(f"==> {file.name}\n{file.read_text(errors='replace')[-3000:]}" for file in sorted(self.folder.glob("*.log")))

    # ---- the farm ----

    def admin(self, *words):
        """At the socket, on the coordinator's machine."""
        return self.run_on("farm", BIN / "crossmill", "--coordinator", f"unix:{self.data}/coordinator.sock", *words)

    def admin_json(self, *words):
        result = self.admin(*words, "--json")
        self.assertEqual(result.returncode, 0, result.stderr + self.logs())
        return json.loads(result.stdout)

    def invite(self, *words):
        """The line to paste."""
        result = self.admin("admin", "invite", "worker", *words)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(len(result.stdout.splitlines()), 1)
        return result.stdout.strip()

    def paste(self, host, line, *more, data=None):
        """Runs the line on a host, with a folder of the test's for what the worker keeps."""
        program, *words = shlex.split(line)
        self.assertEqual(program, "crossmill-worker")
        return self.run_on(host, BIN / program, *words, "--data", data or self.folder / f"worker-{host}", *more)

    def join(self, host, *more, invitation=()):
        """The name under which the host joined."""
        joined = self.paste(host, self.invite(*invitation), *more)
        self.assertEqual(joined.returncode, 0, joined.stderr + self.logs())
        return re.match(r"joined \S+ as worker (\S+)", joined.stdout).group(1)

    def start_worker(self, host, *more, log=None):
        return self.start(host, log or f"worker-{host}", BIN / "crossmill-worker", "--config", self.folder / f"worker-{host}/worker.toml", *more)

    def connected(self):
        return {worker["name"] for worker in self.admin_json("worker", "ls") if worker["connected"]}

    def wait_for_connected(self, *names):
        try:
            wait_for(lambda: set(names) <= self.connected(), f"the connection of {names}", limit=180)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.logs()}") from None

    def wait_until_refused(self, process, log, sentence):
        try:
            wait_for(lambda: process.poll() is not None, "the end of a worker that is refused", limit=180)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.logs()}") from None
        self.assertIn(sentence, (self.folder / f"{log}.log").read_text(), self.logs())
        self.running.remove(process)

    def assert_refused(self, result, *sentences):
        self.assertNotEqual(result.returncode, 0, result.stdout)
        for sentence in sentences:
            self.assertIn(sentence, result.stderr, self.logs())


class FromNothingTest(Machines):
    def test_two_machines_join_and_a_build_is_verified_on_both(self):
        first = self.join("one", invitation=("--name", "east"))
        second = self.join("two", "--name", "north", invitation=("--pool", "arm"))
        self.assertEqual((first, second), ("east", "arm-north"))
        for host in ("one", "two"):
            kept = self.folder / f"worker-{host}"
            self.assertEqual((kept / "identity.pem").stat().st_mode & 0o777, 0o600)
            self.start_worker(host)
        self.wait_for_connected(first, second)
        # A person at a desk: the authority's file and the token is all that they were given.
        shutil.copy(self.authority, self.folder / "farm.pem")
        login = self.run_on("desk", BIN / "crossmill", "--ca-file", self.folder / "farm.pem", "login", self.address,
                            given=self.admin_token + "\n")
        self.assertEqual(login.returncode, 0, login.stderr + self.logs())
        context = self.folder / "context"
        context.mkdir()
        (context / "Dockerfile").write_text("FROM tiny\nRUN echo twice >/made\n")
        imported = self.run_on("desk", BIN / "crossmill", "image", "import", "--stand-in", tiny_archive(), "tiny")
        self.assertEqual(imported.returncode, 0, imported.stderr)
        built = self.run_on("desk", BIN / "crossmill", "build", "--progress", "plain", "--verify", "2",
                            # Of one kernel: what it takes for a host is the boot id.
                            "--allow-same-host", "--json", context)
        self.assertEqual(built.returncode, 0, built.stderr + self.logs())
        self.assertIn("reproducible", built.stdout)
        self.assertIn(first, built.stdout, built.stdout)
        self.assertIn(second, built.stdout, built.stdout)
        listed = {machine["name"]: machine for machine in self.admin_json("admin", "worker", "ls")}
        self.assertEqual({name: machine["pool"] for name, machine in listed.items()}, {first: "", second: "arm"})
        calls = [json.loads(line) if isinstance(line, str) else line for line in self.admin_json("admin", "audit", "ls")["lines"]]
        joins = [call for call in calls if call["call"] == "crossmill.v1.Machines/Join"]
        self.assertEqual([call["outcome"] for call in joins], ["OK", "OK"])

    def test_init_may_be_repeated_and_overwrites_nothing(self):
        settings = (self.data / "coordinator.toml").read_bytes()
        authority = self.authority.read_bytes()
        again = ("--data", self.data, "admin", "init", "--listen")
        self.assert_refused(self.run_on("farm", BIN / "crossmill", *again, self.address), "stop it first")
        self.stop(self.coordinator)
        repeated = self.run_on("farm", BIN / "crossmill", *again, self.address)
        self.assertEqual(repeated.returncode, 0, repeated.stderr)
        # Nobody has used the first token: whoever died may not have shown it.
        self.assertNotIn(self.admin_token, repeated.stdout)
        self.assertRegex(repeated.stdout, r"cmill_\w+")
        self.assert_refused(self.run_on("farm", BIN / "crossmill", *again, "other.test:7777"), "coordinator.toml:", "nothing is overwritten")
        self.assertEqual((settings, authority), ((self.data / "coordinator.toml").read_bytes(), self.authority.read_bytes()))
        # Killed in between: what is there is gone on with.
        (self.data / "authority/coordinator.pem").unlink()
        (self.data / "authority/address").unlink()
        repeated = self.run_on("farm", BIN / "crossmill", *again, self.address)
        self.assertEqual(repeated.returncode, 0, repeated.stderr)
        self.assertTrue((self.data / "authority/coordinator.pem").exists())
        self.assertEqual(authority, self.authority.read_bytes())


class ThievesTest(Machines):
    def test_an_invitation_is_good_once(self):
        line = self.invite()
        self.assertEqual(self.paste("one", line, "--name", "east").returncode, 0)
        self.assert_refused(self.paste("thief", line, "--name", "west"), "this invitation is used: worker 'east' joined with it")
        [invitation] = self.admin_json("admin", "invitations", "ls", "--all")
        self.assertEqual(invitation["worker"], "east")
        self.assertEqual(self.admin_json("admin", "invitations", "ls"), [])
        # Who joined is no secret to the audit log, nor who tried.
        log = (self.data / "audit.log").read_text()
        self.assertIn("PERMISSION_DENIED", log)
        self.assertNotIn(re.search(r"cmi_\w+", line).group()[:53], log)

    def test_an_invitation_ends_and_is_revoked_and_guessed(self):
        line = self.invite("--valid", "1s")
        time.sleep(1.2)
        self.assert_refused(self.paste("thief", line), "this invitation was good until")
        line = self.invite()
        [invitation] = self.admin_json("admin", "invitations", "ls")
        self.assertEqual(self.admin("admin", "invitations", "revoke", invitation["id"]).returncode, 0)
        self.assert_refused(self.paste("thief", line), "was revoked")
        secret = re.search(r"cmi_\w{49}", line).group()
        guessed = line.replace(secret, "cmi_" + "0" * 49)
        self.assert_refused(self.paste("thief", guessed), "there is no such invitation")
        self.assert_refused(self.paste("thief", line[:-1]), "this is no whole invitation")
        self.assertFalse((self.folder / "worker-thief").exists())

    def test_a_name_that_is_taken_or_of_another_is_not_given(self):
        self.join("one", "--name", "east")
        self.assert_refused(self.paste("thief", self.invite(), "--name", "east"), "there is a worker 'east' already")
        self.assert_refused(self.paste("thief", self.invite("--name", "south"), "--name", "west"), "for worker 'south' alone")
        made = subprocess.run([BIN / "crossmill-coordinator", "--data", self.data, "token", "worker", "old"], capture_output=True)
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assert_refused(self.paste("thief", self.invite(), "--name", "old"), "worker 'old' has a token")

    def test_a_certificate_is_one_worker_in_one_pool(self):
        name = self.join("one", "--name", "east")
        self.wait_until_refused(self.start_worker("one", "--name", "west", log="as-west"), "as-west", "this certificate is worker 'east''s")
        self.wait_until_refused(self.start_worker("one", "--pool", "east", log="in-pool"), "in-pool", "worker 'east' has joined without a pool")
        self.start_worker("one")
        self.wait_for_connected(name)

    def test_a_worker_that_is_removed_is_out_at_once(self):
        name = self.join("one", "--name", "east")
        worker = self.start_worker("one")
        self.wait_for_connected(name)
        self.assertEqual(self.admin("admin", "worker", "remove", name).returncode, 0)
        wait_for(lambda: name not in self.connected(), "the end of the connection")
        self.stop(worker)
        self.wait_until_refused(self.start_worker("one", log="again"), "again", "worker 'east' was removed from the farm")
        # Also by a coordinator that was started again.
        self.stop(self.coordinator)
        self.coordinator = self.start("farm", "coordinator", BIN / "crossmill-coordinator", "--config", self.data / "coordinator.toml")
        wait_for(lambda: self.admin("worker", "ls").returncode == 0, "the coordinator's start")
        self.wait_until_refused(self.start_worker("one", log="later"), "later", "worker 'east' was removed from the farm")
        self.assertEqual(self.join("two", "--name", "east"), "east")

    def test_a_certificate_of_another_authority_is_nobodys(self):
        require_program("openssl")
        name = self.join("one", "--name", "east")
        forged = self.folder / "forged"
        forged.mkdir()
        ssl = lambda *words: subprocess.run(["openssl", *map(str, words)], cwd=forged, check=True, capture_output=True)
        ssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca-key.pem", "-out", "ca.pem",
            "-subj", "/CN=Crossmill farm", "-days", "30")
        ssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem", "-out", "request.pem", "-subj",
            "/CN=Crossmill worker")
        (forged / "extensions").write_text(f"subjectAltName=URI:crossmill:worker:{name}\nextendedKeyUsage=clientAuth\n")
        ssl("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-out", "certificate.pem",
            "-extfile", "extensions", "-days", "30")
        identity = self.folder / "worker-one/identity.pem"
        owner = identity.stat()
        identity.write_text((forged / "key.pem").read_text() + (forged / "certificate.pem").read_text())
        os.chown(identity, owner.st_uid, owner.st_gid)
        self.wait_until_refused(self.start_worker("one", log="forged"), "forged", "the certificate is none that this coordinator has given")

    def test_nothing_is_said_to_a_coordinator_of_another_authority(self):
        line = self.invite()
        between = self.folder / "between"
        address = f"{self.hosts.addresses['thief']}:{PORT}"
        founded = self.run_on("thief", BIN / "crossmill", "--data", between, "admin", "init", "--listen", address)
        self.assertEqual(founded.returncode, 0, founded.stderr)
        self.start("thief", "between", BIN / "crossmill-coordinator", "--config", between / "coordinator.toml")
        wait_for(lambda: (between / "coordinator.sock").exists(), "the other coordinator's start")
        wait_for(lambda: "serving data=" in (self.folder / "between.log").read_text(), "the other coordinator's start")
        refused = self.paste("one", line.replace(self.address, address), "--name", "east")
        self.assert_refused(refused, "does not show the authority of this invitation", "The invitation was not sent")
        self.assertNotIn("Machines/Join", (between / "audit.log").read_text())
        self.assertEqual(self.paste("one", line, "--name", "east").returncode, 0)


class RenewalTest(Machines):
    # Two thirds are 40 s, which leaves 20 s on a slow machine.
    coordinator_options = ("--worker-certificate-life", "60s")

    def test_a_certificate_is_renewed_while_the_worker_runs(self):
        name = self.join("one", "--name", "east")
        worker = self.start_worker("one")
        self.wait_for_connected(name)
        fingerprint = lambda: [machine["fingerprint"] for machine in self.admin_json("admin", "worker", "ls")]
        [first] = fingerprint()
        wait_for(lambda: fingerprint() not in ([], [first]), "the renewal", limit=180)
        # The old one ends, and what the worker has open with it: it comes again with the new one by itself.
        time.sleep(25)
        self.wait_for_connected(name)
        self.assertIsNone(worker.poll(), self.logs())
        self.assertNotIn(first, fingerprint())


if __name__ == "__main__":
    main()
