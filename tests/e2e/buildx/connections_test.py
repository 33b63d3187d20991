#!/usr/bin/env python3
"""How BuildKit's clients come to the farm from elsewhere: over TLS, as buildx (which says nothing of ALPN) and buildctl (which wants it
answered) speak it, with certificates that name tokens; and who is kept out, with which words."""
import concurrent.futures
import json
import os
import pathlib
import stat
import subprocess
import tempfile

from buildx_farm import BuildxCase, peer

from farm import free_port, main, wait_for

CLIENTS = 50


class Authority:
    """Makes certificates with the openssl program, in a folder."""

    def __init__(self, folder, name):
        self.folder, self.name = pathlib.Path(folder), name
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                     "-keyout", self.path("key"), "-out", self.path("cert"))

    def path(self, what, of=None):
        return self.folder / f"{of or self.name}-{what}.pem"

    def openssl(self, *words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)

    def issue(self, name, *extensions):
        """For that common name."""
        request, more = self.folder / "request.pem", self.folder / "extensions"
        more.write_text("\n".join(extensions))
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout",
                     self.path("key", name), "-out", request)
        self.openssl("x509", "-req", "-in", request, "-CA", self.path("cert"), "-CAkey", self.path("key"), "-days", "2", "-set_serial",
                     abs(hash((self.name, name))) + 1, "-extfile", more, "-out", self.path("cert", name))
        return self


