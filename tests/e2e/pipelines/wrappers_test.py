#!/usr/bin/env python3
"""scripts/ci with a real farm: each wrapper as its system runs it, with that system's variables, and the shell of the how-tos
of docs/pipelines.md."""
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
from farm import BIN, FarmTestCase, wait_for

OWN = f"linux/{farm.tiny_base.machine_architecture()}"
FILES = ("metadata.json", "junit.xml", "crossmill.sarif", "code-quality.json", "summary.md")
SYSTEMS = {
    "github": {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "team/app", "GITHUB_RUN_ID": "1", "GITHUB_RUN_ATTEMPT": "1",
               "GITHUB_JOB": "image", "GITHUB_ACTION": "__image"},
    "gitlab": {"GITLAB_CI": "true", "CI_SERVER_URL": "https://gitlab.example", "CI_PIPELINE_ID": "7", "CI_JOB_ID": "70",
               "CI_COMMIT_SHORT_SHA": "abc", "CI_COMMIT_SHA": "abcdef"},
    "jenkins": {"JENKINS_URL": "https://jenkins.example/", "BUILD_TAG": "jenkins-app-3", "BUILD_NUMBER": "3", "STAGE_NAME": "Image"},
    "buildkite": {"BUILDKITE": "true", "BUILDKITE_JOB_ID": "0190-1", "BUILDKITE_RETRY_COUNT": "0", "BUILDKITE_STEP_ID": "s1"},
}


def how_to(title):
    """The block of code in a section of the page."""
    page = (farm.ROOT / "docs/pipelines.md").read_text()
    section = re.split(r"\n##", page.split(f"\n### {title}\n", 1)[1], maxsplit=1)[0]
    return re.search(r"```(?:yaml|groovy)\n(.*?)```", section, re.DOTALL).group(1)


class WrapperCase(FarmTestCase):
    def setUp(self):
        super().setUp()
        farm.require_program("bash", "sha256sum")
        shutil.copytree(farm.ROOT / "scripts/ci", self.context / "ci/crossmill")
        self.write(".dockerignore", "ci\ncrossmill-reports\noutput\nsummary\nbin\ntold*\n")
        self.reports = self.context / "crossmill-reports"
        self.bin = self.context / "bin"
        self.bin.mkdir()

    def environment(self, system, **variables):
        others = {name for each in SYSTEMS.values() for name in each}
        clean = {name: value for name, value in self.farm.environment().items() if name not in others}
        return clean | SYSTEMS[system] | {"PATH": f"{self.bin}:{BIN}:{os.environ['PATH']}"} | variables

    def run_shell(self, system, *words, code=0, **variables):
        result = subprocess.run(list(map(str, words)), cwd=self.context, text=True, capture_output=True, timeout=200,
                                env=self.environment(system, **variables), stdin=subprocess.DEVNULL)
        self.assert_exit(result, code)
        for name in FILES:
            self.assertTrue((self.reports / name).stat().st_size > 0, name)
        return result

    def wrapper(self, system):
        return self.context / "ci/crossmill" / system / "build"

    def newest(self):
        return json.loads(self.farm.cli("ls", "--json", "-n", "1").stdout)[0]

    def values(self, path, separator="="):
        return dict(line.split(separator, 1) for line in path.read_text().splitlines())


