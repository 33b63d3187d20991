#!/usr/bin/env python3
"""Hostile requests to the HTTP door, as bytes."""
import json
import re
import socket
import time

from corpus import Case, HostileTest, corpus
import farm
from farm import main

TOKEN = "@TOKEN@"
SESSION = "@SESSION@"


def get(path, *fields, verb="GET", host="localhost", token=True, body=b"", version="1.1"):
    """A request as bytes; `fields` are lines."""
    lines = [f"{verb} {path} HTTP/{version}", *([f"Host: {host}"] if host is not None else []), "Connection: close",
             *([f"Authorization: Bearer {TOKEN}"] if token else []), *fields]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def post(path, body, *fields, kind="application/json", length=None, **more):
    return get(path, f"Content-Type: {kind}", f"Content-Length: {len(body) if length is None else length}", *fields, verb="POST",
               body=body, **more)


def deep(depth):
    return b'{"a":' * depth + b"1" + b"}" * depth


BUILDS = "/api/v1/builds"
CASES = [
    Case("path-up", "GET /../../../../etc/passwd", "files of the page are in the program", r"^HTTP/1.1 (200|400|404)", get("/../../../../etc/passwd"), sentence="the page, or 404"),
    Case("path-up-escaped", "GET /assets/..%2f..%2f..%2fetc%2fpasswd", "files of the page are in the program", r"HTTP/1\.1 404 Not Found there is no such (file|path)", get("/assets/..%2f..%2f..%2fetc%2fpasswd")),
    Case("path-up-twice-escaped", "GET /assets/%252e%252e/%252e%252e/etc/passwd", "files of the page are in the program", r"^HTTP/1.1 (200|400|404)", get("/assets/%252e%252e/%252e%252e/etc/passwd"), sentence="the page, or 404"),
    Case("path-with-nul", "GET /index.html%00.css", "files of the page are in the program", r"HTTP/1\.1 404 Not Found there is no such (file|path)", get("/index.html%00.css")),
    Case("path-of-64-kB", "a path of 64 kB", "largest head of a request", r"HTTP/1\.1 431 Request Header Fields Too Large the head of the request is too large", get("/" + "a" * 65536)),
    Case("query-of-64-kB", "a query of 64 kB", "largest head of a request", r"HTTP/1\.1 431 Request Header Fields Too Large the head of the request is too large", get(BUILDS + "?filter=" + "a" * 65536)),
    Case("field-of-64-kB", "a field of 64 kB", "largest head of a request", r"HTTP/1\.1 431 Request Header Fields Too Large the head of the request is too large", get(BUILDS, "X-Hostile: " + "a" * 65536)),
    Case("fields-by-thousands", "5,000 fields", "largest head of a request", r"HTTP/1\.1 431 Request Header Fields Too Large the head of the request is too large", get(BUILDS, *[f"X-{i}: y" for i in range(5000)])),
    Case("field-without-colon", "a field without a colon", "the HTTP parser", r"HTTP/1\.1 400 Bad Request the request is none that can be read: bad field", get(BUILDS, "hostile")),
    Case("field-folded", "a field that goes on in the next line", "the HTTP parser", r"400|200", get(BUILDS, "X-A: b\r\n c")),
    Case("line-feeds-only", "lines that end in line feeds", "the HTTP parser", r"HTTP/1\.1 400 Bad Request the request is none that can be read: bad version", b"GET /livez HTTP/1.1\nHost: localhost\n\n"),
    Case("no-version", "HTTP/0.9", "the HTTP parser", r"HTTP/1\.1 400 Bad Request the request is none that can be read: bad target", b"GET /livez\r\n\r\n"),
    Case("version-of-nothing", "HTTP/9.9", "the HTTP parser", r"HTTP/1\.1 400 Bad Request the request is none that can be read: bad version", get("/livez", version="9.9")),
    Case("verb-of-nothing", "a verb that is none", "the table of routes", r"HTTP/1\.1 405 Method Not Allowed this path is for GET, HEAD, POST", get(BUILDS, verb="HOSTILE")),
    Case("delete-a-build", "DELETE of a build", "the table of routes", r"HTTP/1\.1 405 Method Not Allowed this path is for GET, HEAD", get(BUILDS + "/1", verb="DELETE")),
    Case("trace", "TRACE, which would show fields to scripts", "the table of routes", r"HTTP/1\.1 405 Method Not Allowed only GET and HEAD", get("/livez", verb="TRACE")),
    Case("two-lengths", "two Content-Length that differ: a smuggled request", "the HTTP parser", r"HTTP/1\.1 400 Bad Request the request is none that can be read: multiple Content-Length", post(BUILDS, b"{}", "Content-Length: 500")),
    Case("length-and-chunked", "Content-Length beside chunks: a smuggled request", "the HTTP parser", r"HTTP/1\.1 400 Bad Request the request is none that can be read: bad Transfer-Encoding", post(BUILDS, b"0\r\n\r\n", "Transfer-Encoding: chunked")),
    Case("chunked-twice", "Transfer-Encoding: chunked, identity", "the HTTP parser", r"HTTP/1\.1 400 Bad Request no platform is asked for", get(BUILDS, "Content-Type: application/json", "Transfer-Encoding: chunked, identity", verb="POST", body=b"0\r\n\r\n")),
    Case("chunk-of-exabytes", "a chunk that says it is 2^64-1 bytes", "the HTTP parser, largest body", r"400|413|^$", get(BUILDS, "Content-Type: application/json", "Transfer-Encoding: chunked", verb="POST", body=b"ffffffffffffffff\r\nx"), sentence="(its bytes are waited for as those of every body, and 8 MiB are taken at most)"),
    Case("chunk-not-hex", "a chunk whose size is no number", "the HTTP parser", r"400|413|^$", get(BUILDS, "Content-Type: application/json", "Transfer-Encoding: chunked", verb="POST", body=b"zz\r\nx"), sentence="(the connection is closed at once)"),
    Case("length-of-exabytes", "a JSON body that says it is 2^62 bytes", "largest body", r"HTTP/1\.1 413 Content Too Large the body is larger than 8388608 bytes", post(BUILDS, b"{}", length=1 << 62)),
    Case("length-negative", "Content-Length: -1", "the HTTP parser", r"HTTP/1\.1 400 Bad Request the request is none that can be read: bad Content-Length", post(BUILDS, b"{}", length=-1)),
    Case("length-too-long", "a body that is shorter than it says, and ends", "the connection", r"400|408|^$", post(BUILDS, b"{}", length=100)),
    Case("json-of-megabytes", "a JSON body of 8 MB", "largest body", r"HTTP/1\.1 413 Content Too Large the body is larger than 8388608 bytes|^$", post(BUILDS, b'"' + b"a" * (8 << 20) + b'"')),
    Case("json-deep", "JSON nested 100,000 deep", "depth of JSON", r"HTTP/1\.1 400 Bad Request the body: is no JSON, or has a field or value that does not belong into the request\. ", post(BUILDS, deep(100000))),
    Case("json-deep-lists", "lists nested 100,000 deep", "depth of JSON", r"HTTP/1\.1 400 Bad Request the body: is no JSON, or has a field or value that does not belong into the request\. ", post(BUILDS, b"[" * 100000)),
    Case("json-not-utf8", "JSON that is no UTF-8", "the JSON parser", r"HTTP/1\.1 400 Bad Request the body: is no JSON, or has a field or value that does not belong into the request\. ", post(BUILDS, b'{"idempotencyKey":"\xff\xfe"}')),
    Case("json-twice-the-key", "a key that is there twice", "the JSON parser", r"HTTP/1\.1 400 Bad Request no platform is asked for", post(BUILDS, b'{"submission":{},"submission":{}}')),
    Case("json-unknown-field", "a field that there is not", "the JSON parser", r"HTTP/1\.1 400 Bad Request the body: is no JSON, or has a field or value that does not belong into the request\. ", post(BUILDS, b'{"hostile":1}')),
    Case("json-number-for-ever", "a number of 100,000 digits", "the JSON parser", r"HTTP/1\.1 400 Bad Request the body: is no JSON, or has a field or value that does not belong into the request\. ", post(BUILDS, b'{"submission":{"options":{"verify":' + b"9" * 100000 + b"}}}")),
    Case("form-as-json", "a form, which other sites may send without asking", "media types of bodies", r"HTTP/1\.1 400 Bad Request the body: is no JSON, or has a field or value that does not belong into the request\. ", post(BUILDS, b"a=b", kind="application/x-www-form-urlencoded")),
    Case("text-as-json", "JSON as text/plain, which other sites may send without asking", "media types of bodies", r"HTTP/1\.1 400 Bad Request no platform is asked for", post(BUILDS, b"{}", kind="text/plain")),
    Case("multipart-without-end", "multipart whose boundary never comes", "the multipart reader", r"HTTP/1\.1 400 Bad Request multipart/form-data: the last part has no end", post("/api/v1/submissions", b"--b\r\nContent-Disposition: form-data; name=\"context\"\r\n\r\nxxxx", kind="multipart/form-data; boundary=b")),
    Case("multipart-long-boundary", "a boundary of 10,000 bytes", "the multipart reader", r"HTTP/1\.1 400 Bad Request Content-Type multipart/form-data; boundary=", post("/api/v1/submissions", b"x", kind="multipart/form-data; boundary=" + "b" * 5000)),
    Case("multipart-name-nasty", "a part whose name has quotes and line feeds", "the multipart reader", r"HTTP/1\.1 400 Bad Request there is no part named a", post("/api/v1/submissions", b"--b\r\nContent-Disposition: form-data; name=\"a\\\"\x1b[31m\"\r\n\r\nx\r\n--b--\r\n", kind="multipart/form-data; boundary=b")),
    Case("foreign-host", "Host: evil.example, as after DNS rebinding", "names of the door (`--http-name`)", r"HTTP/1\.1 403 Forbidden the coordinator is not called 'evil\.example'; if it is, start it with --http-name", get(BUILDS, host="evil.example")),
    Case("no-host", "a request without Host", "names of the door", r"HTTP/1\.1 403 Forbidden the coordinator is not called ''; if it is, start it with --http-name", get(BUILDS, host=None)),
    Case("two-hosts", "two Host fields", "the HTTP parser, names of the door", r"HTTP/1\.1 403 Forbidden the coordinator is not called ''; if it is, start it with --http-name", get(BUILDS, "Host: evil.example")),
    Case("host-with-user", "Host: localhost@evil.example", "names of the door", r"HTTP/1\.1 403 Forbidden the coordinator is not called 'localhost@evil\.example'; if it is, start it with --http-", get(BUILDS, host="localhost@evil.example")),
    Case("host-rebound-suffix", "Host: localhost.evil.example", "names of the door", r"HTTP/1\.1 403 Forbidden the coordinator is not called 'localhost\.evil\.example'; if it is, start it with --http-", get(BUILDS, host="localhost.evil.example")),
    Case("absolute-form", "GET http://evil.example/ as to a proxy", "names of the door, the table of routes", r"^HTTP/1.1 (200|400|403|404)", get("http://evil.example/api/v1/builds"), sentence="the page: nothing is asked for elsewhere"),
    Case("connect", "CONNECT 169.254.169.254:80: an open proxy?", "the table of routes", r"HTTP/1\.1 405 Method Not Allowed only GET and HEAD", get("169.254.169.254:80", verb="CONNECT")),
    Case("no-token", "a question without token or session", "roles", r"HTTP/1\.1 401 Unauthorized this address needs a token; give one with --token-file or CROSSMILL_TOKEN", get(BUILDS, token=False)),
    Case("token-in-query", "a token in the query of the API, which logs would keep", "tokens are in a field", r"HTTP/1\.1 400 Bad Request there is no parameter 'token' here", get(BUILDS + f"?token={TOKEN}", token=False)),
    Case("basic-instead", "Authorization: Basic", "roles", r"HTTP/1\.1 401 Unauthorized the token is not known to this coordinator", get(BUILDS, "Authorization: Basic YTpi", token=False)),
    Case("made-up-session", "a session cookie that nobody made", "sessions are signed", r"HTTP/1\.1 401 Unauthorized this address needs a token; give one with --token-file or CROSSMILL_TOKEN", get(BUILDS, "Cookie: crossmill=9999999999.operate.00", token=False)),
    Case("cross-site-post", "a POST with a session from another site's page (CSRF)", "same origin for whoever has a session", r"HTTP/1\.1 403 Forbidden with a session, only the coordinator's own page may change something",
         post(BUILDS + "/1/cancel", b"{}", f"Cookie: {SESSION}", "Origin: https://evil.example", token=False)),
    Case("cross-site-null-origin", "a POST with a session from a page without origin", "same origin for whoever has a session", r"HTTP/1\.1 403 Forbidden with a session, only the coordinator's own page may change something",
         post(BUILDS + "/1/cancel", b"{}", f"Cookie: {SESSION}", "Origin: null", token=False)),
    Case("cross-site-no-origin", "a POST with a session and no Origin", "same origin for whoever has a session", r"HTTP/1\.1 403 Forbidden with a session, only the coordinator's own page may change something",
         post(BUILDS + "/1/cancel", b"{}", f"Cookie: {SESSION}", token=False)),
    Case("preflight", "a preflight of another site's page (CORS)", "no origin is allowed", r"HTTP/1\.1 405 Method Not Allowed this path is for GET, HEAD, POST",
         get(BUILDS, "Origin: https://evil.example", "Access-Control-Request-Method: POST", verb="OPTIONS", token=False), sentence="405, no Access-Control-Allow"),
    Case("websocket", "an upgrade to a websocket", "there are none", r"^HTTP/1.1 (?!101)", get(BUILDS, "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"), sentence="200: an answer like others"),
    Case("h2c-upgrade", "an upgrade to HTTP/2", "there is none", r"^HTTP/1.1 (?!101)", get("/livez", "Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"), sentence="200: an answer like others"),
    Case("http2-preface", "HTTP/2 without asking", "the HTTP parser", r"HTTP/1\.1 400 Bad Request the request is none that can be read: bad version", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    Case("tls-to-plain", "a TLS handshake to the plain door", "the HTTP parser", r"HTTP/1\.1 400 Bad Request the request is none that can be read: bad method", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)),
    Case("events-last-id-nasty", "Last-Event-ID: -1;DROP", "ids are numbers", r"400|200", get(BUILDS + "/1/events", "Last-Event-ID: -1;DROP")),
    Case("events-from-far", "from_event=99999999999999999999", "numbers of the query", r"HTTP/1\.1 400 Bad Request from_event: '", get(BUILDS + "/1/events?from_event=99999999999999999999")),
    Case("number-with-text", "builds/1%0d%0aSet-Cookie:a=b", "numbers of the path; fields of answers have no line feeds", r"HTTP/1\.1 400 Bad Request build_id: '1\? Set-Cookie:a=b' is not a number that fits", get(BUILDS + "/1%0d%0aSet-Cookie:a=b")),
    Case("unknown-parameter", "a parameter that there is not", "parameters of routes", r"HTTP/1\.1 400 Bad Request there is no parameter 'hostile' here", get(BUILDS + "?hostile=1")),
    Case("same-parameter-twice", "page_size=1&page_size=2", "parameters of routes", r"HTTP/1\.1 400 Bad Request page_size is given twice", get(BUILDS + "?page_size=1&page_size=2")),
    Case("parameter-broken-escape", "filter=%zz%", "escapes of the query", r"400|200", get(BUILDS + "?filter=%zz%")),
    Case("filter-script", "filter=<script>alert(1)</script>", "errors are JSON", r"(?s)^(?!.*text/html)(?=.*(400|200))", get(BUILDS + "?filter=" + "%3Cscript%3Ealert(1)%3C/script%3E"), sentence="application/json"),
    Case("badge-script", "a badge of a name with markup, which would be a script in SVG", "text of badges is escaped", r"(?s)^(?!.*<script>).*(200|404)", get("/api/v1/badges/build.svg?name=%3C/text%3E%3Cscript%3Ealert(1)%3C/script%3E&platform=linux/amd64"), sentence="(escaped)"),
    Case("feed-script", "a feed of a name with markup", "text of feeds is escaped", r"(?s)^(?!.*<script>).*(200|404)", get("/api/v1/feed?name=%3Cscript%3Ealert(1)%3C/script%3E"), sentence="(escaped)"),
    Case("trends-of-centuries", "days=999999999", "most days", r"HTTP/1\.1 400 Bad Request days: 999999999 is not from 1 to 200", get("/api/v1/trends?days=999999999")),
    Case("trends-zone-path", "zone=../../../../etc/passwd", "names of zones", r"HTTP/1\.1 400 Bad Request zone: the coordinator's machine knows no time zone '\.\./\.\./\.\./\.\./etc/passwd'; expected", get("/api/v1/trends?zone=../../../../etc/passwd")),
    Case("log-search-kilobytes", "a search of 8 kB of nested stars", "longest search; searches are linear", r"HTTP/1\.1 400 Bad Request search is longer than 1000 bytes", get("/api/v1/executions/1/log?search=" + "(a*)*" * 1500)),
    Case("git-of-file", "a submission whose git is file:///etc", "protocols of git", r"HTTP/1\.1 400 Bad Request git: file:///etc is no git URL; expected https://HOST/REPOSITORY\.git, ssh://, git:// ", post("/api/v1/submissions", b'{"git":"file:///etc","platforms":["linux/amd64"]}')),
    Case("git-of-option", "a submission whose git is --upload-pack=...", "protocols of git", r"HTTP/1\.1 400 Bad Request git: --upload-pack=touch /tmp/hostile is no git URL; expected https://HOST/REPOSITORY", post("/api/v1/submissions", b'{"git":"--upload-pack=touch /tmp/hostile","platforms":["linux/amd64"]}')),
    Case("git-ext", "a submission whose git is ext::sh -c ...", "protocols of git", r"HTTP/1\.1 400 Bad Request git: ext::sh -c touch% /tmp/hostile is no git URL; expected https://HOST/REPOSITORY\.g", post("/api/v1/submissions", b'{"git":"ext::sh -c touch% /tmp/hostile","platforms":["linux/amd64"]}')),
    Case("pipelined", "200 requests at once on one connection", "one after the other", r"^HTTP/1.1 200", get("/livez").replace(b"Connection: close\r\n", b"") * 200 + get("/livez"), sentence="200, 201 times"),
    Case("response-splitting-id", "X-Request-Id with line feeds", "ids are the door's own", r"HTTP/1\.1 404 Not Found there is no such path", get("/api/v1/nothing", "X-Request-Id: a\r\n evil: 1"), sentence="(its own id)"),
]


