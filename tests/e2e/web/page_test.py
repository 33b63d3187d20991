#!/usr/bin/env python3
"""The page that the coordinator serves, in a real browser, with a real farm: its views, a build that runs while it is open, and
a coordinator that is started again meanwhile. Every view with made-up data is `npm run test:browser` in web/."""
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

WEB = pathlib.Path(__file__).resolve().parents[3] / "web"
HTTP_PORT = farm.free_port()
BROWSER = os.environ.get("CHROMIUM") or shutil.which("chromium")
HOSTILE = "<img src=x onerror=window.hacked=1>"


def why_not():
    if BROWSER is None:
        return "there is no Chromium: scripts/install-dependencies --check"
    if shutil.which("node") is None or not (WEB / "node_modules/playwright-core").is_dir():
        return "what drives the browser is not installed: scripts/build-page"
    return ""


class PageTest(farm.FarmTestCase):
    farm_options = {"workers": 1, "coordinator_options": ["--http", f"127.0.0.1:{HTTP_PORT}"]}

    @classmethod
    def setUpClass(cls):
        reason = why_not()
        if reason:
            raise unittest.SkipTest(reason)
        super().setUpClass()
        link = cls.farm.cli("page").stdout.split()[0]
        if "<html" not in cls.get("/"):
            raise unittest.SkipTest("the coordinator was built without its page: scripts/build-page")
        cls.browser = subprocess.Popen(["node", "tests/driver.mjs"], cwd=WEB, env={**os.environ, "CHROMIUM": BROWSER},
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        cls.addClassCleanup(cls.end_browser)
        cls.order(open=link)

    @classmethod
    def get(cls, path):
        connection = http.client.HTTPConnection("127.0.0.1", HTTP_PORT, timeout=30)
        connection.request("GET", path)
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
        self.assertTrue(self.order(open=f"http://127.0.0.1:{HTTP_PORT}/#{view}")["ok"])
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

    def test_a_coordinator_that_is_started_again(self):
        self.show("workers", "w1", "live")
        self.farm.kill_coordinator()
        self.expect("reconnecting", seconds=60)
        self.farm.start_coordinator()
        self.expect("live", "1 of 1 workers", seconds=60)
        # What a browser logs of refused connections is none of the page's doing.
        self.order(problems=True)


if __name__ == "__main__":
    farm.main()