class ConnectionsTest(BuildxCase):
    @classmethod
    def setUpClass(cls):
        cls.certificates = tempfile.mkdtemp(prefix="crossmill-tls-", dir="/var/tmp")
        cls.addClassCleanup(subprocess.run, ["rm", "-rf", cls.certificates], capture_output=True)
        os.chmod(cls.certificates, 0o755)
        cls.company = Authority(cls.certificates, "company").issue("server", "subjectAltName=IP:127.0.0.1")
        for name in ("pipeline", "reader", "nobody"):
            cls.company.issue(name)
        cls.stranger = Authority(cls.certificates, "stranger").issue("elsewhere")
        cls.port = free_port()
        served = ["--tls-cert", cls.company.path("cert", "server"), "--tls-key", cls.company.path("key", "server")]
        cls.farm_options = {"workers": 1, "worker_options": ["--ca", cls.company.path("cert")],
                            "coordinator_options": [*served, "--buildkit", f"127.0.0.1:{cls.port}",
                                                    "--buildkit-client-ca", cls.company.path("cert")]}
        for file in pathlib.Path(cls.certificates).iterdir():
            file.chmod(0o644)
        super().setUpClass()
        cls.farm.token("submit", "pipeline")
        cls.farm.token("read", "reader")

    def options(self, name):
        """Of buildx's driver: whom it trusts, and who it is."""
        authority = self.stranger if name == "elsewhere" else self.company
        own = [f"cert={authority.path('cert', name)}", f"key={authority.path('key', name)}"] if name else []
        return ",".join([f"cacert={self.company.path('cert')}", *own])

    def builder(self, name):
        """A builder of buildx that is the farm over TCP, as somebody."""
        made = self.buildx("create", "--name", f"as-{name or 'no-one'}", "--driver", "remote", "--driver-opt", self.options(name),
                           f"tcp://127.0.0.1:{self.port}")
        self.addCleanup(self.buildx, "rm", made.stdout.strip())
        return made

    def buildctl(self, name, *words, ca=None):
        authority = self.stranger if name == "elsewhere" else self.company
        own = ["--tlscert", authority.path("cert", name), "--tlskey", authority.path("key", name)] if name else []
        return subprocess.run([peer("buildctl"), "--addr", f"tcp://127.0.0.1:{self.port}", "--tlscacert", ca or self.company.path("cert"),
                               *own, *words], capture_output=True, text=True, timeout=120)

    def handshake_of(self, name, ca=None):
        """What buildctl says of a handshake that fails; buildx says only that it waited for a connection."""
        result = self.buildctl(name, "debug", "workers", ca=ca)
        self.assertNotEqual(result.returncode, 0, result.stdout)
        return result.stderr

    def refusal_of(self, name):
        """What buildx says of a build over TLS as somebody who is not let in."""
        self.dockerfile("FROM scratch\nCOPY Dockerfile /\n")
        made = self.builder(name)
        result = self.buildx("build", "--builder", made.stdout.strip() or f"as-{name or 'no-one'}", "--progress", "plain", self.context)
        self.assertNotEqual(result.returncode, 0, self.story(result))
        return made.stderr + result.stderr

    def test_buildx_builds_over_tls_in_the_name_of_a_token(self):
        self.dockerfile("FROM tiny\nRUN echo over tls > /said\n")
        made = self.builder("pipeline")
        self.assertEqual(made.returncode, 0, made.stderr)
        result, files = self.bx_local("--builder", made.stdout.strip())
        self.assertEqual((files / "said").read_text(), "over tls\n")
        self.number_of(result)
        # What changed something, by whom and through which door.
        audit = self.farm.cli("admin", "audit", "ls", "--json")
        self.assertEqual(audit.returncode, 0, audit.stderr)
        submitted = [line for line in json.loads(audit.stdout)["lines"] if line["call"].endswith("SubmitBuild") and line["client"] == "pipeline"]
        self.assertEqual([(line["client"], line["door"]) for line in submitted], [("pipeline", "buildkit")], audit.stdout)

    def test_buildctl_speaks_with_alpn(self):
        listed = self.buildctl("pipeline", "debug", "workers")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertIn("linux/amd64", listed.stdout)

    def test_who_shows_no_certificate_is_kept_out(self):
        self.assertIn("certificate required", self.handshake_of(""))
        self.assertIn("waiting for connection", self.refusal_of(""))

    def test_certificates_of_others_are_not_believed(self):
        # Go's clients show none that is not from an authority which the door names; or they are still writing when the connection ends.
        self.assertRegex(self.handshake_of("elsewhere"), "unknown certificate authority|certificate required|connection reset by peer")

    def test_a_client_that_trusts_another_authority_says_nothing(self):
        self.assertIn("x509", self.handshake_of("pipeline", ca=self.stranger.path("cert")))

    def test_a_name_without_token_is_told_so(self):
        self.assertIn("no token of this farm is named nobody", self.refusal_of("nobody"))

    def test_who_may_only_read_is_told_so(self):
        self.assertIn("this needs the role submit", self.refusal_of("reader"))

    def test_a_push_that_the_token_does_not_allow_is_refused_before_anything_is_built(self):
        self.company.issue("pusher")
        made = self.farm.cli("admin", "token", "create", "pusher", "--role", "submit", "--push", "127.0.0.1:1/team/*")
        self.assert_exit(made, 0)
        self.dockerfile("FROM tiny\nRUN echo never built > /x\n")
        builder = self.builder("pusher").stdout.strip()
        def refused(*words):
            before = self.farm.cli("ls", "--json").stdout
            result = self.bx("--builder", builder, *words, code=1)
            self.assertEqual(self.farm.cli("ls", "--json").stdout, before)
            return result
        self.assert_says(refused("-t", "127.0.0.1:1/others/app:1", "--push"), "may not push to 127.0.0.1:1/others/app",
                         "failed to push 127.0.0.1:1/others/app:1")
        # Of whichever output and name.
        self.assert_says(refused("-o", f"type=local,dest={self.context}/out", "-o",
                                 'type=image,push=true,"name=127.0.0.1:1/team/app:1,127.0.0.1:1/others/app:2"'),
                         "may not push to 127.0.0.1:1/others/app")
        # What it allows is built, and fails only at the registry that is not there.
        allowed = self.bx("--builder", builder, "-t", "127.0.0.1:1/team/app:1", "--push", code=1)
        self.number_of(allowed)
        self.assert_says(allowed, "failed to push 127.0.0.1:1/team/app:1")

    def test_a_token_that_is_taken_back_is_worth_nothing(self):
        self.company.issue("leaver")
        self.farm.token("submit", "leaver")
        self.assertEqual(self.buildctl("leaver", "debug", "workers").returncode, 0)
        tokens = self.farm.data / "tokens"
        tokens.write_text("".join(line for line in tokens.read_text().splitlines(True) if not line.rstrip().endswith(" leaver")))
        refused = self.buildctl("leaver", "debug", "workers")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("no token of this farm is named leaver", refused.stderr)

    def test_the_socket_is_the_operators(self):
        mode = os.stat(self.socket()).st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o600)

    def test_many_clients_at_once_leave_nothing(self):
        self.assertEqual(self.buildctl("pipeline", "debug", "workers").returncode, 0)
        process = pathlib.Path(f"/proc/{self.farm.coordinator.pid}")
        def held():
            return len(list((process / "task").iterdir())), len(list((process / "fd").iterdir()))
        threads, files = held()
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            results = list(pool.map(lambda _: self.buildctl("pipeline", "debug", "workers"), range(CLIENTS)))
        for result in results:
            self.assertEqual(result.returncode, 0, result.stderr)
        # gRPC keeps some threads for the next calls.
        wait_for(lambda: held()[0] <= threads + 20 and held()[1] <= files + 8, "the end of connections' threads and descriptors")


if __name__ == "__main__":
    main()
