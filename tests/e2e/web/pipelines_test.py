#!/usr/bin/env python3
"""scripts/submit-with-curl and the shell of docs/pipelines.md with a real farm: what a pipeline would run is taken out of
the page and run."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import textwrap

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import farm
from contexts_test import git, serving
from farm import HTTP_PORT, HttpCase

OWN = f"linux/{farm.tiny_base.machine_architecture()}"
URL = f"http://127.0.0.1:{HTTP_PORT}"
SCRIPT = farm.ROOT / "scripts/submit-with-curl"
SECRET = "planted-pipeline-8vK3xQ"


def snippet(system):
    """The shell in the page's section about a system."""
    page = (farm.ROOT / "docs/pipelines.md").read_text()
    section = page.split(f"\n## {system}\n", 1)[1].split("\n## ", 1)[0]
    block = re.search(r"```(?:yaml|groovy)\n(.*?)```", section, re.DOTALL).group(1)
    if system == "Jenkins":
        return re.search(r"sh '''(.*?)'''", block, re.DOTALL).group(1)
    begin = re.search(r"^( *)(?:run: \||- \|)\n", block, re.MULTILINE)
    lines = []
    for line in block[begin.end():].splitlines():
        if line.strip() and len(line) - len(line.lstrip()) <= len(begin.group(1)):
            break
        lines.append(line)
    return textwrap.dedent("\n".join(lines))


class ScriptCase(HttpCase):
    def setUp(self):
        super().setUp()
        farm.require_program("bash", "curl", "tar", "gzip")

    def environment_of(self, **variables):
        clean = {name: value for name, value in os.environ.items() if not name.startswith("CROSSMILL_")}
        return clean | {"CROSSMILL_TOKEN": self.farm.client_token, "TMPDIR": str(self.context)} | variables

    def submit(self, *arguments, code=0, **variables):
        result = subprocess.run([SCRIPT, *map(str, arguments)], env=self.environment_of(**variables),
                                capture_output=True, text=True, timeout=200)
        self.assert_exit(result, code)
        return result

    def folder(self, recipe, **files):
        folder = self.context / "app"
        folder.mkdir(exist_ok=True)
        for name, content in {"Dockerfile": recipe, **files}.items():
            (folder / name).write_text(content)
        return folder

    def repository(self, recipe):
        farm.require_program("git")
        work = self.folder(recipe, file="x")
        git(work, "init", "--quiet", "-b", "main", ".")
        git(work, "add", "-A")
        git(work, "commit", "--quiet", "-m", "one")
        git(work, "clone", "--quiet", "--bare", ".", self.context / "web/r.git")
        git(self.context / "web/r.git", "update-server-info")
        return git(work, "rev-parse", "HEAD")


