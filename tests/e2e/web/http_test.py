#!/usr/bin/env python3
"""The HTTP door with a real farm: routes, event streams that resume, consoles, sessions, and what strangers try."""
import base64
import gzip
import hashlib
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import farm
from farm import HTTP_PORT, HttpCase


class Reading(HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        context = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-context-", dir="/var/tmp"))
        cls.addClassCleanup(shutil.rmtree, context, ignore_errors=True)
        cls.recipe = ("FROM tiny\nRUN i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo line $i; done; "
                      "echo 'Needle <b>[31m' >&2\n")
        (context / "Dockerfile").write_text(cls.recipe)
        result = cls.farm.build(context, "--network", "none", "-t", "example/app")
        assert result.returncode == 0, result.stderr + cls.farm.logs()
        cls.build_id = cls.farm.show()["id"]

    def test_who_follows_the_farm_hears_what_changes(self):
        (number, kind, first), = self.events("/api/v1/events", most=1)
        self.assertEqual((kind, first["reset"], first["builds"], first["sequence"]), ("farm", True, [], number))
        retried = self.json(f"/api/v1/builds/{self.build_id}/retry", status=201, verb="POST")["buildId"]
        self.events(f"/api/v1/builds/{retried}/events")
        # Whoever was away meanwhile goes on where he was: he is told the end, not the way there.
        (later, kind, news), = self.events("/api/v1/events", most=1, Last_Event_ID=number)
        self.assertEqual((kind, news["reset"], [build["id"] for build in news["builds"]]), ("farm", False, [retried]))
        self.assertGreater(int(later), int(number))
        self.assertEqual(news["builds"], self.json("/api/v1/builds?page_size=1")["builds"])
        self.assertEqual(self.events(f"/api/v1/events?after={number}", most=1)[0][2]["builds"], news["builds"])
        self.json("/api/v1/events?after=x", status=400)
        self.assertEqual(self.request("GET", "/api/v1/events", token=False)[0], 401)

    def test_a_filter_finds_builds_and_a_wrong_one_says_why(self):
        def find(text):
            query = urllib.parse.urlencode({"filter": text})
            return [int(build["id"]) for build in self.json(f"/api/v1/builds?{query}")["builds"]]
        self.assertIn(self.build_id, find("name:example/app status:succeeded since:1d -label:x"))
        self.assertNotIn(self.build_id, find("-name:app"))
        self.assertEqual(find("name:app platform:linux/s390x"), [])
        wrong = self.json("/api/v1/builds?filter=stauts:failed", status=400)
        self.assertIn("'stauts:failed': there is no field 'stauts'; fields are status, verdict,", wrong["detail"])
        self.assertEqual(wrong["code"], "INVALID_ARGUMENT")
        listed = self.farm.cli("ls", "name:app", "--json")
        self.assertIn(self.build_id, [build["id"] for build in json.loads(listed.stdout)])
        failed = self.farm.cli("ls", "stauts:failed")
        self.assertEqual(failed.returncode, 2, failed.stderr)
        self.assertIn("there is no field 'stauts'", failed.stderr)

    def test_the_wall_and_trends_tell_of_the_build(self):
        row = next(row for row in self.json("/api/v1/wall")["rows"] if row["name"] == "example/app")
        self.assertEqual(row["status"], "BUILD_STATUS_SUCCEEDED")
        self.assertEqual(row["cells"][0]["stripBuilds"][-1], row["buildId"])
        self.assertFalse(row["needsLook"])
        spans = self.json("/api/v1/trends?days=2&zone=Europe/Berlin")["spans"]
        self.assertEqual(len(spans), 2)
        sums = spans[-1]["sums"]
        self.assertGreaterEqual(int(sums["succeeded"]), 1)
        self.assertGreaterEqual(sum(int(platform["executedSteps"]) for platform in sums["platforms"]), 1)
        self.assertGreater(spans[-1]["waitMedian"], 0)
        for wrong in ("days=201", "days=801&weekly=1", "zone=Mars/Olympus", "zone=../../etc/passwd"):
            self.json(f"/api/v1/trends?{wrong}", status=400)
        self.json("/api/v1/wall?page_token=x", status=400)

    def execution(self):
        build = self.json(f"/api/v1/builds/{self.build_id}")
        return next(step["execution"] for stage in build["stages"] for step in stage["steps"]
                    if step["execution"] != "0")

    def test_every_route_of_the_document_answers(self):
        document = self.json("/api/v1/openapi.json")
        self.assertEqual(document["openapi"], "3.1.0")
        hook = self.json("/api/v1/webhooks", verb="POST", body=json.dumps({"url": "https://example.org/", "names": "none"}))["webhook"]
        self.addCleanup(self.json, f"/api/v1/webhooks/{hook['id']}", verb="DELETE")
        self.dockerfile("FROM tiny\nARG A\nRUN echo $A > /a\n")
        matrix = self.build_json("--network", "none", "--matrix", "A=1,2")["matrix_id"]
        needed = {"/api/v1/badges/build.svg": "?name=example/app", "/api/v1/badges/verdict.svg": "?name=example/app",
                  "/api/v1/packages/history": "?name=numpy", "/api/v1/packages/uses": "?requirement=numpy",
                  "/api/v1/history": "?name=example/app"}
        for path, operations in document["paths"].items():
            if "get" not in operations or path.endswith(("/events", "/stream")) or "{submission}" in path:
                continue
            with self.subTest(path):
                filled = re.sub(r"\{(build_id|first|second)\}", str(self.build_id), path).replace("{execution}", self.execution()).replace("{webhook_id}", hook["id"])
                filled = filled.replace("{matrix_id}", str(matrix))
                status, fields, body = self.request("GET", filled + needed.get(path, ""))
                self.assertEqual(status, 200, body)
                content = operations["get"]["responses"]["200"]["content"]
                self.assertIn(fields["Content-Type"].split(";")[0], content)
                if "application/json" in content:
                    self.check(document, content["application/json"]["schema"], json.loads(body), path)

    def check(self, document, schema, value, where):
        """The value is what the document says: types, words, required members and no others."""
        if "$ref" in schema:
            return self.check(document, document["components"]["schemas"][schema["$ref"].split("/")[-1]], value, where)
        if "enum" in schema:
            return self.assertIn(value, schema["enum"], where)
        kinds = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}
        self.assertIsInstance(value, kinds[schema["type"]], where)
        if "pattern" in schema:
            self.assertRegex(value, schema["pattern"], where)
        for item in value if schema["type"] == "array" else ():
            self.check(document, schema["items"], item, where + "[]")
        if schema["type"] == "object":
            self.assertLessEqual(set(schema.get("required", ())), set(value), where)
            if "additionalProperties" in schema and "properties" not in schema:
                for name, member in value.items():
                    self.check(document, schema["additionalProperties"], member, f"{where}.{name}")
                return None
            for name, member in value.items():
                self.assertIn(name, schema["properties"], where)
                self.check(document, schema["properties"][name], member, f"{where}.{name}")
        return None

    def test_builds_are_listed_by_pages(self):
        page = self.json("/api/v1/builds?page_size=1")
        self.assertEqual([build["id"] for build in page["builds"]], [str(self.build_id)])
        self.assertEqual(page["builds"][0]["status"], "BUILD_STATUS_SUCCEEDED")
        self.assertEqual(page["nextPageToken"], "", "nothing is behind it")
        rest = self.json(f"/api/v1/builds?page_size=5&page_token={self.build_id}")
        self.assertNotIn(str(self.build_id), [build["id"] for build in rest["builds"]])

    def test_the_recipe_is_the_dockerfile(self):
        status, fields, body = self.request("GET", f"/api/v1/builds/{self.build_id}/recipe")
        self.assertEqual((status, body.decode()), (200, self.recipe))
        self.assertEqual(fields["X-Content-Type-Options"], "nosniff")

    def test_events_resume_where_they_were(self):
        whole = self.events(f"/api/v1/builds/{self.build_id}/events")
        self.assertEqual([number for number, kind, _ in whole if kind == "event"],
                         [str(i + 1) for i in range(len(whole) - 1)])
        self.assertEqual(whole[-1], (None, "end", {}))
        self.assertEqual(self.events(f"/api/v1/builds/{self.build_id}/events", Last_Event_ID="3"), whole[3:])
        self.assertEqual(self.events(f"/api/v1/builds/{self.build_id}/events?from_event=3"), whole[2:])
        self.assertEqual(self.events(f"/api/v1/builds/{self.build_id}/events", Last_Event_ID="99999")[-1][1], "end")

    def test_console_lines_by_pages(self):
        log = f"/api/v1/executions/{self.execution()}/log"
        page = self.json(log + "?offset=2990&limit=5")
        self.assertEqual([line["text"] for line in page["lines"]], [f"line {i}" for i in range(2991, 2996)])
        self.assertEqual((page["nextOffset"], page["totalLines"], page["more"], page["running"]),
                         ("2995", "3001", True, False))
        self.assertEqual(self.json(log + "?offset=5000")["lines"], [])

    def test_console_search_is_over_the_whole_console(self):
        log = f"/api/v1/executions/{self.execution()}/log"
        found = self.json(log + "?search=needle")["lines"]
        self.assertEqual([(line["text"], line["stream"]) for line in found], [("Needle <b>[31m", "STREAM_STDERR")])
        found = self.json(log + "?search=%5Eline%20.00%24&regex=1")["lines"]
        self.assertEqual([line["number"] for line in found], [str(i * 100) for i in range(1, 10)])
        self.assertIn("search", self.json(log + "?search=%5B&regex=true", status=400)["detail"])

    def test_console_as_text_and_as_events(self):
        log = f"/api/v1/executions/{self.execution()}/log"
        status, fields, body = self.request("GET", log + "?download=1")
        self.assertEqual((status, len(body.splitlines())), (200, 3001))
        self.assertIn("attachment", fields["Content-Disposition"])
        events = self.events(log + "/stream")
        self.assertEqual(events[-1][1], "end")
        self.assertEqual([number for number, kind, _ in events if kind == "log"],
                         [str(i) for i in range(len(events) - 1)])
        self.assertEqual(self.events(log + "/stream", Last_Event_ID="0"), events[1:])

    def test_what_is_wrong_is_a_problem(self):
        self.assertEqual(self.json("/api/v1/builds/4711", status=404)["code"], "NOT_FOUND")
        self.assertIn("build_id", self.json("/api/v1/builds/x", status=400)["detail"])
        self.assertIn("pagesize", self.json("/api/v1/builds?pagesize=3", status=400)["detail"])
        self.assertIn("twice", self.json("/api/v1/builds?page_size=3&page_size=4", status=400)["detail"])
        self.json("/api/v1/builds?page_size=99999999999", status=400)
        self.json("/api/v1/packages/compiled?order=BEST", status=400)
        self.json("/api/v1/packages/compiled?platform=linux/arm64&order=ORDER_NAME")
        self.json("/api/v1/nothing", status=404)
        self.json("/api/v1/builds/", status=404)
        status, fields, _ = self.request("DELETE", "/api/v1/builds/1")
        self.assertEqual((status, fields["Allow"]), (405, "GET, HEAD"))
        self.assertIn("body", self.json("/api/v1/builds/1/cancel", status=400, verb="POST", body="{\"x\": 1}")["detail"])

    def test_head_has_the_fields_and_no_body(self):
        status, fields, body = self.request("HEAD", f"/api/v1/builds/{self.build_id}")
        self.assertEqual((status, body), (200, b""))
        self.assertGreater(int(fields["Content-Length"]), 100)

    def test_who_has_an_answer_is_not_sent_it_again(self):
        for path in ("/api/v1/builds", f"/api/v1/builds/{self.build_id}", f"/api/v1/builds/{self.build_id}/recipe",
                     f"/api/v1/builds/{self.build_id}/statements", "/api/v1/images", "/api/v1/openapi.json"):
            with self.subTest(path):
                status, fields, body = self.request("GET", path)
                self.assertEqual((status, fields["Cache-Control"]), (200, "private, no-cache"))
                status, again, nothing = self.request("GET", path, If_None_Match=f'"other", W/{fields["ETag"]}')
                self.assertEqual((status, again["ETag"], nothing), (304, fields["ETag"], b""))
                self.assertEqual(self.request("GET", path, If_None_Match='"other"')[2], body)
        self.assertEqual(self.request("GET", "/api/v1/builds", token=False, If_None_Match="*")[0], 401)

    def test_metrics_in_both_forms_and_the_dashboard_of_them(self):
        asked = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
        status, fields, body = self.request("GET", "/metrics", Accept=asked)
        self.assertEqual((status, fields["Content-Type"]), (200, "application/openmetrics-text; version=1.0.0; charset=utf-8"))
        self.assertTrue(body.endswith(b"\n# EOF\n"))
        self.assertIn(b"# TYPE crossmill_builds counter\n", body)
        families = set(re.findall(r"^# TYPE (\S+) ", self.request("GET", "/metrics")[2].decode(), re.M))
        dashboard = (farm.ROOT / "deploy/grafana-dashboard.json").read_text()
        queries = [target["expr"] for panel in json.loads(dashboard)["panels"] for target in panel["targets"]]
        named = {name for query in queries for name in re.findall(r"(?:crossmill|process)_[a-z_]+", query)}
        # Samples of a histogram have ends to the name of its family.
        named = {re.sub("_(?:bucket|sum|count)$", "", name) if name not in families else name for name in named}
        self.assertEqual(named, families, "what is asked for is served, and what is served is shown")

    def test_metrics_and_health(self):
        status, _, body = self.request("GET", "/metrics")
        self.assertEqual(status, 200)
        self.assertRegex(body.decode(), r'crossmill_builds_total\{outcome="succeeded"\} \d')
        self.assertIn("crossmill_workers_connected 1\n", body.decode())
        # An autoscaler's numbers are there before anybody asks for the platform.
        self.assertIn('crossmill_queue_depth{platform="linux/arm64"} 0\n', body.decode())
        samples = dict(re.findall(r"^(crossmill_\S+) (\S+)$", body.decode(), re.M))
        amd64 = 'platform="linux/amd64"'
        self.assertGreaterEqual(int(samples['crossmill_step_executions_total{%s,outcome="succeeded"}' % amd64]), 1)
        self.assertGreaterEqual(int(samples['crossmill_step_cache_total{%s,result="miss"}' % amd64]), 1)
        self.assertEqual(samples['crossmill_platform_workers_connected{%s,execution="native"}' % amd64], "1")
        self.assertGreaterEqual(int(samples["crossmill_build_duration_seconds_count"]), 1)
        self.assertEqual(samples['crossmill_build_duration_seconds_bucket{le="+Inf"}'], samples["crossmill_build_duration_seconds_count"])
        self.assertGreater(int(samples['crossmill_blob_bytes_total{direction="received"}']), 0)
        numbers = dict(re.findall(r"^(process_\w+) (\S+)$", body.decode(), re.M))
        self.assertGreater(int(numbers["process_resident_memory_bytes"]), 1 << 20)
        self.assertGreater(float(numbers["process_cpu_seconds_total"]), 0)
        self.assertLess(int(numbers["process_open_fds"]), float(numbers["process_max_fds"]))
        self.assertLess(abs(time.time() - float(numbers["process_start_time_seconds"])), 3600)
        self.assertEqual(self.request("GET", "/metrics", token=False)[0], 401)
        self.assertEqual(self.request("GET", "/livez", token=False)[0], 200)
        self.assertEqual(self.request("GET", "/readyz", token=False)[0], 200)

    def test_doctor_looks_at_the_farm(self):
        result = self.farm.cli("doctor", "--json")
        checks = json.loads(result.stdout)
        found = {check["name"]: check for check in checks}
        for name in ("coordinator", "clock of the coordinator", "disk of the coordinator", "queue", "backup", "workers", "platforms"):
            self.assertIn(name, found, result.stdout + result.stderr)
        for name in ("coordinator", "clock of the coordinator", "workers", "platforms"):
            self.assertEqual((found[name]["level"], found[name]["fix"]), ("ok", None), found[name])
        self.assertEqual(result.returncode, 5 if any(check["level"] == "fail" for check in checks) else 0)
        # A farm that is not there is one finding, and the machine was looked at all the same.
        away = self.farm.cli("--coordinator", "unix:/nonexistent/coordinator.sock", "doctor")
        self.assertEqual(away.returncode, 5)
        self.assertRegex(away.stdout, "(?m)^fail  coordinator: ")
        self.assertRegex(away.stdout, "(?m)^ok    kernel: ")

    def test_retry_submits_again(self):
        path = f"/api/v1/builds/{self.build_id}/retry"
        first = self.json(path, status=201, verb="POST", Idempotency_Key="k1")
        again = self.json(path, status=201, verb="POST", Idempotency_Key="k1")
        self.assertEqual((again["buildId"], again["existing"]), (first["buildId"], True))
        self.assertEqual(self.events(f"/api/v1/builds/{first['buildId']}/events")[-1][1], "end")
        retried = self.json(f"/api/v1/builds/{first['buildId']}")
        self.assertEqual(retried["status"], "BUILD_STATUS_SUCCEEDED")

    def test_what_was_submitted_can_be_submitted(self):
        submission = self.json(f"/api/v1/builds/{self.build_id}/submission")
        body = json.dumps({"submission": submission})
        built = self.json("/api/v1/builds", status=201, verb="POST", body=body, Idempotency_Key="k2")
        self.assertEqual(self.events(f"/api/v1/builds/{built['buildId']}/events")[-1][1], "end")
        submission["options"]["verify"] = 2
        self.json("/api/v1/builds", status=409, verb="POST", body=json.dumps({"submission": submission}),
                  Idempotency_Key="k2")
        # Without a context: the empty folder.
        empty = {"hash": hashlib.sha256(b"").hexdigest(), "sizeBytes": "0"}
        submission = {"options": submission["options"] | {"verify": 0}, "recipe": {
            "dockerfile": base64.b64encode(b"FROM tiny\nRUN true\n").decode(), "dockerfileName": "Dockerfile",
            "contextRoot": empty}}
        status, _, answer = self.request("POST", "/api/v1/builds", json.dumps({"submission": submission}))
        self.assertEqual(status, 201, answer)
        self.assertEqual(self.events(f"/api/v1/builds/{json.loads(answer)['buildId']}/events")[-1][1], "end")

    def submit_with_curl(self, recipe, *platforms, token=None):
        farm.require_program("curl", "bash")
        self.dockerfile(recipe)
        return subprocess.run(
            [farm.ROOT / "scripts/submit-with-curl", f"http://127.0.0.1:{HTTP_PORT}", self.context / "Dockerfile", *platforms],
            env={**os.environ, "CROSSMILL_TOKEN": token or self.farm.client_token}, capture_output=True, text=True, timeout=120)

    def test_submit_with_curl(self):
        own = f"linux/{farm.tiny_base.machine_architecture()}"
        result = self.submit_with_curl("FROM tiny\nRUN echo by-curl\n", own)
        self.assert_exit(result, 0)
        self.assertRegex(result.stdout, r"^build \d+\nBUILD_STATUS_SUCCEEDED\n$")
        self.assert_exit(self.submit_with_curl("FROM tiny\nRUN false\n", own), 1)
        refused = self.submit_with_curl("FROM\n", own)
        self.assert_exit(refused, 1)
        self.assert_says(refused, "Dockerfile:1")
        self.assert_says(self.submit_with_curl("FROM tiny\n", own, token="cm-none"), "UNAUTHENTICATED")