@corpus("HTTP", CASES)
class HttpTest(HostileTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        link = cls.farm.cli("page").stdout.strip()
        path = link.split("/", 3)[3]
        with socket.create_connection(("127.0.0.1", farm.HTTP_PORT), timeout=10) as connection:
            connection.sendall(get("/" + path, token=False))
            answer = b""
            while more := connection.recv(65536):
                answer += more
        cls.session = re.search(rb"(?i)set-cookie: ([^;]+)", answer)[1].decode()

    def run_case(self, case):
        data = case.data.replace(TOKEN.encode(), self.farm.client_token.encode()).replace(SESSION.encode(), self.session.encode())
        begun = time.monotonic()
        answer = self.answer(data)
        self.assertLess(time.monotonic() - begun, 20)
        said = re.sub(r"\r\n", "\n", answer.decode("utf-8", "replace"))
        self.assertNotRegex(said, r"^HTTP/1.1 5")
        self.assertNotIn("root:x:0:0", said)
        head, _, body = said.partition("\n\n")
        # The sentence of a problem, else the status line.
        problem = json.loads(body) if head and "problem+json" in head else {}
        self.assert_case(case, head.partition("\n")[0] + " " + problem.get("detail", problem.get("title", ""))
                         if problem else said[:4000])
        self.assertEqual(self.json("/api/v1/version")["version"] != "", True)

    def answer(self, data):
        with socket.create_connection(("127.0.0.1", farm.HTTP_PORT), timeout=3) as connection:
            answer = b""
            try:
                connection.sendall(data)
                while more := connection.recv(65536):
                    answer += more
            except (TimeoutError, ConnectionResetError, BrokenPipeError):
                pass
        return answer

    def test_the_session_of_the_cases_is_good(self):
        """Else the cross-site cases would hold for another reason."""
        answer = self.answer(get(BUILDS, f"Cookie: {self.session}", token=False))
        self.assertTrue(answer.startswith(b"HTTP/1.1 200"), answer[:300])


SLOW = [
    Case("slow-head", "200 connections that send a byte of a head now and then", "time for a head", r"closed", "head"),
    Case("slow-body", "100 connections that send a byte of a body now and then", "time for a body", r"goes on", "body", sentence="(others are served meanwhile)"),
    Case("idle-connections", "200 connections that say nothing", "time for a head", r"goes on", "idle", sentence="(others are served meanwhile)"),
    Case("events-unread", "50 event streams that nobody reads", "a bounded part of memory each", r"goes on", "events", sentence="(others are served meanwhile)"),
]


@corpus("HTTP", SLOW)
class SlowHttpTest(HostileTest):
    def run_case(self, case):
        first = {"head": b"GET /livez HTTP/1.1\r\nHost: local", "idle": b"",
                 "body": post(BUILDS, b'{"a', length=1000).replace(TOKEN.encode(), self.farm.client_token.encode()),
                 "events": get("/api/v1/events").replace(TOKEN.encode(), self.farm.client_token.encode())}[case.data]
        connections = []
        try:
            for _ in range({"events": 50, "body": 100}.get(case.data, 200)):
                connection = socket.create_connection(("127.0.0.1", farm.HTTP_PORT), timeout=10)
                connections.append(connection)
                connection.sendall(first)
            slowest = 0
            for _ in range(10):
                for connection in connections[::20]:
                    try:
                        connection.sendall(b"h" if case.data in ("head", "body") else b"")
                    except OSError:
                        pass
                begun = time.monotonic()
                self.json("/api/v1/status")
                slowest = max(slowest, time.monotonic() - begun)
                time.sleep(0.1)
            self.assertLess(slowest, 5)
            self.assert_farm_goes_on()
            said = "goes on"
            if case.data == "head":
                said = self.closed(connections[0], 60)
            self.assert_case(case, said)
        finally:
            for connection in connections:
                connection.close()

    @staticmethod
    def closed(connection, limit):
        connection.settimeout(limit)
        try:
            while connection.recv(65536):
                pass
        except ConnectionResetError:
            pass
        except TimeoutError:
            return "still open"
        return "closed"


if __name__ == "__main__":
    main()
