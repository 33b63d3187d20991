#!/usr/bin/env python3
"""Pipelines without a secret: a job's identity token, signed by an issuer that the farm asks for its keys, is exchanged for a
token of the farm, by the command line and by HTTP."""
import base64
import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from farm import BIN, HttpCase, main


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """A pipeline service: an address with its keys, and what it signs."""

    def __init__(self, folder):
        self.key = f"{folder}/key.pem"
        subprocess.run(["openssl", "genrsa", "-out", self.key, "2048"], check=True, capture_output=True)
        modulus = subprocess.run(["openssl", "rsa", "-in", self.key, "-noout", "-modulus"], check=True, capture_output=True, text=True)
        self.public = {"kty": "RSA", "kid": "k1", "use": "sig", "e": "AQAB",
                       "n": encode(bytes.fromhex(modulus.stdout.strip().split("=")[1]))}
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                answers = {"/.well-known/openid-configuration": {"issuer": issuer.url, "jwks_uri": issuer.url + "/keys"},
                           "/keys": {"keys": [issuer.public]}}
                # As GitHub gives a job what it signs for it.
                if self.path == "/token?job=1&audience=farm" and self.headers["Authorization"] == "bearer of-the-job":
                    answers[self.path] = {"value": issuer.sign()}
                body = json.dumps(answers.get(self.path)).encode()
                self.send_response(200 if self.path in answers else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def sign(self, key=None, **claims):
        now = int(time.time())
        payload = {"iss": self.url, "aud": "farm", "sub": "repo:acme/app", "repository": "acme/app", "iat": now, "exp": now + 300} | claims
        text = encode(json.dumps({"alg": "RS256", "kid": "k1", "typ": "JWT"}).encode()) + "." + encode(json.dumps(payload).encode())
        signed = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key or self.key], input=text.encode(), check=True, capture_output=True)
        return text + "." + encode(signed.stdout)