class Script(ScriptCase):
    def test_a_folder(self):
        token = self.write("token", SECRET + "\0\n")
        folder = self.folder("FROM tiny AS one\nARG A\nCOPY . /c\n"
                             f"RUN --mount=type=secret,id=file --mount=type=secret,id=variable test -e /c/file && test ! -e /c/hidden && test \"$A\" = 'b c' && "
                             f"test $(cat /run/secrets/file | wc -c) = {len(SECRET) + 2} && test $(cat /run/secrets/variable) = {SECRET[::-1]}\n"
                             "FROM tiny\nRUN false\n", **{"file": "f", "hidden": "h", ".dockerignore": "hidden\n"})
        result = self.submit("--target=one", "-t", "example/script", "--build-arg", "A=b c", "--secret", f"id=file,src={token}",
                             "--secret", "id=variable,env=OTHER", URL, folder, OWN, OTHER=SECRET[::-1])
        self.assertRegex(result.stdout, r"^build \d+\nBUILD_STATUS_SUCCEEDED\n$")
        build = self.json(f"/api/v1/builds/{result.stdout.split()[1]}")
        self.assertEqual((build["options"]["tags"], build["target"]), (["example/script"], "one"))
        self.assertEqual(build["options"]["secretIds"], ["file", "variable"])
        # The same key is the same build.
        numbers = {self.submit("--target=one", "--build-arg", "A=b c", URL, self.folder("FROM tiny AS one\n"), OWN, IDEMPOTENCY_KEY="script-1").stdout
                   for _ in range(2)}
        self.assertEqual(len(numbers), 1)

    def test_a_git_url(self):
        commit = self.repository("FROM tiny\nCOPY . /c\nRUN test -e /c/file\n")
        with serving(self.context / "web") as server:
            url = f"http://user:{SECRET}@127.0.0.1:{server.server_port}/r.git"
            self.submit("--source-date-epoch=git", URL, url + f"#{commit}", OWN)
            self.assert_says(self.submit(URL, url + "#nowhere", OWN, code=1), "NOT_FOUND", "nowhere")

    def test_a_dockerfile_alone_is_the_build_of_standard_input(self):
        recipe = "FROM tiny\nRUN echo alone\n"
        built = subprocess.run([farm.BIN / "crossmill", "build", "--platform", OWN, "-"], input=recipe, text=True,
                               capture_output=True, env=self.farm.environment(), timeout=200)
        self.assert_exit(built, 0)
        first = self.farm.show()
        second = self.submit(URL, self.write("recipe", recipe), OWN).stdout.split()[1]
        roots = [self.json(f"/api/v1/builds/{build}/submission")["recipe"]["contextRoot"] for build in (first["id"], second)]
        self.assertEqual(*roots)

    def test_it_ends_as_the_command_line_does(self):
        for recipe, code, words in [("FROM tiny\nRUN false\n", 1, "BUILD_STATUS_FAILED"), ("FORM tiny\n", 1, "Dockerfile:1")]:
            self.assert_says(self.submit(URL, self.folder(recipe), OWN, code=code), words)
        folder = self.folder("FROM tiny\nRUN echo well\n")
        # All workers are of one host.
        self.assert_says(self.submit("--require=reproducible", URL, folder, OWN, code=6), "VERDICT_INCONCLUSIVE")
        self.submit(URL, folder, OWN, code=4, CROSSMILL_TOKEN="cm-none")
        self.submit("http://127.0.0.1:1", folder, OWN, code=5)
        self.submit(URL, folder, OWN, code=0, IDEMPOTENCY_KEY="code-1")
        self.submit("--no-cache", URL, folder, OWN, code=2, IDEMPOTENCY_KEY="code-1")
        for arguments in ([], [URL, folder], ["--nonsense", URL, folder, OWN], ["-f"], [URL, folder / "none", OWN],
                          ["--secret", "id=x", URL, folder, OWN], ["--secret", "id=x,src=/nowhere", URL, folder, OWN],
                          ["--secret", "id=x,env=CROSSMILL_NOWHERE", URL, folder, OWN]):
            with self.subTest(arguments):
                self.assertIn("CONTEXT", self.submit(*arguments, code=2).stderr)

    def test_an_answer_that_comes_early_and_a_folder_that_cannot_be_packed(self):
        folder = self.folder("FROM tiny\nRUN sleep 300\n")
        (folder / "big").write_bytes(os.urandom(20 << 20))
        self.assert_says(self.submit(URL, folder, OWN, code=4, CROSSMILL_TOKEN="cm-none"), "UNAUTHENTICATED")
        # A tar that says at its end that something is missing.
        tools = self.context / "tools"
        tools.mkdir()
        (tools / "tar").write_text(f"#!/bin/sh\n{shutil.which('tar')} --exclude=big \"$@\"\necho cannot read big >&2\nexit 2\n")
        (tools / "tar").chmod(0o755)
        self.assert_says(self.submit(URL, folder, OWN, code=2, PATH=f"{tools}:{os.environ['PATH']}"), "cannot be packed", "cannot read big")
        farm.wait_for(lambda: self.json("/api/v1/builds?page_size=1")["builds"][0]["status"] == "BUILD_STATUS_CANCELLED", "the end of the build")

    def test_a_signal_cancels_the_build(self):
        folder = self.folder("FROM tiny\nRUN sleep 300\n")
        process = subprocess.Popen([SCRIPT, URL, folder, OWN], env=self.environment_of(), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, start_new_session=True)
        build = process.stdout.readline().split()[1]
        # As a terminal and most runners do it: to all of the group.
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        # curl may say behind it that nobody reads what it writes any more.
        self.assertEqual((process.returncode, [line for line in errors.splitlines() if not line.startswith("curl: (23)")][-1]),
                         (130, "cancelled"))
        farm.wait_for(lambda: self.json(f"/api/v1/builds/{build}")["status"] == "BUILD_STATUS_CANCELLED", "the end of the build")


