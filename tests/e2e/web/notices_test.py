#!/usr/bin/env python3
"""What a farm tells those who do not look: feeds, badges and webhooks, with a real receiver on the loopback."""
import base64
import hashlib
import hmac
import http.client
import http.server
import json
import pathlib
import re
import sys
import threading
import urllib.parse
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import farm

HTTP_PORT = farm.free_port()
ATOM = "{http://www.w3.org/2005/Atom}"


class Receiver:
    """Takes webhooks as Standard Webhooks says, with a check of the signature that shares no code with the farm's."""

    def __init__(self, port, answers=()):
        self.taken, self.seen = [], []
        self.answers = list(answers)
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.seen.append((self.path, dict(self.headers), body))
                status = receiver.answers.pop(0) if receiver.answers else 204
                if status < 300:
                    receiver.taken.append((dict(self.headers), json.loads(body)))
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def signature(secret, headers, body):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class NoticesCase(farm.FarmTestCase):
    farm_options = {"workers": 1, "coordinator_options": ["--http", f"127.0.0.1:{HTTP_PORT}", "--webhook-allow", "127.0.0.0/8"]}

    def get(self, path, token=True, **fields):
        connection = http.client.HTTPConnection("127.0.0.1", HTTP_PORT, timeout=60)
        self.addCleanup(connection.close)
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        if token:
            headers.setdefault("Authorization", f"Bearer {self.farm.client_token}")
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read()

    def build_of(self, name, good=True):
        """A build of that name; `good`: it succeeds."""
        self.dockerfile(f"FROM tiny\nRUN echo {name}; {'true' if good else 'false'}\n")
        result = self.farm.build(self.context, "--network", "none", "--no-cache", "-t", name)
        self.assert_exit(result, 0 if good else 1)

    def badge(self, path, text, **more):
        """An answer that has the text. A build is told as built before its end is on record."""
        farm.wait_for(lambda: text in self.get(path, **more)[2], f"{text} in {path}")
        return self.get(path, **more)

    def receiver(self, port=0, **options):
        receiver = Receiver(port, **options)
        self.addCleanup(receiver.close)
        return receiver

    def add_hook(self, port, *arguments, path="/hook"):
        added = self.farm.cli("webhook", "add", f"http://127.0.0.1:{port}{path}", "--json", *arguments)
        self.assert_exit(added, 0)
        hook = json.loads(added.stdout)
        self.addCleanup(self.farm.cli, "webhook", "rm", hook["id"])
        return hook

    def deliveries(self, hook):
        listed = self.farm.cli("webhook", "deliveries", hook["id"], "--json")
        self.assert_exit(listed, 0)
        return json.loads(listed.stdout)