class Wrappers(WrapperCase):
    def test_github(self):
        self.dockerfile("FROM tiny\nARG A\nRUN echo $A > /a\n")
        output, summary = self.context / "output", self.context / "summary"
        arguments = f"\n  --platform={OWN}\n--build-arg=A=b c $(no) 'x'\n\n--tag=wrapped:1\n.\n"
        self.run_shell("github", self.wrapper("github"), INPUT_ARGUMENTS=arguments, GITHUB_OUTPUT=str(output), GITHUB_STEP_SUMMARY=str(summary))
        build = self.newest()
        self.assertEqual(self.values(output), {"build": str(build["id"]), "digest": build["index_digest"], "verdict": "unverified",
                                               "reports": "crossmill-reports"})
        self.assertEqual(summary.read_text(), (self.reports / "summary.md").read_text())
        submission = self.farm.show(build["id"])
        self.assertEqual(submission["tags"], ["wrapped:1"])
        # The step is tried again: the same build; "Re-run jobs" is a new one.
        again = self.run_shell("github", self.wrapper("github"), INPUT_ARGUMENTS=arguments)
        self.assertIn(f"build {build['id']} was submitted before", again.stderr)
        self.run_shell("github", self.wrapper("github"), INPUT_ARGUMENTS=arguments, GITHUB_RUN_ATTEMPT="2")
        self.assertEqual(self.newest()["id"], build["id"] + 1)

    def test_github_tells_of_a_matrix_that_failed(self):
        self.dockerfile("FROM tiny\nARG A\nRUN test $A = 1\n")
        output = self.context / "output"
        self.run_shell("github", self.wrapper("github"), INPUT_ARGUMENTS="--matrix=A=1,2\n.", GITHUB_OUTPUT=str(output), code=1)
        values = self.values(output)
        self.assertRegex(values["build"], r"^m\d+$")
        self.assertEqual(values["digest"], "")

    def test_gitlab(self):
        self.dockerfile("FROM tiny\nRUN echo gitlab > /a\n")
        self.run_shell("gitlab", self.wrapper("gitlab"), "-t", "gitlab:1", ".")
        build = self.newest()
        self.assertEqual(self.values(self.reports / "crossmill.env"), {"CROSSMILL_BUILD": str(build["id"]), "CROSSMILL_DIGEST": build["index_digest"],
                                                                       "CROSSMILL_VERDICT": "unverified"})
        template = (farm.ROOT / "scripts/ci/gitlab/crossmill.gitlab-ci.yml").read_text()
        for name in ("junit.xml", "code-quality.json", "crossmill.env"):
            self.assertIn(f"crossmill-reports/{name}", template)
        self.dockerfile("FORM tiny\n")
        self.run_shell("gitlab", self.wrapper("gitlab"), ".", code=1, CI_JOB_ID="71")
        self.assertEqual(self.values(self.reports / "crossmill.env")["CROSSMILL_BUILD"], "")

    def test_jenkins(self):
        self.dockerfile("FROM tiny\nRUN echo jenkins > /a\n")
        self.run_shell("jenkins", self.wrapper("jenkins"), "-t", "jenkins:1", ".")
        self.assertEqual(self.values(self.reports / "crossmill.properties")["digest"], self.newest()["index_digest"])
        # What the shared step makes of arguments: each is one word to the shell.
        groovy = (farm.ROOT / "scripts/ci/jenkins/crossmillBuild.groovy").read_text()
        self.assertIn("replace(\"'\", \"'\\\\''\")", groovy)

    def test_buildkite(self):
        self.dockerfile("FROM tiny\nRUN echo buildkite > /a\n")
        told = self.context / "told"
        agent = self.bin / "buildkite-agent"
        agent.write_text(f"#!/bin/bash\nprintf '%s\\n' \"$*\" >> {told}\n[ \"$1\" != annotate ] || cat > {told}.annotation\n")
        agent.chmod(0o755)
        hook = self.context / "ci/crossmill/buildkite/hooks/command"
        words = [f"--platform={OWN}", "--tag=kite:1", "."]
        variables = {f"BUILDKITE_PLUGIN_CROSSMILL_ARGUMENTS_{i}": word for i, word in enumerate(words)}
        self.run_shell("buildkite", hook, **variables)
        build = self.newest()
        self.assertEqual(build["tags"], ["kite:1"])
        self.assertEqual(told.read_text().splitlines(), [
            "annotate --style success --context crossmill-s1", f"meta-data set crossmill-build {build['id']}",
            f"meta-data set crossmill-digest {build['index_digest']}", "meta-data set crossmill-verdict unverified",
            "artifact upload crossmill-reports/*"])
        self.assertEqual((self.context / "told.annotation").read_text(), (self.reports / "summary.md").read_text())
        # An agent that refuses changes nothing.
        agent.write_text("#!/bin/sh\nexit 1\n")
        self.assertIn("was not taken", self.run_shell("buildkite", hook, **variables).stderr)

    def test_a_job_that_is_cancelled_cancels_its_build(self):
        self.dockerfile("FROM tiny\nRUN echo begun && sleep 600\n")
        for number, kill in enumerate((signal.SIGTERM, signal.SIGINT)):
            with self.subTest(kill):
                process = subprocess.Popen([self.wrapper("gitlab"), "."], cwd=self.context, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                           text=True, env=self.environment("gitlab", CI_JOB_ID=f"8{number}"))
                metadata = self.reports / "metadata.json"
                wait_for(lambda: metadata.exists() and json.loads(metadata.read_text())["build_id"], "the submission")
                # To the wrapper alone, as runners do.
                process.send_signal(kill)
                process.communicate(timeout=100)
                self.assertEqual(process.returncode, 130)
                self.assertEqual(self.newest()["status"], "cancelled")
                self.assertEqual(json.loads(metadata.read_text())["status"], "cancelled")
                shutil.rmtree(self.reports)

    def test_the_shell_is_clean(self):
        farm.require_program("shellcheck")
        scripts = [path for path in (farm.ROOT / "scripts/ci").rglob("*") if path.is_file() and path.read_bytes().split(b"\n", 1)[0].endswith(b"bash")]
        self.assertEqual(len(scripts), 5)
        checked = subprocess.run(["shellcheck", "-x", *scripts], cwd=farm.ROOT, capture_output=True, text=True)
        self.assertEqual(checked.returncode, 0, checked.stdout)


