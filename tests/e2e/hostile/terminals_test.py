#!/usr/bin/env python3
"""Hostile text: names with escapes, turned text and broken lines in the output of every command, into a pipe and on a
terminal."""
import json
import os
import pty
import re
import select
import subprocess
import tarfile
import time

from corpus import NASTY, UNPRINTABLE, Case, HostileTest, corpus
from farm import BIN, main

# What the command line itself writes to a terminal: colours, and the movements of its live picture.
OWN = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\d*[AKJ]|\x1b\[\?(?:25|2026)[lh]|\r")


def command(name, *words, names="", says="", sentence=""):
    return Case(name, names or "a build whose labels, files, consoles, packages and failures have such names",
                "`Session` of the command line makes printable what it writes", says, words, sentence or "(printed as ? or U+FFFD)")


CASES = [
    command("ls", "ls"), command("ls-json", "ls", "--json"), command("ls-filter", "ls", NASTY, names="a filter"),
    command("show", "show", "@NASTY"), command("show-failed", "show", "@FAILED"), command("show-json", "show", "--json", "@FAILED"),
    command("show-differs", "show", "@DIFFERS"), command("diff", "diff", "@DIFFERS"), command("diff-paths", "diff", "--paths", "50", "@DIFFERS"),
    command("diff-json", "diff", "--json", "@DIFFERS"), command("diff-two-builds", "diff", "@NASTY", "@FAILED"),
    command("watch", "watch", "@FAILED"), command("watch-plain", "watch", "--progress", "plain", "@FAILED"),
    command("watch-json", "watch", "--progress", "json", "@FAILED"), command("watch-tty", "watch", "--progress", "tty", "@FAILED"),
    command("packages", "packages", "@NASTY"), command("packages-json", "packages", "--json", "@NASTY"),
    command("packages-csv", "packages", "--csv", "@NASTY"), command("fetches", "fetches", "@NASTY"),
    command("image-ls", "image", "ls"), command("image-inspect", "image", "inspect", "nasty:1"),
    command("image-inspect-json", "image", "inspect", "--json", "nasty:1"), command("image-history", "image", "history", "nasty:1"),
    command("image-pull", "image", "pull", NASTY, names="an image's name"), command("image-rm", "image", "rm", NASTY, names="an image's name"),
    command("history", "history", "nasty"), command("worker-ls", "worker", "ls"), command("worker-drain", "worker", "drain", NASTY, names="a worker's name"),
    command("distrust", "distrust", NASTY, names="a worker's name"), command("trust", "trust", NASTY, names="a worker's name"),
    command("cancel", "cancel", NASTY, names="a build's number"), command("retry", "retry", NASTY, names="a build's number"),
    command("logs-unknown", "logs", "--stage", NASTY, "@NASTY", names="a stage's name"), command("verify", "verify", NASTY, names="an image's name"),
    command("webhook-add", "webhook", "add", "http://127.0.0.1/" + NASTY, names="a URL"), command("webhook-ls", "webhook", "ls"),
    command("attest", "attest", "@NASTY", "-o", "@FOLDER/evidence"), command("verify-attestation", "verify-attestation", "@FOLDER/lies"),
    command("check", "check", "@FOLDER"), command("check-json", "check", "--format", "json", "@FOLDER"), command("predict", "predict", "@FOLDER"),
    command("build-plain", "build", "--progress", "plain", "@FOLDER"), command("build-tty", "build", "--progress", "tty", "@FOLDER"),
    command("build-json", "build", "--progress", "json", "@FOLDER"), command("build-arg", "build", "--build-arg", "=" + NASTY, "@FOLDER", names="an argument"),
    command("build-add-host", "build", "--add-host", NASTY, "@FOLDER", names="an argument"), command("build-output", "build", "-o", "type=" + NASTY, "@FOLDER", names="an argument"),
    command("build-unknown-folder", "build", "@FOLDER/" + NASTY, names="a folder"), command("wheel-ls", "wheel", "ls", NASTY, names="a package"),
    command("unknown-command", NASTY, names="a command"), command("unknown-flag", "ls", "--" + NASTY, names="a flag"), command("doctor", "doctor"),
    command("doctor-json", "doctor", "--json"), command("df", "df", "-v"), command("df-json", "df", "--json"), command("gc", "gc"),
    command("pin", "pin", "@NASTY", "@FAILED"), command("pin-ls", "pin"), command("pin-unknown", "pin", NASTY, names="a build's number"),
    command("unpin-unknown", "unpin", NASTY, names="a build's number"), command("policy", "admin", "policy"),
    command("policy-set", "admin", "policy", "set", NASTY + "=" + NASTY, names="a policy"), command("policy-reset", "admin", "policy", "reset", NASTY, names="a policy"),
    command("backup", "admin", "backup", "@FOLDER/no/" + NASTY, names="a folder"), command("restore", "--data", "@FOLDER/new", "admin", "restore", "@FOLDER/no/" + NASTY, names="a folder"),
    command("admin-check", "--data", "@FOLDER/" + NASTY, "admin", "check", names="a folder"), command("fetches-json", "fetches", "--json", "@FAILED"),
    command("history-json", "history", "--json", "nasty"), command("reverify-unknown", "reverify", "--older-than", NASTY, names="an age"),
]


@corpus("terminals", CASES)
class TerminalsTest(HostileTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        import pathlib
        import shutil
        import tempfile
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-context-", dir="/var/tmp"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        name = NASTY.replace("/", "")
        (cls.folder / name).write_text("x")
        (cls.folder / "nasty").write_text(NASTY + "\n\xff\x90")
        (cls.folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {NASTY}\nVersion: 1{NASTY}\n")
        shell = NASTY.replace("\x1b", "\\033").replace("\x07", "\\007").replace("\x9b", "\\302\\233").replace("\r", "\\r")
        begin = (f'FROM tiny\nLABEL "a"="{NASTY}"\nCOPY nasty METADATA /\nRUN cat /nasty && cat /nasty >&2\n'
                 "RUN d=/usr/lib/python3/dist-packages/x-1.dist-info && mkdir -p $d && cp /METADATA $d/METADATA && cp /nasty $d/INSTALLER\n"
                 f"RUN touch \"$(printf '/{shell}')\"\n")
        texts = {"NASTY": begin, "FAILED": begin + f"RUN cat /nasty; printf '{shell}' >&2; exit 3\n",
                 "DIFFERS": begin + f"RUN head -c 8 /dev/urandom > \"$(printf '/differs{shell}')\"\n"}
        cls.builds = {}
        for key, text in texts.items():
            (cls.folder / "Dockerfile").write_text(text.replace("\r", ""))
            options = {"NASTY": ["-t", "nasty:1", "--label", "n" + NASTY + "=v"], "DIFFERS": ["--verify", "2", "--allow-same-host"]}.get(key, [])
            result = cls.farm.build(cls.folder, *options)
            cls.builds[key] = str(cls.farm.show()["id"])
            assert UNPRINTABLE.search(result.stdout + result.stderr) is None, repr(result.stdout + result.stderr)
        (cls.folder / "lies").mkdir()
        (cls.folder / "lies" / "statement.json").write_text(json.dumps({"payloadType": NASTY, "payload": "e30=", "signatures": [{"keyid": NASTY, "sig": "AA=="}]}))
        (cls.folder / "Dockerfile").write_text(texts["FAILED"].replace("\r", "") + f"RNU {NASTY}\n".replace("\r", ""))

    def words(self, case):
        for word in case.data:
            word = word.replace("@FOLDER", str(self.folder))
            yield self.builds[word[1:]] if word[1:] in self.builds and word.startswith("@") else word

    def run_case(self, case):
        words = list(self.words(case))
        result = self.farm.cli(*words, timeout=60)
        tty = "tty" in words
        self.assert_case(case, OWN.sub("", result.stdout + result.stderr) if tty else result.stdout + result.stderr, self.story(result))
        seen = OWN.sub("", self.on_terminal(words))
        found = UNPRINTABLE.search(seen)
        self.assertIsNone(found, f"reaches the terminal: {seen[max(0, found.start() - 200):found.end() + 50]!r}" if found else "")

    def test_the_logs_on_a_terminal(self):
        """In a pipe they are the bytes that the step wrote."""
        words = ["logs", self.builds["FAILED"]]
        self.assertIn("\x1b]0;title", self.farm.cli(*words).stdout)
        self.assertIsNone(UNPRINTABLE.search(OWN.sub("", self.on_terminal(words))))

    def on_terminal(self, words, limit=60):
        """What a terminal gets that both outputs go to."""
        parent, child = pty.openpty()
        process = subprocess.Popen([BIN / "crossmill", *words], stdin=subprocess.DEVNULL, stdout=child, stderr=child,
                                   env=self.farm.environment() | {"TERM": "xterm-256color"})
        os.close(child)
        data, end = b"", time.monotonic() + limit
        while time.monotonic() < end and select.select([parent], [], [], 1)[0] or process.poll() is None and time.monotonic() < end:
            if not select.select([parent], [], [], 0.1)[0]:
                continue
            try:
                more = os.read(parent, 65536)
            except OSError:
                break
            if not more:
                break
            data += more
        process.kill()
        process.wait()
        os.close(parent)
        return data.decode("utf-8", "replace")


if __name__ == "__main__":
    main()