class Running(HttpCase):
    def test_a_running_build_is_followed_and_cancelled(self):
        self.dockerfile("FROM tiny\nRUN echo begun; sleep 300\n")
        process = self.farm.start_build(self.context, "--network", "none")
        self.addCleanup(process.communicate)
        farm.wait_for(lambda: self.json("/api/v1/builds?page_size=1")["builds"], "the submission")
        build = self.json("/api/v1/builds?page_size=1")["builds"][0]["id"]
        farm.wait_for(lambda: self.json("/api/v1/status")["tasksRunning"] == "1", "the step's start")
        with_log = self.events(f"/api/v1/builds/{build}/events?logs=1", most=6)
        self.assertTrue(any(kind == "event" for _, kind, _ in with_log))
        self.json(f"/api/v1/builds/{build}/cancel", verb="POST", body="")
        self.assertEqual(self.events(f"/api/v1/builds/{build}/events")[-1][1], "end")
        self.assertEqual(self.json(f"/api/v1/builds/{build}")["status"], "BUILD_STATUS_CANCELLED")

    def test_shutdown_ends_streams(self):
        self.dockerfile("FROM tiny\nRUN sleep 301\n")
        process = self.farm.start_build(self.context, "--network", "none")
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        farm.wait_for(lambda: self.json("/api/v1/status")["tasksRunning"] == "1", "the step's start")
        build = self.json("/api/v1/builds?page_size=1")["builds"][0]["id"]
        connection = http.client.HTTPConnection("127.0.0.1", HTTP_PORT, timeout=30)
        self.addCleanup(connection.close)
        connection.request("GET", f"/api/v1/builds/{build}/events",
                           headers={"Authorization": f"Bearer {self.farm.client_token}"})
        response = connection.getresponse()
        begun = time.monotonic()
        self.farm.coordinator.terminate()
        try:
            response.read()
        except http.client.IncompleteRead:
            pass
        self.assertEqual(self.farm.coordinator.wait(timeout=20), 0)
        self.assertLess(time.monotonic() - begun, 15)
        self.farm.start_coordinator()
        self.json(f"/api/v1/builds/{build}/cancel", verb="POST", body="")


