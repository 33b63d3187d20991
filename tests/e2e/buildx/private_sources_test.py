#!/usr/bin/env python3
"""ADD of what only the build's client may read: repositories behind a token, a header or an ssh agent, files behind credentials. By
the secrets and the agent that BuildKit's clients give for it."""
import base64
import json
import subprocess

from buildx_farm import vertices
from sources_test import Private, Quiet, SourcesCase, git

from farm import main

TOKEN = "open sesame/%41"
FILE_TOKEN = "of-files-alone"


class Members(Quiet):
    """Files for who has the token of files."""
    allowed = f"Bearer {FILE_TOKEN}"

    def do_GET(self):
        self.server.asked.append(self.headers.get("Authorization"))
        if self.headers.get("Authorization") == self.allowed:
            return super().do_GET()
        self.send_error(403)


class PrivateSourcesTest(SourcesCase):
    def kept(self, *texts):
        """Files of the farm that have one of the texts."""
        words = [word for text in texts for word in ("-e", text)]
        return subprocess.run(["grep", "-raFl", *words, self.farm.folder], capture_output=True, text=True).stdout

    def private_repository(self, **files):
        url = self.repository(files or {"v": "for members\n"}, Private)
        self.dockerfile(f"FROM tiny\nADD {url}#main /src\n")
        return url

    def materials(self):
        """What the provenance of the newest build names beside its recipe."""
        newest = json.loads(self.farm.cli("ls", "--json").stdout)[0]["id"]
        folder = self.farm.folder / f"evidence-{newest}"
        made = self.farm.cli("attest", newest, "-o", folder)
        self.assertEqual(made.returncode, 0, self.story(made))
        name, = [each["name"] for each in json.loads((folder / "index.json").read_text())["files"] if each["kind"] == "provenance"]
        statement = json.loads(base64.b64decode(json.loads((folder / name).read_text())["payload"]))
        return statement["predicate"]["buildDefinition"]["resolvedDependencies"]

    # ---- repositories ----

    def test_a_repository_is_added_with_the_clients_token(self):
        url = self.private_repository()
        result, out = self.bx_local("--secret", "id=GIT_AUTH_TOKEN,env=TOKEN", env={"TOKEN": TOKEN})
        self.assertEqual((out / "src/v").read_text(), "for members\n")
        self.assertTrue([name for name in vertices(result) if "read with what the client has for it" in name], self.story(result))
        # Which commit it was is recorded as of any other.
        head = git(self.context / "work", "rev-parse", "HEAD")
        self.assertIn({"uri": f"{url}#main", "digest": {"gitCommit": head}, "annotations": {"kind": "add"}}, self.materials())
        self.assertEqual(self.kept("open sesame", "open%20sesame", base64.b64encode(b"x-access-token:" + TOKEN.encode()).decode()), "")

    def test_what_came_with_a_token_is_nobody_elses(self):
        self.private_repository()
        self.bx("--secret", "id=GIT_AUTH_TOKEN,env=TOKEN", env={"TOKEN": TOKEN})
        refused = self.bx(code=1)
        self.assert_says(refused, "git repository", "Dockerfile:2")
        wrong = self.bx("--secret", "id=GIT_AUTH_TOKEN,env=TOKEN", env={"TOKEN": "guessed-at-random"}, code=1)
        self.assertNotIn("guessed-at-random", wrong.stderr)
        self.assert_says(wrong, ">>> ADD")
        self.assertEqual(self.kept("guessed-at-random"), "")

    def test_headers_and_hosts_come_first(self):
        url = self.private_repository()
        host = url.split("/")[2]
        words = {"HEADER": Private.allowed, "WRONG": "Basic d3Jvbmc6Z3Vlc3NlZA=="}
        _, out = self.bx_local("--secret", f"id=GIT_AUTH_HEADER.{host},env=HEADER", "--secret", "id=GIT_AUTH_HEADER,env=WRONG",
                               "--secret", f"id=GIT_AUTH_TOKEN.{host},env=WRONG", env=words)
        self.assertEqual((out / "src/v").read_text(), "for members\n")
        self.bx("--secret", "id=GIT_AUTH_HEADER,env=WRONG", "--secret", "id=GIT_AUTH_TOKEN,env=HEADER", env=words, code=1)
        self.assertEqual(self.kept("d3Jvbmc6Z3Vlc3NlZA", Private.allowed.split()[1]), "")

    def test_folders_excludes_and_git_folders_of_one_repository(self):
        url = self.private_repository(**{"a/v": "below\n", "v": "above\n", "left": "out\n"})
        self.dockerfile(f"""
            FROM tiny
            ADD {url}#main:a /a
            ADD --keep-git-dir=true {url}#main /kept
            ADD --exclude=left --exclude=a {url}#main /rest
            ADD {url}#main /whole
        """)
        _, out = self.bx_local("--secret", "id=GIT_AUTH_TOKEN,env=TOKEN", env={"TOKEN": TOKEN})
        self.assertEqual((out / "a/v").read_text(), "below\n")
        self.assertTrue((out / "kept/.git").is_dir())
        self.assertNotIn("sesame", (out / "kept/.git/config").read_text())
        self.assertEqual({each.name for each in (out / "rest").iterdir()}, {"v"})
        self.assertEqual({each.name for each in (out / "whole").iterdir()}, {"a", "v", "left"})

    def test_what_everybody_may_read_is_read_without(self):
        url = self.repository({"v": "for all\n"}, Quiet)
        self.dockerfile(f"FROM tiny\nADD {url}#main /src\n")
        result, out = self.bx_local("--secret", "id=GIT_AUTH_TOKEN,env=TOKEN", env={"TOKEN": TOKEN})
        self.assertEqual((out / "src/v").read_text(), "for all\n")
        self.assertFalse([name for name in vertices(result) if "read with what the client has" in name])

    def test_a_repository_is_added_over_ssh_with_the_clients_agent(self):
        url = self.ssh_repository({"v": "over ssh\n"})
        self.dockerfile(f"FROM tiny\nADD {url}#main /src\n")
        _, out = self.bx_local("--ssh", "default", env=self.agent())
        self.assertEqual((out / "src/v").read_text(), "over ssh\n")
        refused = self.bx("--ssh", "default", env=self.agent(key=False), code=1)
        self.assert_says(refused, "Permission denied", "Dockerfile:2")

    def test_a_retry_has_what_was_fetched(self):
        self.private_repository()
        result = self.bx("--secret", "id=GIT_AUTH_TOKEN,env=TOKEN", env={"TOKEN": TOKEN})
        again = self.farm.cli("retry", self.number_of(result))
        self.assertEqual(again.returncode, 0, self.story(again))
        for flags in (["--no-cache"], ["--pull"], ["--ssh", "default"]):
            refused = self.farm.cli("retry", *flags, self.number_of(result))
            self.assert_exit(refused, 2)
            self.assert_says(refused, "build it again with that client")

    # ---- files ----

    def test_a_file_is_added_with_the_clients_token_or_header(self):
        folder, url = self.serve(Members)
        (folder / "f").write_text("for members\n")
        self.dockerfile(f"FROM tiny\nADD {url}/f /f\n")
        for secret, value in (("HTTP_AUTH_TOKEN_127.0.0.1", FILE_TOKEN), ("HTTP_AUTH_HEADER_127.0.0.1", Members.allowed)):
            with self.subTest(secret):
                result, out = self.bx_local("--no-cache", "--secret", f"id={secret},env=WORD", env={"WORD": value})
                self.assertEqual((out / "f").read_text(), "for members\n")
                self.assertIn(f"{url}/f", [each["uri"] for each in self.materials()])
        # Not of the host, or without any.
        for secret in ("HTTP_AUTH_TOKEN_example.com", "HTTP_AUTH_TOKEN", "OTHER"):
            with self.subTest(secret):
                refused = self.bx("--secret", f"id={secret},env=WORD", env={"WORD": FILE_TOKEN}, code=1)
                self.assert_says(refused, "403", "Dockerfile:2")
        lines = self.bx("--secret", "id=HTTP_AUTH_HEADER_127.0.0.1,env=WORD", env={"WORD": "a\nb: c"}, code=1)
        self.assert_says(lines, "expected one line")
        self.assertEqual(self.kept(FILE_TOKEN), "")

    def test_a_checksum_holds_for_private_files_too(self):
        folder, url = self.serve(Members)
        (folder / "f").write_text("for members\n")
        self.dockerfile(f"FROM tiny\nADD --checksum=sha256:{'0' * 64} {url}/f /f\n")
        refused = self.bx("--secret", "id=HTTP_AUTH_TOKEN_127.0.0.1,env=WORD", env={"WORD": FILE_TOKEN}, code=1)
        self.assert_says(refused, "checksum", "Dockerfile:2")

    def test_a_word_stays_with_its_host(self):
        """A server that leads elsewhere does not lead the credentials there."""
        seen = []

        class Leading(Members):
            def do_GET(self):
                seen.append(self.headers.get("Authorization"))
                self.send_response(302)
                self.send_header("Location", f"{elsewhere.replace('127.0.0.1', 'localhost')}/f")
                self.send_header("Content-Length", "0")
                self.end_headers()

        class Watching(Quiet):
            def do_GET(self):
                seen.append(("elsewhere", self.headers.get("Authorization")))
                return super().do_GET()
        folder, elsewhere = self.serve(Watching)
        (folder / "f").write_text("elsewhere\n")
        _, url = self.serve(Leading)
        self.dockerfile(f"FROM tiny\nADD {url}/f /f\n")
        self.bx("--secret", "id=HTTP_AUTH_TOKEN_127.0.0.1,env=WORD", env={"WORD": FILE_TOKEN})
        self.assertIn(Members.allowed, seen)
        self.assertTrue([each for each in seen if isinstance(each, tuple)])
        self.assertEqual([each[1] for each in seen if isinstance(each, tuple) and each[1]], [])

    def test_a_further_context_from_a_url(self):
        folder, url = self.serve(Members)
        (folder / "v").write_text("for members\n")
        self.dockerfile("FROM tiny\nCOPY --from=code context /v\n")
        word = ("--secret", "id=HTTP_AUTH_TOKEN_127.0.0.1,env=WORD")
        _, out = self.bx_local("--build-context", f"code={url}/v", *word, env={"WORD": FILE_TOKEN})
        self.assertEqual((out / "v").read_text(), "for members\n")


if __name__ == "__main__":
    main()
