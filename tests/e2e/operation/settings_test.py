#!/usr/bin/env python3
"""Settings of coordinator and worker: what docs/settings.md says of them, where they come from, and what is read again
at SIGHUP. CROSSMILL_ACCEPT=1 writes the tables of the document anew."""
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from farm import BIN, ROOT, main, wait_for
from service_test import ServiceCase

DOCUMENT = ROOT / "docs/settings.md"
PROGRAMS = {"coordinator": "crossmill-coordinator", "worker": "crossmill-worker"}
# What coordinator/setting_sources.cc says; that each of them really changes is tested below or in units.
AT_RUN_TIME = {"log-level", "connections", "peer-connections", "unknown-connections", "unknown-peer-connections"}


def run(program, *arguments, **variables):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CROSSMILL_")}
    return subprocess.run([BIN / program, *map(str, arguments)], capture_output=True, text=True,
                          env=environment | variables)


def table(program):
    """The rows of one program's table, by what it prints of itself."""
    printed = run(program, "--config", "none", "--print-config")
    assert printed.returncode == 0, printed.stderr
    rows, inside = ["| setting | what it says | default |", "|---|---|---|"], ""
    lines = printed.stdout.splitlines()
    for description, setting in zip(lines, lines[1:]):
        if found := re.match(r"\[(\w+)\]$", description):
            inside = found[1] + "."
        if not description.startswith("# ") or description.endswith(" is not set"):
            continue
        if found := re.match(r"# ([\w-]+) is not set$", setting):
            name, value = found[1], ""
        elif found := re.match(r"([\w-]+) = (.*)  # default$", setting):
            name, value = found[1], f"`{found[2]}`"
        else:
            continue
        mark = " (SIGHUP)" if program == "crossmill-coordinator" and name in AT_RUN_TIME else ""
        rows.append(f"| `{inside}{name}`{mark} | {description[2:].replace('|', chr(92) + '|')} | {value} |")
    return rows


class Document(unittest.TestCase):
    def test_the_document_lists_the_settings_that_there_are(self):
        text = DOCUMENT.read_text()
        for name, program in PROGRAMS.items():
            found = re.search(rf"(<!-- {name} -->\n)(.*?)(\n<!-- end -->)", text, re.S)
            self.assertIsNotNone(found, name)
            wanted = "\n".join(table(program))
            self.assertGreater(wanted.count("\n"), 15)
            if os.environ.get("CROSSMILL_ACCEPT"):
                text = text[:found.start(2)] + wanted + text[found.end(2):]
                DOCUMENT.write_text(text)
            else:
                self.assertEqual(found[2], wanted, "CROSSMILL_ACCEPT=1 writes it anew")

    def test_both_programs_take_their_file_their_variables_and_flags(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "x.toml")
            file.write_text('least-space = "3g"\nlog-level = "debug"\ndata = "/there"\n')
            for name, program in PROGRAMS.items():
                with self.subTest(program):
                    prefix = f"CROSSMILL_{name.upper()}_"
                    printed = run(program, "--data", "/here", "--print-config",
                                  **{prefix + "LOG_LEVEL": "warn", prefix + "CONFIG": str(file)}).stdout
                    self.assertIn('data = "/here"  # command line\n', printed)
                    self.assertIn(f'log-level = "warn"  # {prefix}LOG_LEVEL\n', printed)
                    self.assertIn(f'least-space = "3g"  # {file}:1\n', printed)
                    file.write_text('lest-space = "3g"\n')
                    refused = run(program, "--config", file)
                    file.write_text('least-space = "3g"\nlog-level = "debug"\n')
                    self.assertEqual(refused.returncode, 2)
                    self.assertIn(f"{file}:1: there is no setting 'lest-space'; did you mean least-space?", refused.stderr)