class Feeds(NoticesCase):
    def entries(self, path):
        status, fields, body = self.get(path)
        self.assertEqual((status, fields["Content-Type"]), (200, "application/atom+xml; charset=utf-8"), body)
        feed = ElementTree.fromstring(body)
        self.check_atom(feed)
        return feed, feed.findall(f"{ATOM}entry")

    def check_atom(self, feed):
        """What RFC 4287 wants of a feed and its entries."""
        self.assertEqual(feed.tag, f"{ATOM}feed")
        one = lambda element, name: self.assertEqual(len(element.findall(ATOM + name)), 1, name)
        for name in ("id", "title", "updated", "author"):
            one(feed, name)
        self.assertTrue(feed.find(f"{ATOM}author/{ATOM}name").text)
        own = [link for link in feed.findall(f"{ATOM}link") if link.get("rel") == "self"]
        self.assertEqual(len(own), 1)
        ids = set()
        for element in [feed, *feed.findall(f"{ATOM}entry")]:
            self.assertRegex(element.find(f"{ATOM}id").text, r"^tag:[0-9a-f]{16}\.farm\.crossmill\.invalid,\d{4}-\d\d-\d\d:[a-z0-9-]+$")
            self.assertRegex(element.find(f"{ATOM}updated").text, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
            ids.add(element.find(f"{ATOM}id").text)
        for entry in feed.findall(f"{ATOM}entry"):
            for name in ("id", "title", "updated"):
                one(entry, name)
            self.assertTrue(entry.find(f"{ATOM}link").get("href").startswith(f"http://127.0.0.1:{HTTP_PORT}/#builds/"))
        self.assertEqual(len(ids), 1 + len(feed.findall(f"{ATOM}entry")))

    def test_a_feed_has_changes_and_not_builds(self):
        feed, entries = self.entries("/api/v1/feed?name=feeds/app")
        self.assertEqual(entries, [])
        self.build_of("feeds/app")
        self.build_of("feeds/app")
        self.build_of("feeds/app", good=False)
        self.build_of("feeds/other")
        self.badge("/api/v1/feed?name=feeds/other", b"succeeded")
        self.badge("/api/v1/feed?name=feeds/app", b"failed")
        feed, entries = self.entries("/api/v1/feed?name=feeds/app:latest")
        titles = [entry.find(f"{ATOM}title").text for entry in entries]
        self.assertEqual([title.split(": ")[1] for title in titles], ["succeeded → failed", "succeeded"])
        everything, all_entries = self.entries("/api/v1/feed")
        self.assertGreaterEqual(len(all_entries), 3)
        self.assertNotEqual(feed.find(f"{ATOM}id").text, everything.find(f"{ATOM}id").text)
        # Readers ask again and again.
        status, fields, _ = self.get("/api/v1/feed?name=feeds/app")
        self.assertEqual(self.get("/api/v1/feed?name=feeds/app", If_None_Match=fields["ETag"])[0], 304)
        # Ids stay over restarts.
        before = [entry.find(f"{ATOM}id").text for entry in all_entries]
        self.farm.kill_coordinator()
        self.farm.start_coordinator()
        self.farm.wait_for_workers(1)
        self.assertEqual([entry.find(f"{ATOM}id").text for entry in self.entries("/api/v1/feed")[1]], before)
        self.assertEqual(self.get("/api/v1/feed", token=False)[0], 401)
        login = base64.b64encode(f"reader:{self.farm.client_token}".encode()).decode()
        self.assertEqual(self.get("/api/v1/feed", token=False, Authorization=f"Basic {login}")[0], 200)
        changes = json.loads(self.get("/api/v1/changes?name=feeds/app")[2])["changes"]
        self.assertEqual([change["status"] for change in changes], ["BUILD_STATUS_FAILED", "BUILD_STATUS_SUCCEEDED"])

    def test_badges_say_what_stands(self):
        self.build_of("badges/app")
        status, fields, body = self.badge("/api/v1/badges/build.svg?name=badges/app", b"passing")
        self.assertEqual((status, fields["Content-Type"], fields["Cache-Control"]), (200, "image/svg+xml", "private, max-age=60"))
        self.assertEqual(fields["Cross-Origin-Resource-Policy"], "same-origin")
        picture = ElementTree.fromstring(body)
        self.assertEqual(picture.get("aria-label"), "build: passing")
        self.assertEqual(self.get("/api/v1/badges/build.svg?name=badges/app", If_None_Match=fields["ETag"])[0], 304)
        self.build_of("badges/app", good=False)
        own = f"linux/{farm.tiny_base.machine_architecture()}"
        self.badge(f"/api/v1/badges/build.svg?name=badges/app&platform={own}", b"failed")
        self.assertIn(b"verdict: unverified", self.get("/api/v1/badges/verdict.svg?name=badges/app")[2])
        hostile = urllib.parse.quote("<script>alert(1)</script>")
        self.assertNotIn(b"<script", self.get(f"/api/v1/badges/build.svg?name={hostile}")[2])
        self.assertEqual(self.get("/api/v1/badges/build.svg")[0], 400)
        self.assertEqual(self.get("/api/v1/badges/build.svg?name=badges/app", token=False)[0], 401)


class Webhooks(NoticesCase):
    def test_a_receiver_gets_each_change_once_and_can_check_it(self):
        receiver = self.receiver()
        hook = self.add_hook(receiver.server.server_port, "--names", "hooks/*")
        self.assertTrue(hook["secret"].startswith("whsec_"))
        self.build_of("other/app")
        self.build_of("hooks/app")
        self.build_of("hooks/app")
        self.build_of("hooks/app", good=False)
        farm.wait_for(lambda: len(receiver.taken) == 2, "two deliveries")
        for path, headers, body in receiver.seen:
            self.assertEqual(path, "/hook")
            self.assertEqual(headers["webhook-signature"], signature(hook["secret"], headers, body))
            self.assertNotEqual(headers["webhook-signature"], signature(hook["secret"], headers, body + b" "))
        changes = [body["data"] for _, body in receiver.taken]
        self.assertEqual([(change["name"], change["status_before"], change["status"]) for change in changes],
                         [("hooks/app", None, "succeeded"), ("hooks/app", "succeeded", "failed")])
        listed = self.deliveries(hook)
        self.assertEqual([row["state"] for row in listed], ["delivered", "delivered"])
        # Nobody is told the secret again.
        self.assertNotIn(hook["secret"], self.farm.cli("webhook", "ls", "--json").stdout)
        self.assertNotIn(hook["secret"].encode(), self.get("/api/v1/webhooks")[2])
        # Once more, under the same id.
        self.assert_exit(self.farm.cli("webhook", "redeliver", listed[0]["id"]), 0)
        farm.wait_for(lambda: len(receiver.taken) == 3, "the delivery asked for")
        self.assertEqual(receiver.taken[1][0]["webhook-id"], receiver.taken[2][0]["webhook-id"])

    def test_who_is_down_gets_it_later_and_a_restart_loses_none(self):
        port = farm.free_port()
        hook = self.add_hook(port, "--names", "down/app")
        self.build_of("down/app")
        farm.wait_for(lambda: self.deliveries(hook)[0]["attempts"] >= 1, "an attempt in vain")
        waits = self.deliveries(hook)[0]
        self.assertEqual((waits["state"], waits["answer"]), ("pending", None))
        self.assertTrue(waits["problem"])
        self.farm.kill_coordinator()
        receiver = self.receiver(port, answers=[500])
        self.farm.start_coordinator()
        self.farm.wait_for_workers(1)
        farm.wait_for(lambda: len(receiver.seen) == 1, "the second attempt, 5 s after the first")
        farm.wait_for(lambda: self.deliveries(hook)[0]["answer"] == 500, "what came of it")
        self.assert_exit(self.farm.cli("webhook", "redeliver", waits["id"]), 0)
        farm.wait_for(lambda: self.deliveries(hook)[0]["state"] == "delivered", "the third")
        self.assertEqual(len({headers["webhook-id"] for _, headers, _ in receiver.seen}), 1)

    def test_redirects_are_not_followed(self):
        receiver = self.receiver(answers=[302])
        hook = self.add_hook(receiver.server.server_port, "--names", "redirected/app")
        self.build_of("redirected/app")
        farm.wait_for(lambda: self.deliveries(hook)[0]["attempts"] >= 1, "an attempt")
        self.assertIn("redirects are not followed", self.deliveries(hook)[0]["problem"])
        self.assertEqual([path for path, _, _ in receiver.seen], ["/hook"])

    def test_what_is_no_webhook_is_refused_with_a_reason(self):
        for url, reason in (("ftp://example.org/", "url"), ("http://user:word@example.org/", "login"), ("nonsense", "url")):
            refused = self.farm.cli("webhook", "add", url)
            self.assert_exit(refused, 2)
            self.assert_says(refused, reason)
        self.assert_exit(self.farm.cli("webhook", "rm", "4711"), 2)
        self.assert_exit(self.farm.cli("webhook", "deliveries", "4711"), 2)


class Restricted(NoticesCase):
    """As an operator has it who says nothing of webhooks, and that everybody may see badges."""
    farm_options = {"workers": 1, "coordinator_options": ["--http", f"127.0.0.1:{HTTP_PORT}", "--public-badges"]}

    def test_nothing_is_delivered_to_the_machine_itself(self):
        receiver = self.receiver()
        hooks = [self.add_hook(receiver.server.server_port, "--names", "private/app"),
                 json.loads(self.farm.cli("webhook", "add", f"http://localhost:{receiver.server.server_port}/", "--names",
                                          "private/app", "--json").stdout)]
        self.build_of("private/app")
        for hook in hooks:
            farm.wait_for(lambda: self.deliveries(hook)[0]["attempts"] >= 1, "an attempt")
            self.assertRegex(self.deliveries(hook)[0]["problem"], re.escape("--webhook-allow"))
        self.assertEqual(receiver.seen, [])

    def test_badges_can_be_seen_and_shown_by_everybody(self):
        self.build_of("public/app")
        status, fields, body = self.badge("/api/v1/badges/build.svg?name=public/app", b"passing", token=False)
        self.assertEqual((status, fields["Cross-Origin-Resource-Policy"], fields["Cache-Control"]),
                         (200, "cross-origin", "public, max-age=60"), body)
        self.assertIn(b"unknown", self.get("/api/v1/badges/build.svg?name=nobody", token=False)[2])
        # And nothing else.
        for path in ("/api/v1/feed", "/api/v1/states", "/api/v1/changes", "/api/v1/builds"):
            self.assertEqual(self.get(path, token=False)[0], 401, path)


del NoticesCase
if __name__ == "__main__":
    farm.main()