class HowTos(WrapperCase):
    """What docs/pipelines.md tells people to write."""

    def test_github_actions(self):
        self.dockerfile("FROM tiny\nARG PYTHON\nRUN echo $PYTHON > /p\n")
        block = how_to("GitHub Actions")
        arguments = re.search(r"arguments: \|\n((?: {12}.*\n)+)", block).group(1).replace("linux/amd64", OWN)
        # The farm of this test is one host.
        self.run_shell("github", self.wrapper("github"), INPUT_ARGUMENTS=textwrap.dedent(arguments), code=6)
        self.assertEqual(self.newest()["tags"], ["app:3.12"])
        action = (farm.ROOT / "scripts/ci/github/action.yml").read_text()
        for name in re.findall(r"^ {10}(\w+):", block, re.MULTILINE):
            self.assertIn(f"  {name}:\n", action)

    def test_gitlab_ci(self):
        self.dockerfile("FROM tiny\nARG REVISION\nRUN test $REVISION = abcdef\n")
        lines = re.search(r"- \|\n((?: {6}.*\n)+)", how_to("GitLab CI")).group(1)
        self.run_shell("gitlab", "bash", "-e", "-c", textwrap.dedent(lines).replace("linux/amd64", OWN))
        self.assertEqual(self.newest()["tags"], ["app:abc"])

    def test_jenkins(self):
        self.dockerfile("FROM tiny\nRUN echo how to > /a\n")
        lines = re.search(r"sh '''(.*?)'''", how_to("Jenkins with a shared step"), re.DOTALL).group(1)
        self.run_shell("jenkins", "sh", "-xe", "-c", textwrap.dedent(lines).replace("linux/amd64", OWN))
        self.assertEqual(self.newest()["tags"], ["app:3"])

    def test_buildkite(self):
        self.dockerfile("FROM tiny\nRUN echo kite > /a\n")
        words = json.loads(re.search(r"arguments: (\[.*\])", how_to("Buildkite")).group(1).replace("linux/amd64", OWN))
        variables = {f"BUILDKITE_PLUGIN_CROSSMILL_ARGUMENTS_{i}": word for i, word in enumerate(words)}
        self.run_shell("buildkite", self.context / "ci/crossmill/buildkite/hooks/command", **variables)
        self.assertEqual(self.newest()["tags"], ["app:1"])


if __name__ == "__main__":
    farm.main()
