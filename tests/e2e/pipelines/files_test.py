#!/usr/bin/env python3
"""Files and commit statuses of `crossmill build` for pipelines, from real builds: read as Jenkins, GitLab and GitHub read
them, and what they say when the program, the connection or the coordinator does not see the end."""
import http.server
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import farm
from farm import BIN, FarmTestCase, wait_for

NAMES = ("metadata", "junit", "sarif", "code-quality", "summary")
TOKEN = "ghp-planted-4Xw9"


class FilesCase(FarmTestCase):
    farm_options = {"workers": 2}

    def setUp(self):
        super().setUp()
        # What is written beside the Dockerfile is no part of what is built.
        self.write(".dockerignore", "*\n")

    def flags(self, folder="out"):
        (self.context / folder).mkdir(exist_ok=True)
        flag = lambda name: "--metadata-file" if name == "metadata" else f"--{name}"
        return [word for name in NAMES for word in (flag(name), self.context / folder / name)]

    def files(self, folder="out"):
        """What is wrong with a file's form fails here."""
        read = lambda name: (self.context / folder / name).read_text()
        suites = self.check_junit(ElementTree.fromstring(read("junit")))
        sarif = json.loads(read("sarif"))
        self.check_sarif(sarif)
        quality = json.loads(read("code-quality"))
        for entry in quality:
            self.assertEqual(set(entry), {"description", "check_name", "fingerprint", "severity", "location"})
            self.assertIn(entry["severity"], ("info", "minor", "major", "critical", "blocker"))
            self.assertGreater(entry["location"]["lines"]["begin"], 0)
        self.assertEqual(len({entry["fingerprint"] for entry in quality}), len(quality))
        return json.loads(read("metadata")), suites, sarif["runs"][0], quality, read("summary")

    def check_junit(self, root):
        """The elements and attributes that Jenkins' schema has, and numbers that add up."""
        self.assertEqual(root.tag, "testsuites")
        self.assertLessEqual(set(root.attrib), {"name", "time", "tests", "failures", "disabled", "errors", "skipped"})
        cases = []
        for suite in root:
            self.assertEqual(suite.tag, "testsuite")
            self.assertLessEqual(set(suite.attrib), {"name", "tests", "failures", "errors", "time", "disabled", "skipped", "timestamp", "hostname", "id", "package"})
            if "timestamp" in suite.attrib:
                self.assertRegex(suite.attrib["timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$")
            for case in suite:
                self.assertEqual((case.tag, set(case.attrib)), ("testcase", {"name", "classname", "time"}))
                self.assertGreaterEqual(float(case.attrib["time"]), 0)
                self.assertLessEqual(len(case), 1)
                for result in case:
                    self.assertIn(result.tag, ("failure", "error", "skipped"))
                cases.append(case)
            self.assertEqual(int(suite.attrib["tests"]), len(suite))
        for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            self.assertEqual(int(root.attrib[count]), sum(1 for case in cases if case.find(tag) is not None), count)
        return {(case.attrib["classname"], case.attrib["name"]): case for case in cases}

    def check_sarif(self, sarif):
        self.assertEqual((sarif["version"], len(sarif["runs"])), ("2.1.0", 1))
        run = sarif["runs"][0]
        rules = run["tool"]["driver"]["rules"]
        self.assertEqual(len({rule["id"] for rule in rules}), len(rules))
        for result in run["results"]:
            self.assertEqual(rules[result["ruleIndex"]]["id"], result["ruleId"])
            self.assertIn(result["level"], ("none", "note", "warning", "error"))
            self.assertTrue(result["message"]["text"])
            for location in result["locations"]:
                region = location["physicalLocation"].get("region", {"startLine": 1})
                self.assertGreater(region["startLine"], 0)
        self.assertEqual(len(run["invocations"]), 1)


class Files(FilesCase):
    def test_a_matrix_in_which_one_fails_and_one_differs(self):
        self.dockerfile("FROM tiny\nARG A\nARG B=$(unset)\nRUN if [ \"$A\" = bad ]; then echo 'it is <bad> & `so`|'; exit 3; fi\n"
                        "RUN if [ \"$A\" = odd ]; then head -c 16 /dev/urandom > /odd; fi\n")
        result = self.build("--matrix", "A=good,odd,bad", "--verify", "2", "--allow-same-host", "-t", "files:{A}", *self.flags())
        self.assert_exit(result, 1)
        metadata, cases, sarif, quality, summary = self.files()
        self.assertEqual((metadata["status"], metadata["incomplete"]), ("failed", None))
        self.assertEqual({name: build["verdict"] for name, build in metadata["combinations"].items()},
                         {"A=good": "reproducible", "A=odd": "unreproducible", "A=bad": metadata["combinations"]["A=bad"]["verdict"]})
        good = metadata["combinations"]["A=good"]
        self.assertEqual((good["containerimage.digest"], good["image.name"]), (good["index_digest"], "files:good"))
        own = f"linux/{farm.tiny_base.machine_architecture()}"
        self.assertIsNotNone(cases[f"A=odd.{own}", "verdict"].find("failure"))
        self.assertEqual(len(cases[f"A=good.{own}", "verdict"]), 0)
        failed, = [case for (name, _), case in cases.items() if name.startswith("A=bad") and case.find("failure") is not None
                   and case.find("failure").attrib["type"] == "step-failed"]
        self.assertIn("it is <bad> & `so`|", failed.find("failure").text)
        by_rule = {}
        for found in sarif["results"]:
            by_rule.setdefault(found["ruleId"], []).append(found)
        step, = by_rule["step-failed"]
        self.assertEqual(step["locations"][0]["physicalLocation"]["region"]["startLine"], 4)
        self.assertEqual([each["properties"]["combination"] for each in by_rule["unreproducible"]], ["A=odd"])
        self.assertEqual(sarif["invocations"][0], {"executionSuccessful": True, "exitCode": 1})
        self.assertIn("step-failed", [entry["check_name"] for entry in quality])
        self.assertIn("files&#58;good", summary)
        self.assertIn("A&#61;bad", summary)

    def test_a_recipe_that_is_refused_and_a_farm_that_is_not_there(self):
        self.dockerfile("FORM tiny\n")
        self.assert_exit(self.build(*self.flags()), 1)
        metadata, cases, sarif, _, summary = self.files()
        self.assertIn("Dockerfile:1", metadata["incomplete"])
        self.assertEqual(metadata["build_id"], None)
        self.assertIsNotNone(cases["crossmill", "complete"].find("error"))
        self.assertFalse(sarif["invocations"][0]["executionSuccessful"])
        self.assertIn("Incomplete", summary)
        self.dockerfile("FROM tiny\nRUN true\n")
        gone = subprocess.run([BIN / "crossmill", "--coordinator", f"unix:{self.context}/none", "build", *map(str, self.flags("gone")),
                               self.context], capture_output=True, text=True, timeout=120)
        self.assert_exit(gone, 5)
        self.assertIn("cannot reach the coordinator", self.files("gone")[0]["incomplete"])
        nowhere = self.build("--junit", self.context / "no/such/folder/r.xml")
        self.assertNotEqual(nowhere.returncode, 0)
        self.assert_says(nowhere, "no/such/folder")

    def test_an_interrupt_and_a_kill(self):
        self.dockerfile("FROM tiny\nRUN echo begun && sleep 600\n")
        process = self.farm.start_build(self.context, "--idempotency-key", "interrupted", *self.flags())
        self.wait_for_console(process, "begun")
        number = self.files()[0]["build_id"]
        self.assertIn("was running", self.files()[0]["incomplete"])
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=60), 130)
        process.communicate()
        metadata, cases, *_ = self.files()
        self.assertEqual((metadata["build_id"], metadata["status"], metadata["incomplete"]), (number, "cancelled", None))
        self.assertTrue(any(case.find("skipped") is not None for case in cases.values()))
        killed = self.farm.start_build(self.context, "--no-cache", *self.flags("killed"))
        self.wait_for_console(killed, "begun")
        killed.kill()
        killed.communicate()
        metadata, cases, *_ = self.files("killed")
        self.assertIn("was running", metadata["incomplete"])
        self.assertGreater(metadata["build_id"], number)
        self.assertIsNotNone(cases["crossmill", "complete"].find("error"))
        self.assert_exit(self.farm.cli("cancel", metadata["build_id"]), 0)

    def wait_for_console(self, process, text):
        for line in process.stderr:
            # Not the line that names the step.
            if text in line and "RUN" not in line:
                return
        self.fail(f"{text} did not come:\n{self.farm.logs()}")