class Reload(ServiceCase):
    def certificate(self, name):
        """A key and a certificate for localhost in which the name is; the certificate's fingerprint."""
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", self.folder / f"{name}.key", "-out", self.folder / f"{name}.pem"],
                       check=True, capture_output=True)
        return ssl.PEM_cert_to_DER_cert((self.folder / f"{name}.pem").read_text())

    def use(self, certificate, key):
        shutil.copy(self.folder / f"{certificate}.pem", self.folder / "cert.pem")
        shutil.copy(self.folder / f"{key}.key", self.folder / "key.pem")

    def shown(self, port):
        """The certificate that a new connection gets."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain, context.wrap_socket(plain) as secure:
            return secure.getpeercert(binary_form=True)

    @staticmethod
    def ends(connection):
        try:
            while connection.recv(4096):
                pass
            return True
        except TimeoutError:
            return False
        except OSError:
            return True

    def log(self):
        return (self.folder / "log").read_text()

    def hang_up(self, coordinator):
        before = self.log().count("settings were read again")
        coordinator.send_signal(signal.SIGHUP)
        wait_for(lambda: self.log().count("settings were read again") > before, "that settings are read again", limit=10)

    def test_certificates_levels_and_limits_are_read_again(self):
        first, second = self.certificate("first"), self.certificate("second")
        self.use("first", "first")
        file = self.folder / "settings.toml"
        settings = f'tls-cert = "{self.folder}/cert.pem"\ntls-key = "{self.folder}/key.pem"\n'
        file.write_text(settings)
        coordinator = self.start("--config", file, wait=False)
        wait_for(lambda: "serving http=" in self.log(), "the coordinator's start")
        both = (self.port, self.http_port)
        for port in both:
            self.assertEqual(self.shown(port), first)
        # A pair that does not fit stays outside, on both doors.
        self.use("second", "first")
        self.hang_up(coordinator)
        self.assertIn("the certificate stays as it is: ", self.log())
        for port in both:
            self.assertEqual(self.shown(port), first)
        self.use("second", "second")
        for port in both:
            self.assertEqual(self.shown(port), first, "nothing is read before it is said")
        self.hang_up(coordinator)
        for port in both:
            self.assertEqual(self.shown(port), second)
        file.write_text(settings + 'worker-timeout = 31\nlog-level = "debug"\n[limits]\nsteps = 5\npeer-connections = 1\n')
        self.hang_up(coordinator)
        log = self.log()
        self.assertIn("setting worker-timeout changed; it has effect when the coordinator is started again", log)
        self.assertIn("setting limits.steps changed; it has effect when the coordinator is started again", log)
        self.assertRegex(log, r"setting log-level changed\n")
        self.assertRegex(log, r"setting limits.peer-connections changed\n")
        # The limit is in force: of one address there is room for one, and a new one takes it from who showed no token.
        # (Those before have ended, which is looked for once a second.)
        time.sleep(2.5)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as plain, context.wrap_socket(plain) as secure:
            began = time.monotonic()
            self.shown(self.port)
            self.assertTrue(self.ends(secure), "it was not closed for the other")
            self.assertLess(time.monotonic() - began, 5, "those without a token have ten seconds otherwise")
        # Mistakes change nothing.
        file.write_text(settings + "worker-timeout = true\n")
        self.hang_up(coordinator)
        self.assertIn(f"settings stay as they are: {file}:3: worker-timeout: expected a whole number", self.log())
        coordinator.send_signal(signal.SIGTERM)
        self.assertEqual(coordinator.wait(timeout=20), 0)

    def test_a_start_with_a_key_of_another_certificate_fails_with_the_reason(self):
        self.certificate("first"), self.certificate("second")
        self.use("first", "second")
        coordinator = self.start("--tls-cert", self.folder / "cert.pem", "--tls-key", self.folder / "key.pem", wait=False)
        self.assertEqual(coordinator.wait(timeout=20), 5)
        self.assertIn(f"the key in {self.folder}/key.pem is not that of the certificate in {self.folder}/cert.pem", self.log())


if __name__ == "__main__":
    main()