class Pipelines(ScriptCase):
    def run_snippet(self, system, folder, **variables):
        shell = snippet(system).replace("linux/amd64", OWN)
        (folder / "ci").mkdir(exist_ok=True)
        shutil.copy(SCRIPT, folder / "ci/submit-with-curl")
        first_line = shell.splitlines()[0]
        program = first_line[2:].split() if first_line.startswith("#!") else ["bash", "-e", "-o", "pipefail"]
        return subprocess.run([*program, "-c", shell], cwd=folder, capture_output=True, text=True, timeout=200,
                              env=self.environment_of(CROSSMILL_URL=URL, **variables))

    def newest(self):
        return self.json("/api/v1/builds?page_size=1")["builds"][0]

    def test_github(self):
        folder = self.folder("FROM tiny\nARG REVISION\nCOPY . /c\nRUN --mount=type=secret,id=npm test -x /c/ci/submit-with-curl && "
                             f"test $REVISION = abc && test $(cat /run/secrets/npm) = {SECRET}\n")
        result = self.run_snippet("GitHub", folder, GITHUB_RUN_ID="1", GITHUB_RUN_ATTEMPT="1", GITHUB_SHA="abc", NPM_TOKEN=SECRET)
        # The farm of this test is one host, so there is no verdict.
        self.assert_exit(result, 6)
        self.assert_says(result, "BUILD_STATUS_SUCCEEDED", "VERDICT_INCONCLUSIVE")
        build = self.newest()
        self.assertEqual((build["options"]["tags"], build["options"]["verify"]), (["app:abc"], 2))

    def test_gitlab(self):
        commit = self.repository("FROM tiny\nCOPY . /c\nRUN test -e /c/file && test ! -e /c/ci\n")
        folder = self.context / "job"
        folder.mkdir()
        with serving(self.context / "web") as server:
            result = self.run_snippet("GitLab", folder, CI_JOB_ID="7", CI_COMMIT_SHA=commit, CI_COMMIT_SHORT_SHA=commit[:8],
                                      CI_REPOSITORY_URL=f"http://gitlab-ci-token:{SECRET}@127.0.0.1:{server.server_port}/r.git")
        self.assert_exit(result, 0)
        build = self.newest()
        self.assertEqual((build["options"]["tags"], build["epoch"]), ([f"app:{commit[:8]}"], "1600000000"))
        self.assertNotIn(SECRET, json.dumps(self.json(f"/api/v1/builds/{build['id']}/submission")))

    def test_jenkins(self):
        folder = self.folder("FROM tiny\nCOPY . /c\nRUN test -e /c/Dockerfile\n")
        variables = {"WORKSPACE": str(folder), "BUILD_TAG": "jenkins-app-3", "BUILD_NUMBER": "3"}
        result = self.run_snippet("Jenkins", folder, **variables)
        self.assert_exit(result, 0)
        self.assertEqual(self.newest()["options"]["tags"], ["app:3"])
        self.assertNotIn(self.farm.client_token, result.stdout + result.stderr)
        self.folder("FROM tiny\nRUN false\n")
        failed = self.run_snippet("Jenkins", folder, **variables | {"BUILD_TAG": "jenkins-app-4"})
        self.assertNotEqual(failed.returncode, 0)
        self.folder("FORM tiny\n")
        refused = self.run_snippet("Jenkins", folder, **variables | {"BUILD_TAG": "jenkins-app-5"})
        self.assertNotEqual(refused.returncode, 0)
        self.assert_says(refused, "Dockerfile:1")


if __name__ == "__main__":
    farm.main()