class Strangers(HttpCase):
    def test_nothing_without_a_token(self):
        self.json("/api/v1/builds", status=401, token=False)
        self.json("/api/v1/builds", status=403, Authorization=f"Bearer {self.farm.worker_token}")
        status, fields, _ = self.request("GET", "/api/v1/workers", token=False)
        self.assertEqual((status, fields["WWW-Authenticate"]), (401, "Bearer"))

    def test_a_link_opens_one_session(self):
        link = self.farm.cli("page")
        self.assert_exit(link, 0)
        address, path = re.fullmatch(r"(http://127.0.0.1:\d+)(/\?token=\S+)\n", link.stdout).groups()
        status, fields, _ = self.request("GET", path, token=False)
        self.assertEqual((status, fields["Location"]), (303, "/"))
        cookie = fields["Set-Cookie"]
        self.assertRegex(cookie, rf"^crossmill_session_{HTTP_PORT}=\S+; Path=/; HttpOnly; SameSite=Strict; Max-Age=\d+$")
        self.assertEqual(self.request("GET", path, token=False)[0], 401, "it is good once")
        session = {"Cookie": f"other=1; {cookie.split(';')[0]}", "token": False}
        self.json("/api/v1/workers", **session)
        self.json("/api/v1/workers", **{**session, "Cookie": session["Cookie"][:-1] + "x"}, status=401)
        # Only our own page may change something.
        cancel = {"verb": "POST", "body": "", **session}
        self.json("/api/v1/builds/4711/cancel", status=403, **cancel)
        self.json("/api/v1/builds/4711/cancel", status=403, Origin="http://evil.example", **cancel)
        self.json("/api/v1/builds/4711/cancel", status=403, Origin="http://127.0.0.1:1", **cancel)
        self.json("/api/v1/builds/4711/cancel", status=403, Origin=address, Sec_Fetch_Site="same-site", **cancel)
        self.json("/api/v1/builds/4711/cancel", status=404, Origin=address, Sec_Fetch_Site="same-origin", **cancel)
        # A session outlives the process.
        self.farm.kill_coordinator()
        self.farm.start_coordinator()
        self.json("/api/v1/workers", **session)

    def test_a_token_opens_a_session_too(self):
        status, fields, _ = self.request("GET", f"/?token={self.farm.client_token}", token=False)
        self.assertEqual(status, 303)
        self.json("/api/v1/workers", token=False, Cookie=fields["Set-Cookie"].split(";")[0])
        self.assertEqual(self.request("GET", "/?token=cm-wrong", token=False)[0], 401)

    def test_other_names_are_refused(self):
        for host in ("evil.example", f"evil.example:{HTTP_PORT}", "127.0.0.1.evil.example", "localhost@evil", "", "[::1"):
            with self.subTest(host):
                self.json("/api/v1/version", status=403, Host=host)
        for host in ("localhost", "localhost:1234", "127.0.0.1", "[::1]:80", "LOCALHOST"):
            with self.subTest(host):
                self.json("/api/v1/version", Host=host)

    def test_hostile_requests(self):
        self.assertTrue(self.raw(b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400"))
        self.assertTrue(self.raw(b"GET / HTTP/1.1\r\nA: " + b"x" * 70000 + b"\r\n\r\n").startswith(b"HTTP/1.1 431"))
        self.assertTrue(self.raw(b"GET / HTTP/1.1\r\nHost: a\r\nHost: localhost\r\n\r\n").startswith(b"HTTP/1.1 403"))
        self.assertIn(b"401", self.raw(b"GET /api/v1/version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                                       b"Authorization: Bearer \xff\xfe\x80\r\n\r\n").split(b"\r\n")[0])
        big = self.raw(b"POST /api/v1/builds/1/cancel HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n"
                       b"Authorization: Bearer " + self.farm.client_token.encode() + b"\r\n\r\n")
        self.assertTrue(big.startswith(b"HTTP/1.1 413"), big)
        for path in ("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/a%00b"):
            status, fields, body = self.request("GET", path)
            self.assertNotIn(b"root:", body)
            self.assertIn(status, (200, 404))
        # Two requests in one packet are two answers.
        two = self.raw(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
                       b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        self.assertEqual(two.count(b"HTTP/1.1 200"), 2)
        self.assertEqual(self.request("GET", "/livez")[0], 200)

    def test_x_wrong_tokens_are_slowed_down(self):
        statuses = [self.request("GET", "/api/v1/version", Authorization=f"Bearer wrong{i}")[0] for i in range(14)]
        self.assertIn(429, statuses)
        self.assertEqual(self.request("GET", "/api/v1/version")[0], 200, "the good one goes on")


class Roles(HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tokens = {role: cls.farm.token(role, role) for role in ("read", "submit", "operate")}
        # Tokens are read at the start.
        cls.farm.kill_coordinator()
        cls.farm.start_coordinator()
        cls.farm.wait_for_workers(1)

    def bearer(self, role):
        return {"Authorization": f"Bearer {self.tokens[role]}"}

    def session(self, role):
        link = self.farm.cli("page", "--role", role)
        self.assert_exit(link, 0)
        path = re.fullmatch(r"http://127.0.0.1:\d+(/\?token=\S+)\n", link.stdout).group(1)
        _, fields, _ = self.request("GET", path, token=False)
        return {"Cookie": fields["Set-Cookie"].split(";")[0], "token": False, "Origin": f"http://127.0.0.1:{HTTP_PORT}"}

    def test_each_token_may_what_its_role_says(self):
        for role, cancels, drains in (("read", 403, 403), ("submit", 404, 403), ("operate", 404, 404)):
            for caller in (self.bearer(role), self.session(role)):
                with self.subTest(role, caller=list(caller)):
                    self.assertEqual(self.json("/api/v1/session", **caller)["role"], f"ACCESS_{role.upper()}")
                    self.json("/api/v1/workers", **caller)
                    refused = self.json("/api/v1/builds/4711/cancel", status=cancels, verb="POST", body="", **caller)
                    if cancels == 403:
                        self.assertIn("needs the role submit", refused["detail"])
                    self.json("/api/v1/workers/none/drain", status=drains, verb="POST", body="", **caller)

    def test_a_reader_brings_no_content(self):
        self.dockerfile("FROM tiny\nRUN echo a reader\n")
        result = subprocess.run([farm.BIN / "crossmill", "build", "--network", "none", self.context],
                                env={**os.environ, "CROSSMILL_COORDINATOR": f"127.0.0.1:{self.farm.port}",
                                     "CROSSMILL_TOKEN": self.tokens["read"], "XDG_CACHE_HOME": str(self.farm.folder / "cache")},
                                capture_output=True, text=True, timeout=60)
        self.assert_exit(result, 4)
        self.assert_says(result, "needs the role submit")

    def test_a_reader_takes_what_there_is(self):
        saved = self.farm.folder / "tiny.tar"
        result = subprocess.run([farm.BIN / "crossmill", "image", "save", "tiny", "-o", saved],
                                env={**os.environ, "CROSSMILL_COORDINATOR": f"127.0.0.1:{self.farm.port}",
                                     "CROSSMILL_TOKEN": self.tokens["read"], "XDG_CACHE_HOME": str(self.farm.folder / "cache")},
                                capture_output=True, text=True, timeout=60)
        self.assert_exit(result, 0)
        self.assertGreater(saved.stat().st_size, 100_000)

    def test_a_reader_is_refused_before_a_context_comes(self):
        with socket.create_connection(("127.0.0.1", HTTP_PORT), timeout=20) as connection:
            connection.sendall((f"POST /api/v1/submissions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=b\r\n"
                                f"Content-Length: 1000000000\r\nAuthorization: Bearer {self.tokens['read']}\r\n\r\n--b\r\n").encode())
            answer = connection.recv(65536)
        self.assertIn(b"HTTP/1.1 403", answer)
        self.assertIn(b"needs the role submit", answer)

    def test_a_drained_worker_gets_nothing_until_it_is_undrained(self):
        drained = self.farm.cli("worker", "drain", "w1")
        self.assert_exit(drained, 0)
        self.assert_exit(self.farm.cli("worker", "drain", "nobody"), 2)
        # Over a restart of both.
        self.farm.kill_coordinator()
        self.farm.start_coordinator()
        self.farm.kill_worker("w1")
        self.farm.start_worker("w1")
        self.farm.wait_for_workers(1)
        worker, = self.json("/api/v1/workers")["workers"]
        self.assertEqual((worker["drained"], worker["draining"]), (True, True))
        self.dockerfile("FROM tiny\nRUN echo drained\n")
        build = self.farm.start_build(self.context, "--network", "none")
        self.addCleanup(build.communicate)
        farm.wait_for(lambda: self.json("/api/v1/status")["tasksQueued"] == "1", "the task's place in the queue")
        time.sleep(1)
        self.assertEqual(self.json("/api/v1/status")["tasksRunning"], "0")
        self.json("/api/v1/workers/w1/undrain", verb="POST", body="")
        self.assertEqual(build.wait(60), 0)
        self.assertFalse(self.json("/api/v1/workers")["workers"][0]["drained"])


class Page(HttpCase):
    def test_the_page_or_words_that_it_is_not_there(self):
        status, fields, body = self.request("GET", "/", token=False)
        self.assertEqual(status, 200)
        self.assertEqual(fields["Content-Type"], "text/html; charset=utf-8")
        self.assertIn("frame-ancestors 'none'", fields["Content-Security-Policy"])
        if b"built without its page" in body:
            return
        self.assertEqual(self.request("GET", "/builds/7", token=False)[2], body, "views have addresses")
        self.assertEqual(gzip.decompress(self.request("GET", "/", token=False, Accept_Encoding="gzip")[2]), body)
        self.assertEqual(self.request("GET", "/", token=False, If_None_Match=fields["ETag"])[0], 304)


del HttpCase
if __name__ == "__main__":
    farm.main()
