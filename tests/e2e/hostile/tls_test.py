#!/usr/bin/env python3
"""TLS misused: by who connects to the doors, by who answers a client, and by who starts a coordinator."""
import http.client
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time

from corpus import Case, HostileTest, corpus
import farm
from farm import BIN, free_port, main, require_program

CLOSED = "(the connection is closed)"


class Certificates:
    """An authority, and certificates that it signed or did not."""

    def __init__(self):
        require_program("openssl")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-tls-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        for authority in ("ca", "other-ca"):
            self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                         "-subj", f"/CN={authority}", "-keyout", f"{authority}.key", "-out", f"{authority}.pem")
        self.sign("good", "ca", "IP:127.0.0.1,DNS:localhost")
        self.sign("name", "ca", "DNS:elsewhere.example")
        self.sign("foreign", "other-ca", "IP:127.0.0.1,DNS:localhost")
        self.sign("expired", "ca", "IP:127.0.0.1,DNS:localhost", "-enddate", "20200102000000Z", "-startdate",
                  "20200101000000Z")
        self.sign("nasty", "ca", "IP:127.0.0.1", subject="/CN=a\x1b[31mred\x07")
        self["garbage"].write_text("-----BEGIN CERTIFICATE-----\nhostile\n-----END CERTIFICATE-----\n")
        self["empty"].write_text("")

    def __getitem__(self, name):
        return self.folder / f"{name}.pem"

    def key(self, name):
        return self.folder / f"{name}.key"

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    def sign(self, name, authority, names, *more, subject=None):
        """`openssl ca`, since only that takes dates."""
        self.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                     subject or f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (self.folder / "index").write_text("")
        (self.folder / "ca.conf").write_text(
            "[ca]\ndefault_ca=this\n[this]\ndatabase=index\nnew_certs_dir=.\ndefault_md=sha256\npolicy=any\nrand_serial=yes\n"
            f"default_days=1\nx509_extensions=names\nunique_subject=no\n[any]\ncommonName=supplied\n[names]\nsubjectAltName={names}\n")
        self.openssl("ca", "-batch", "-notext", "-config", "ca.conf", "-cert", f"{authority}.pem", "-keyfile", f"{authority}.key",
                     "-in", f"{name}.csr", "-out", f"{name}.pem", *more)

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def hello(name="localhost", versions=None, ciphers=None, alpn=()):
    """A client's first message, as bytes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if ciphers:
        context.set_ciphers(ciphers)
    if versions:
        context.minimum_version, context.maximum_version = versions
    if alpn:
        context.set_alpn_protocols(list(alpn))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    wrapped = context.wrap_bio(incoming, outgoing, server_hostname=name)
    try:
        wrapped.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def alert(code):
    """A fatal alert and then the end."""
    return rf"^15 03 0[0-4] 00 02 02 {code:02x}.*"


OLD = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
REFUSED = rf"({alert(70)}|{alert(40)}|{alert(80)})|^$"
# Nothing, or a few bytes of an alert: never an answer.
NO_ANSWER = r"^$|^15 03"
SERVER_HELLO = r"^16 03 03"

WIRE = [
    Case("plain-http", "HTTP without TLS to a door that has TLS", "the door begins with a handshake", NO_ANSWER, lambda: b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", sentence=CLOSED),
    Case("plain-http2", "HTTP/2 without TLS to a door that has TLS", "the door begins with a handshake", NO_ANSWER, lambda: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", sentence=CLOSED),
    Case("old-versions", "TLS 1.0 and 1.1", "TLS 1.2 is the least", REFUSED, lambda: hello(versions=OLD, ciphers="ALL:@SECLEVEL=0"), sentence="alert protocol_version"),
    Case("no-encryption", "ciphers that do not encrypt, or know nobody", "ciphers of the library", REFUSED,
         lambda: hello(versions=(ssl.TLSVersion.TLSv1_2,) * 2, ciphers="eNULL:aNULL:@SECLEVEL=0"), sentence="alert handshake_failure"),
    Case("random-hello", "a record of 400 random bytes", "the handshake", NO_ANSWER, lambda: b"\x16\x03\x01\x01\x90" + bytes(range(200)) * 2, sentence=CLOSED),
    Case("record-too-long", "a record that says 65,535 bytes", "longest record", NO_ANSWER, lambda: b"\x16\x03\x01\xff\xff\x01\x00\xff\xfb\x03\x03" + bytes(65530), sentence=CLOSED),
    Case("hello-in-megabytes", "a first message that says 16 MB", "longest message", NO_ANSWER, lambda: b"\x16\x03\x01\x40\x00\x01\xff\xff\xff\x03\x03" + bytes(16378), sentence=CLOSED),
    Case("alert-first", "a fatal alert as first message", "the handshake", NO_ANSWER, lambda: b"\x15\x03\x03\x00\x02\x02\x28", sentence=CLOSED),
    Case("alerts-by-thousands", "10,000 warnings as alerts", "the handshake", NO_ANSWER, lambda: b"\x15\x03\x03\x00\x02\x01\x5a" * 10000, sentence=CLOSED),
    Case("data-before-handshake", "application data before a handshake", "the handshake", NO_ANSWER, lambda: b"\x17\x03\x03\x40\x00" + bytes(16384), sentence=CLOSED),
    Case("ssl2-hello", "a hello of SSL 2", "TLS 1.2 is the least", NO_ANSWER, lambda: b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10\x01\x00\x80\x02\x00\x80\x03\x00\x80\x04\x00\x80\x05\x00\x80\x06\x00\x40" + bytes(16), sentence=CLOSED),
    Case("name-with-escapes", "a server name (SNI) with NUL and escapes", "names are not logged, or printable", SERVER_HELLO + "|" + NO_ANSWER,
         lambda: hello("a" * 20).replace(b"a" * 20, b"\x00\x1b[31m\r\nlog\x9b2J\xe2\x80\xaeaaa"[:20]), sentence="(a handshake like others)"),
    Case("name-of-path", "a server name (SNI) ../../../etc/passwd", "names name no files", SERVER_HELLO + "|" + NO_ANSWER,
         lambda: hello("b" * 19).replace(b"b" * 19, b"../../../etc/passwd"), sentence="(a handshake like others)"),
    Case("protocols-by-thousands", "3,000 application protocols (ALPN)", "the handshake", SERVER_HELLO + "|" + NO_ANSWER, lambda: hello(alpn=[f"x{i:04}" for i in range(3000)]), sentence="(none of them is spoken)"),
]


class TlsFarm(HostileTest):
    """A farm whose doors have TLS."""

    @classmethod
    def setUpClass(cls):
        farm.require_root_and_user()
        cls.certificates = Certificates()
        cls.addClassCleanup(cls.certificates.close)
        served = ["--tls-cert", cls.certificates["good"], "--tls-key", cls.certificates.key("good")]
        cls.farm_options = {"workers": 1, "worker_options": ["--ca", cls.certificates["ca"]],
                            "coordinator_options": ["--http", f"127.0.0.1:{farm.HTTP_PORT}", *served]}
        super().setUpClass()

    def doors(self):
        return {"--listen": self.farm.port, "--http": farm.HTTP_PORT}

    @staticmethod
    def answer(port, data, limit=15):
        """What comes back until the connection is closed; "open" behind it if it is not within the limit."""
        with socket.create_connection(("127.0.0.1", port), timeout=limit) as connection:
            answer = b""
            try:
                connection.sendall(data)
                # As who has said all: a handshake that is not finished ends here.
                connection.shutdown(socket.SHUT_WR)
                while len(answer) < 100_000 and (more := connection.recv(65536)):
                    answer += more
            except TimeoutError:
                return answer.hex(" ") + " open"
            except OSError:
                pass
        return answer.hex(" ")

    def ask(self):
        """The list of workers, through TLS on both doors."""
        context = ssl.create_default_context(cafile=self.certificates["ca"])
        connection = http.client.HTTPSConnection("127.0.0.1", farm.HTTP_PORT, timeout=20, context=context)
        try:
            connection.request("GET", "/livez")
            self.assertEqual(connection.getresponse().status, 200)
        finally:
            connection.close()
        result = self.remote("worker", "ls")
        self.assert_exit(result, 0)

    def remote(self, *arguments, ca="ca", port=None, address="127.0.0.1"):
        token = self.certificates.folder / "token"
        token.write_text(self.farm.client_token)
        token.chmod(0o600)
        return subprocess.run([BIN / "crossmill", "--coordinator", f"{address}:{port or self.farm.port}", "--token-file", token,
                               *(("--ca-file", self.certificates[ca]) if ca else ()), *arguments], capture_output=True, text=True,
                              errors="replace", timeout=120, env=self.farm.environment())


@corpus("TLS", WIRE)
class WireTest(TlsFarm):
    def run_case(self, case):
        for door, port in self.doors().items():
            said = self.answer(port, case.data())
            self.assertNotIn("open", said, door)
            self.assert_case(case, said, f"{door}: {said[:300]}")
        self.ask()
        log = (self.farm.folder / "coordinator.log").read_bytes()
        self.assertNotIn(b"\x1b[31m", log)


FLOODS = [
    Case("half-handshakes", "600 connections that begin a handshake and say nothing more", "limit `unknown-connections`, `unknown-seconds`", "closed", "half", sentence="(others are served meanwhile)"),
    Case("handshakes-dripping", "200 connections that send a handshake a byte at a time", "limit `unknown-seconds`", "closed", "drip", sentence="(others are served meanwhile)"),
    Case("handshakes-and-nothing", "200 whole handshakes that ask nothing", "limit `unknown-seconds`", "closed", "whole", sentence="(others are served meanwhile)"),
    Case("renegotiation", "a client that wants the handshake again, and again", "TLS 1.2 without renegotiation", r"RENEGOTIATING\n.*no renegotiation", "again", sentence="alert no_renegotiation"),
]


@corpus("TLS", FLOODS)
class FloodTest(TlsFarm):
    def run_case(self, case):
        if case.data == "again":
            for port in self.doors().values():
                self.assert_case(case, self.renegotiate(port))
            return self.ask()
        for port in self.doors().values():
            self.flood(case, port)
        return self.assert_farm_goes_on()

    def flood(self, case, port):
        connections = []
        first = {"half": hello(), "drip": hello()[:20], "whole": b""}[case.data]
        try:
            for _ in range({"half": 300}.get(case.data, 100)):
                connection = socket.create_connection(("127.0.0.1", port), timeout=10)
                if case.data == "whole":
                    context = ssl.create_default_context(cafile=self.certificates["ca"])
                    context.set_alpn_protocols(["h2"])
                    connection = context.wrap_socket(connection, server_hostname="localhost")
                connections.append(connection)
                connection.sendall(first)
            slowest = 0
            for byte in hello()[20:30]:
                for connection in connections[::10]:
                    try:
                        connection.sendall(bytes([byte]) if case.data == "drip" else b"")
                    except OSError:
                        pass
                begun = time.monotonic()
                self.ask()
                slowest = max(slowest, time.monotonic() - begun)
            self.assertLess(slowest, 10)
            self.assert_case(case, self.ended(connections))
        finally:
            for connection in connections:
                connection.close()

    @staticmethod
    def ended(connections):
        """All of them, within a minute."""
        end = time.monotonic() + 60
        for number, connection in enumerate(connections):
            connection.settimeout(max(0.1, end - time.monotonic()))
            try:
                while connection.recv(65536):
                    pass
            except TimeoutError:
                return f"connection {number} of {len(connections)} is still open"
            except OSError:
                pass
        return "closed"

    def renegotiate(self, port):
        client = subprocess.Popen(["openssl", "s_client", "-tls1_2", "-alpn", "h2,http/1.1", "-connect", f"127.0.0.1:{port}", "-CAfile", self.certificates["ca"]],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(4):
            time.sleep(0.5)
            try:
                # "R" in a line of its own is s_client's command for it.
                client.stdin.write(b"R\n")
                client.stdin.flush()
            except OSError:
                break
        text = client.communicate(timeout=60)[0].decode(errors="replace")
        # What a terminal would show of a session is not what the case is about.
        return re.sub(r"[^\n -~]", "", text[max(0, text.find("RENEGOTIATING")):])


class LyingServer:
    """Answers TLS with a certificate, or something else, until it is closed."""

    def __init__(self, certificate=None, says=b""):
        self.says = says
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*certificate)
            self.context.set_alpn_protocols(["h2"])
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.seen = b""
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        connection.settimeout(30)
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            if self.says:
                connection.sendall(self.says)
            while more := connection.recv(65536):
                self.seen += more
        except OSError:
            pass
        finally:
            connection.close()

    def close(self):
        try:
            self.server.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.server.close()
        self.thread.join(timeout=10)


SERVERS = [
    Case("certificate-expired", "a server whose certificate has expired", "authorities of the client", r"(?i)certificate|handshake|connect", ("expired", "ca", b"")),
    Case("certificate-of-another-name", "a server with another's certificate", "names of certificates", r"(?i)certificate|handshake|connect", ("name", "ca", b"")),
    Case("certificate-of-another-authority", "a server whose certificate somebody else signed", "authorities of the client", r"(?i)certificate|handshake|connect", ("foreign", "ca", b"")),
    Case("certificate-with-escapes", "a server whose certificate has escapes in its name", "authorities of the client; text of others is made printable", r"(?i)certificate|handshake|connect", ("nasty", "other-ca", b"")),
    Case("server-without-tls", "a server that has no TLS", "the client begins with a handshake", r"(?i)handshake|connect|ssl|wrong version", (None, "ca", b"HTTP/1.1 200 OK\r\n\r\n")),
    Case("server-of-escapes", "a server that answers with escapes", "text of others is made printable", r"(?i)handshake|connect|ssl|wrong version", (None, "ca", b"\x1b[31m\x9b2J" * 100)),
]


@corpus("TLS", SERVERS)
class ServerTest(TlsFarm):
    """A client tells nobody its token who is not the coordinator."""

    def run_case(self, case):
        certificate, ca, says = case.data
        server = LyingServer((self.certificates[certificate], self.certificates.key(certificate)) if certificate else None, says)
        self.addCleanup(server.close)
        result = self.remote("worker", "ls", ca=ca, port=server.port)
        self.assert_said(case, result, 5)
        self.assertNotIn(self.farm.client_token.encode(), server.seen)

    def test_the_same_with_the_right_certificate_reaches_it(self):
        """Else the cases would hold for another reason."""
        self.ask()
        server = LyingServer((self.certificates["good"], self.certificates.key("good")))
        self.addCleanup(server.close)
        client = subprocess.Popen([BIN / "crossmill", "--coordinator", f"127.0.0.1:{server.port}", "--ca-file", self.certificates["ca"],
                                   "worker", "ls"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.farm.environment())
        try:
            farm.wait_for(lambda: b"PRI * HTTP/2.0" in server.seen, "the client's first request", 20)
        finally:
            client.kill()
            client.wait()


STARTS = [
    Case("certificate-missing", "--tls-cert of a file that is not there", "checked at the start", r"nowhere\.pem", ("nowhere", "good")),
    Case("certificate-garbage", "a certificate that is none", "checked at the start", r"garbage\.pem", ("garbage", "good")),
    Case("certificate-empty", "an empty certificate file", "checked at the start", r"empty\.pem", ("empty", "good")),
    Case("key-of-another", "the key of another certificate", "checked at the start", r"(?i)key", ("good", "name")),
    Case("key-missing", "--tls-cert without --tls-key", "checked at the start", r"TLS needs both a certificate and its key", ("good", None)),
    Case("key-is-certificate", "a certificate as key", "checked at the start", r"(?i)good\.pem|key", ("good", "certificate")),
]


@corpus("TLS", STARTS)
class StartTest(TlsFarm):
    """A coordinator that cannot be spoken to says so and does not start."""

    def run_case(self, case):
        for doors in ((), ("--http", f"127.0.0.1:{free_port()}")):
            self.start(case, doors)

    def start(self, case, doors):
        certificate, key = case.data
        with tempfile.TemporaryDirectory(prefix="crossmill-data-", dir="/var/tmp") as data:
            options = ["--tls-cert", self.certificates[certificate]]
            if key:
                options += ["--tls-key", self.certificates["good"] if key == "certificate" else self.certificates.key(key)]
            started = subprocess.run([BIN / "crossmill-coordinator", "--data", data, "--listen", f"127.0.0.1:{free_port()}",
                                      *doors, *options], capture_output=True, text=True, errors="replace", timeout=20)
        self.assertNotEqual(started.returncode, 0)
        self.assertGreater(started.returncode, 0, "it died by a signal")
        self.assert_case(case, started.stdout + started.stderr)


if __name__ == "__main__":
    main()