class Forge:
    """Takes commit statuses as the three forges do, and answers as told."""

    def __init__(self, answers=()):
        self.taken = []
        self.answers = list(answers)
        forge = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                forge.taken.append((self.path, dict(self.headers), json.loads(body)))
                status = forge.answers.pop(0) if forge.answers else 201
                answer = json.dumps({"message": f"seen {dict(self.headers)}"}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class CommitStatuses(FilesCase):
    def forge(self, *answers):
        forge = Forge(answers)
        self.addCleanup(forge.close)
        return forge

    def run_with(self, variables, *arguments, code=0):
        clean = {name: value for name, value in self.farm.environment().items() if not re.match("GIT(HUB|LAB|EA)_|CI_|FORGEJO_", name)}
        result = subprocess.run([BIN / "crossmill", "build", "--progress", "plain", *map(str, arguments), self.context], text=True,
                                capture_output=True, timeout=200, env=clean | variables)
        self.assert_exit(result, code)
        self.assertNotIn(TOKEN, result.stdout + result.stderr)
        for file in self.context.rglob("*"):
            if file.is_file():
                self.assertNotIn(TOKEN.encode(), file.read_bytes(), file)
        return result

    def test_each_forge_is_told_twice(self):
        self.dockerfile("FROM tiny\nRUN echo status > /s\n")
        github, gitlab, gitea = self.forge(), self.forge(), self.forge()
        self.run_with({"GITHUB_ACTIONS": "true", "GITHUB_API_URL": github.url, "GITHUB_REPOSITORY": "team/app", "GITHUB_SHA": "abc",
                       "GITHUB_TOKEN": TOKEN, "CROSSMILL_URL": "https://farm.example/"}, "--commit-status", "auto", *self.flags())
        self.assertEqual([(path, body["state"], body["context"]) for path, _, body in github.taken],
                         [("/repos/team/app/statuses/abc", "pending", "crossmill"), ("/repos/team/app/statuses/abc", "success", "crossmill")])
        self.assertEqual(github.taken[0][1]["Authorization"], f"Bearer {TOKEN}")
        self.assertRegex(github.taken[1][2]["target_url"], r"^https://farm.example/#builds/\d+$")
        self.run_with({"GITLAB_CI": "true", "CI_API_V4_URL": f"{gitlab.url}/api/v4", "CI_PROJECT_ID": "7", "CI_COMMIT_SHA": "abc",
                       "GITLAB_TOKEN": TOKEN}, "--commit-status", "auto", "--commit-status-name", "images", "--matrix", "A=1,2")
        self.assertEqual([(path, body["state"], body["name"]) for path, _, body in gitlab.taken],
                         [("/api/v4/projects/7/statuses/abc", "running", "images"), ("/api/v4/projects/7/statuses/abc", "success", "images")])
        self.assertEqual(gitlab.taken[0][1]["PRIVATE-TOKEN"], TOKEN)
        self.assertIn("2 of 2 combinations", gitlab.taken[1][2]["description"])
        self.dockerfile("FROM tiny\nRUN false\n")
        self.run_with({"GITEA_ACTIONS": "true", "GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": gitea.url, "GITHUB_REPOSITORY": "team/app",
                       "GITHUB_SHA": "abc", "CROSSMILL_STATUS_TOKEN": TOKEN}, "--commit-status", "auto", code=1)
        self.assertEqual([(path, body["state"]) for path, _, body in gitea.taken],
                         [("/api/v1/repos/team/app/statuses/abc", "pending"), ("/api/v1/repos/team/app/statuses/abc", "failure")])
        self.assertEqual(gitea.taken[0][1]["Authorization"], f"token {TOKEN}")

    def test_a_forge_that_refuses_changes_nothing_and_is_told(self):
        self.dockerfile("FROM tiny\nRUN echo status > /s\n")
        forge = self.forge(503, 201, 403)
        result = self.run_with({"GITHUB_API_URL": forge.url, "GITHUB_REPOSITORY": "team/app", "GITHUB_SHA": "abc", "GITHUB_TOKEN": TOKEN},
                               "--commit-status", "github")
        self.assertEqual([body["state"] for _, _, body in forge.taken], ["pending", "pending", "success"])
        self.assert_says(result, "the forge answered 403", "(token)")
        self.assert_says(self.run_with({}, "--commit-status", "github", code=5), "GITHUB_REPOSITORY is not set")


class Resuming(FilesCase):
    """One key, one build, one verdict, the same files: whatever is killed."""

    def begin(self, folder, *arguments):
        return self.farm.start_build(self.context, "--idempotency-key", f"resume-{folder}", "--verify", "2", "--allow-same-host",
                                     *arguments, *self.flags(folder))

    def end(self, process, code):
        _, errors = process.communicate(timeout=200)
        self.assertEqual(process.returncode, code, errors + self.farm.logs())
        return errors

    def number(self, folder):
        """Of the matrix, once it is submitted."""
        path = self.context / folder / "metadata"
        wait_for(lambda: path.exists() and json.loads(path.read_text()).get("matrix_id"), "the submission")
        return json.loads(path.read_text())["matrix_id"]

    def test_a_client_that_is_killed_is_run_again(self):
        self.dockerfile("FROM tiny\nARG A\nRUN sleep 5 && echo $A > /a\n")
        arguments = ("--matrix", "A=1,2", "-t", "resumed:{A}")
        first = self.begin("client", *arguments)
        number = self.number("client")
        first.kill()
        first.communicate()
        self.assertIn("was running", json.loads((self.context / "client/metadata").read_text())["incomplete"])
        again = self.begin("client", *arguments)
        self.assertIn("was submitted before", self.end(again, 0))
        files = self.files("client")
        self.assertEqual((files[0]["matrix_id"], files[0]["verdict"], files[0]["incomplete"]), (number, "reproducible", None))
        # And when it has long ended: the same files.
        before = {name: (self.context / "client" / name).read_bytes() for name in NAMES}
        self.end(self.begin("client", *arguments), 0)
        self.assertEqual({name: (self.context / "client" / name).read_bytes() for name in NAMES}, before)
        # Another submission under the key is refused, and takes nothing over.
        self.assertEqual(self.end(self.begin("client", "--matrix", "A=1,2,3", "-t", "resumed:{A}"), 2).count("was used for another"), 1)

    def test_the_coordinator_is_killed_while_it_is_waited_for(self):
        self.dockerfile("FROM tiny\nARG A\nRUN sleep 8 && echo $A > /b\n")
        process = self.begin("coordinator", "--matrix", "A=1,2")
        number = self.number("coordinator")
        time.sleep(1)
        self.farm.kill_coordinator()
        self.farm.start_coordinator()
        self.end(process, 0)
        files = self.files("coordinator")
        self.assertEqual((files[0]["matrix_id"], files[0]["verdict"]), (number, "reproducible"))
        newest, = json.loads(self.farm.cli("ls", "--json", "-n", "1").stdout)
        self.assertEqual(newest["id"], number + 1, "nothing was submitted twice")


if __name__ == "__main__":
    farm.main()