class IdentityTest(HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory(dir="/var/tmp")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.issuer = Issuer(cls.folder)
        cls.addClassCleanup(cls.issuer.close)
        assert cls.farm.cli("admin", "project", "create", "shop").returncode == 0
        made = cls.farm.cli("admin", "identity", "add", "github", "--issuer", cls.issuer.url, "--audience", "farm",
                            "--claim", "repository=acme/*", "--project", "shop", "--life", "10m")
        assert made.returncode == 0, made.stderr

    def job(self, *arguments, **variables):
        """The command line of a job, on a machine where nothing says which farm there is."""
        home = str(self.folder / self.id())
        own = {"CROSSMILL_DATA": "", "CROSSMILL_COORDINATOR": "", "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home, "HOME": home}
        environment = {name: value for name, value in (self.farm.environment() | own | variables).items() if value}
        return subprocess.run([BIN / "crossmill", *map(str, arguments)], capture_output=True, text=True, timeout=120, env=environment,
                              stdin=subprocess.DEVNULL)

    def rows(self, *arguments):
        result = self.farm.cli("admin", *arguments, "--json")
        self.assert_exit(result, 0)
        return json.loads(result.stdout)

    def test_a_job_logs_in_and_builds_in_the_project_of_the_rule(self):
        address = f"127.0.0.1:{self.farm.port}"
        logged_in = self.job("login", address, CROSSMILL_IDENTITY_TOKEN=self.issuer.sign())
        self.assertRegex(logged_in.stdout, rf"\Alogged in to {address} as github \(role submit, project shop\), until 20\S+\n\Z", logged_in.stderr)
        self.dockerfile("""
            FROM tiny
            RUN echo built >/by
            """)
        self.assert_exit(self.job("build", self.context), 0)
        self.assert_says(self.farm.cli("admin", "project", "rm", "shop"), "project 'shop' has builds")
        [token] = [each for each in self.rows("token", "ls") if each["identity_rule"] == "github"][-1:]
        self.assertEqual((token["project"], token["subject"]), ("shop", "repo:acme/app"))
        # It decides nothing about the farm.
        self.assert_exit(self.job("admin", "identity", "ls"), 4)
        lines = self.rows("audit", "ls", "--who", "github")
        self.assertEqual([line["about"]["subject"] for line in lines["lines"] if line["call"].endswith("/ExchangeIdentity")][:1],
                         ["repo:acme/app"])
        self.assert_exit(self.job("logout"), 0)

    def test_what_the_issuer_did_not_sign_for_this_farm_is_refused(self):
        other = str(self.folder / "other.pem")
        subprocess.run(["openssl", "genrsa", "-out", other, "2048"], check=True, capture_output=True)
        address = f"127.0.0.1:{self.farm.port}"
        for token, said in ((self.issuer.sign(key=other), "its signature is none of its issuer's keys"),
                            (self.issuer.sign(aud="somebody"), "its 'aud' is 'somebody', and the rule says 'farm'"),
                            (self.issuer.sign(repository="evil/app"), "its 'repository' is 'evil/app', and the rule says 'acme/*'"),
                            (self.issuer.sign(exp=1000), "it has expired"),
                            (self.issuer.sign(iss="https://other.example"), "no rule of this farm takes identity tokens of https://other.example"),
                            ("no token", "expected three parts with dots between them")):
            (self.folder / "job.jwt").write_text(token + "\n")
            refused = self.job("login", address, "--identity-token-file", self.folder / "job.jwt")
            self.assert_exit(refused, 4)
            self.assert_says(refused, said)
            self.assertFalse(os.path.exists(self.folder / self.id() / "crossmill/login.toml"))
        self.assert_says(self.job("login", address, "--identity-token-file", self.folder / "none"), "none: No such file")

    def test_by_http_without_any_token(self):
        exchange = lambda token: self.request("POST", "/api/v1/token", json.dumps({"identity_token": token}).encode(), token=False,
                                              Content_Type="application/json")
        status, _, body = exchange(self.issuer.sign())
        self.assertEqual(status, 200, body)
        given = json.loads(body)
        self.assertEqual((given["name"], given["project"]), ("github", "shop"))
        status, _, body = self.request("GET", "/api/v1/session", token=False, Authorization=f"Bearer {given['secret']}")
        self.assertEqual((status, json.loads(body)["project"]), (200, "shop"))
        status, _, body = exchange(self.issuer.sign(repository="evil/app"))
        self.assertEqual(status, 403, body)
        status, _, body = exchange("e30.e30.e30")
        self.assertEqual(status, 401, body)

    def test_the_wrapper_of_github_needs_no_secret(self):
        self.dockerfile("""
            FROM tiny
            RUN echo wrapped >/by
            """)
        wrapper = pathlib.Path(__file__).resolve().parents[3] / "scripts/ci/github/build"
        variables = {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(self.folder / "wrapped"), "TMPDIR": str(self.folder),
                     "CROSSMILL_COORDINATOR": f"127.0.0.1:{self.farm.port}", "CROSSMILL_AUDIENCE": "farm", "GITHUB_RUN_ID": "7",
                     "CROSSMILL_REPORTS": str(self.folder / "reports"),
                     "ACTIONS_ID_TOKEN_REQUEST_URL": self.issuer.url + "/token?job=1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of-the-job"}
        run = lambda **changed: subprocess.run([wrapper, "--progress", "plain", str(self.context)], capture_output=True, text=True, timeout=120,
                                               env=variables | changed, stdin=subprocess.DEVNULL)
        self.assert_exit(run(), 0)
        self.assertEqual(json.loads((self.folder / "reports/metadata.json").read_text())["status"], "succeeded")
        # Nothing of the token is left behind.
        self.assertEqual([str(path) for path in self.folder.rglob("login.toml") if "wrapped" in str(path) or "tmp." in str(path)], [])
        refused = run(ACTIONS_ID_TOKEN_REQUEST_TOKEN="of another")
        self.assert_exit(refused, 4)
        self.assert_says(refused, "the identity token of this job could not be had")

    def test_a_rule_that_is_removed_takes_its_tokens_with_it(self):
        made = self.farm.cli("admin", "identity", "add", "short", "--issuer", self.issuer.url, "--audience", "short", "--claim",
                             "sub=repo:acme/app", "--role", "read", "--json")
        self.assert_exit(made, 0)
        self.assertEqual(json.loads(made.stdout)[0]["claims"], {"sub": "repo:acme/app"})
        address = f"127.0.0.1:{self.farm.port}"
        self.assert_exit(self.job("login", address, CROSSMILL_IDENTITY_TOKEN=self.issuer.sign(aud="short")), 0)
        self.assert_exit(self.job("ls"), 0)
        self.assert_says(self.farm.cli("admin", "identity", "rm", "short"), "identity rule short is removed, and 1 of its tokens are revoked")
        self.assert_says(self.job("ls"), "the token is not known to this coordinator")
        self.assertEqual([rule["name"] for rule in self.rows("identity", "ls")], ["github"])

    def test_a_rule_that_says_too_little_is_refused(self):
        add = lambda *arguments: self.farm.cli("admin", "identity", "add", "wide", "--audience", "farm", *arguments)
        self.assert_says(add("--issuer", self.issuer.url, "--claim", "repository=*"), "fits everybody whom the issuer signs for")
        self.assert_says(add("--issuer", "http://issuer.example", "--claim", "sub=me"), "is no issuer: expected the 'iss' of its tokens")
        self.assert_says(add("--issuer", self.issuer.url, "--claim", "sub=me", "--role", "admin"), "expected read or submit")
        self.assert_says(add("--issuer", self.issuer.url, "--claim", "sub=me", "--project", "none"), "there is no project 'none'")
        self.assert_says(add("--issuer", self.issuer.url, "--claim", "sub=me", "--life", "2d"), "expected 60 s to 24 h")


if __name__ == "__main__":
    main()
