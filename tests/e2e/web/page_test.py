#!/usr/bin/env python3
"""The page that the coordinator serves, in a real browser, with a real farm: its views, a build that runs while it is open, one
that is submitted from it, what a session may not do, and a coordinator that is started again meanwhile. Every view with made-up data is `npm run test:browser` in web/."""
import http.client
import json
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import farm
from contexts_test import serving
from submissions_test import make_repository

WEB = pathlib.Path(__file__).resolve().parents[3] / "web"
BROWSER = os.environ.get("CHROMIUM") or shutil.which("chromium")
HOSTILE = "<img src=x onerror=window.hacked=1>"


def why_not():
    if BROWSER is None:
        return "there is no Chromium: scripts/install-dependencies --check"
    if shutil.which("node") is None or not (WEB / "node_modules/playwright-core").is_dir():
        return "what drives the browser is not installed: scripts/build-page"
    return ""


class PageTest(farm.HttpCase):
    @classmethod
    def setUpClass(cls):
        reason = why_not()
        if reason:
            raise unittest.SkipTest(reason)
        super().setUpClass()
        cls.tokens = {role: cls.farm.token(role, f"page-{role}") for role in ("read", "submit")}
        link = cls.farm.cli("page").stdout.split()[0]
        if "<html" not in cls.get("/"):
            raise unittest.SkipTest("the coordinator was built without its page: scripts/build-page")
        cls.browser = subprocess.Popen(["node", "tests/driver.mjs"], cwd=WEB, env={**os.environ, "CHROMIUM": BROWSER},
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        cls.addClassCleanup(cls.end_browser)
        cls.order(open=link)

    @classmethod
    def get(cls, path):
        connection = http.client.HTTPConnection("127.0.0.1", farm.HTTP_PORT, timeout=30)
        connection.request("GET", path)
        text = connection.getresponse().read().decode()
        connection.close()
        return text

    @classmethod
    def get_as(cls, token, path):
        connection = http.client.HTTPConnection("127.0.0.1", farm.HTTP_PORT, timeout=30)
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        text = connection.getresponse().read().decode()
        connection.close()
        return text

    @classmethod
    def end_browser(cls):
        cls.browser.stdin.close()
        try:
            cls.browser.wait(20)
        except subprocess.TimeoutExpired:
            cls.browser.kill()
            cls.browser.wait()
        cls.browser.stdout.close()

    @classmethod
    def order(cls, **order):
        cls.browser.stdin.write(json.dumps(order) + "\n")
        cls.browser.stdin.flush()
        return json.loads(cls.browser.stdout.readline())

    def show(self, view, *texts, seconds=30):
        self.assertTrue(self.order(open=f"http://127.0.0.1:{farm.HTTP_PORT}/#{view}")["ok"])
        self.expect(*texts, seconds=seconds)

    def expect(self, *texts, seconds=30):
        answer = self.order(expect=list(texts), seconds=seconds)
        self.assertTrue(answer["ok"], answer)

    def assert_no_problems(self):
        self.assertEqual(self.order(problems=True)["problems"], [])
        self.assertIsNone(self.order(evaluate="window.hacked ?? null")["value"])

    def test_views_of_a_build(self):
        self.dockerfile(f"FROM tiny AS builder\nRUN echo '{HOSTILE}' && echo made >/made\nFROM tiny\n"
                        "COPY --from=builder /made /made\n")
        built = self.build_json("-t", "example/app", "--network", "none", "--verify", "1")
        number = built["id"]
        self.order(problems=True)
        self.show("wall", "example/app")
        self.show("builds", f"{number}", "example/app")
        self.show(f"builds/{number}", "Succeeded", "builder", HOSTILE, "COPY --from=builder /made /made")
        self.show(f"builds/{number}/log", HOSTILE)
        self.show("workers", "w1")
        self.show("packages")
        self.show("submit", "Dockerfile")
        self.assert_no_problems()

    def test_a_build_that_runs_while_it_is_open(self):
        self.dockerfile("FROM tiny\nRUN i=0; while [ $i -lt 8 ]; do i=$((i+1)); echo tick $i; sleep 1; done\n")
        running = self.farm.start_build(self.context, "--no-cache", "--network", "none")
        self.show("wall", "RUN i=0")
        number = self.farm.show()["id"]
        self.show(f"builds/{number}/log", "tick 2")
        self.expect("tick 8")
        running.communicate(timeout=60)
        self.assertEqual(running.returncode, 0)
        self.show(f"builds/{number}", "Succeeded")

    def in_session_of(self, role):
        """A browser session that may do what the role may, until the test has ended."""
        link = f"http://127.0.0.1:{farm.HTTP_PORT}/?token="
        self.tell(open=link + self.tokens[role])
        self.addCleanup(self.order, open=link + self.farm.client_token)

    def tell(self, **order):
        answer = self.order(**order)
        self.assertTrue(answer["ok"], answer)
        return answer

    def test_a_repository_that_is_submitted_from_it(self):
        first, _ = make_repository(self.context)
        self.in_session_of("submit")
        self.order(problems=True)
        with serving(self.context / "web") as server:
            url = f"http://127.0.0.1:{server.server_port}/r.git"
            self.show("workers", "w1")
            self.assertEqual(self.tell(evaluate="document.querySelectorAll('button[aria-label^=drain]').length")["value"], 0)
            self.tell(click="nav a:has-text('Submit')")
            self.tell(click="label:has-text('a git repository')")
            self.tell(fill="input[name=git]", **{"with": f"http://127.0.0.1:{server.server_port}/missing.git"})
            self.tell(click="label:text-is('1')")
            self.tell(click="button:text-is('Submit')")
            self.expect("missing.git", "not found")
            self.assertIn("#submit", self.tell(evaluate="location.href")["value"])
            self.tell(fill="input[name=git]", **{"with": url})
            self.tell(fill="input[name=reference]", **{"with": "v1"})
            self.tell(fill="input[name=tag]", **{"with": "example/from-page:1"})
            self.tell(click="button:text-is('Submit')")
            self.expect("example/from-page", "Succeeded in", "RUN test -e /c/v", seconds=90)
        number = int(self.tell(evaluate="location.hash.match(/^#builds\\/(\\d+)$/)[1]")["value"])
        built = self.farm.show(number)
        self.assertEqual((built["status"], built["tags"], built["verify"]), ("succeeded", ["example/from-page:1"], 1))
        submission = json.loads(self.get_as(self.farm.client_token, f"/api/v1/builds/{number}/submission"))
        self.assertIn(first[:12], json.dumps(submission["recipe"]), "the commit of v1")
        self.show("wall", "example/from-page")
        self.tell(click="a[data-row][data-at='example/from-page']")
        self.expect("Succeeded in", f"#{number}")
        # What the server's answer for the missing repository made the browser log is none of the page's doing.
        self.order(problems=True)

    def test_a_session_that_may_only_read(self):
        self.dockerfile("FROM tiny\nRUN true\n")
        number = self.build_json("--network", "none")["id"]
        self.in_session_of("read")
        self.show("submit", "This session may only read")
        buttons = "[...document.querySelectorAll('button, nav a')].map((each) => each.textContent.trim())"
        self.assertNotIn("Submit", self.tell(evaluate=buttons)["value"])
        self.show(f"builds/{number}", "Succeeded")
        words = self.tell(evaluate=buttons)["value"]
        self.assertIn("Builds", words)
        for word in ("Submit", "Retry", "Cancel"):
            self.assertNotIn(word, words)
        # What the page does not show is not to be had either.
        for path in ("submissions?git=http://127.0.0.1:1/r.git&platforms=linux/amd64", f"builds/{number}/retry", "workers/w1/drain"):
            refused = f"fetch('/api/v1/{path}', {{ method: 'POST' }}).then((answer) => answer.status)"
            self.assertEqual(self.tell(evaluate=refused)["value"], 403, path)
        self.order(problems=True)

    def test_a_coordinator_that_is_started_again(self):
        self.dockerfile("FROM tiny\nRUN echo kept >/kept\n")
        before = self.build_json("--no-cache", "--network", "none")
        # In nanoseconds: planning takes less than one of the command line's milliseconds.
        told = self.json(f"/api/v1/builds/{before['id']}")
        [step] = told["stages"][0]["steps"]
        times = [int(time) for time in (told["createdAt"], told["plannedAt"], step["startedAt"], step["finishedAt"])]
        for earlier, later in zip(times, times[1:]):
            self.assertLess(earlier, later)
        self.show("workers", "w1", "live")
        self.farm.kill_coordinator()
        self.expect("reconnecting", seconds=60)
        self.farm.start_coordinator()
        self.expect("live", "1 of 1 workers", seconds=60)
        self.assertEqual(self.farm.show(before["id"])["stages"], before["stages"], "times of steps are on record")
        self.show(f"builds/{before['id']}", "Timeline", "critical path")
        # What a browser logs of refused connections is none of the page's doing.
        self.order(problems=True)


if __name__ == "__main__":
    farm.main()
