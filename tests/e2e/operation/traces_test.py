#!/usr/bin/env python3
"""Traces of builds at a receiver of OTLP, and the JSON form of the log."""
import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import unittest
import unittest.mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from farm import ROOT, FarmTestCase, main, wait_for

try:  # pip install opentelemetry-proto: what the protocol's own project makes of the bytes.
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
except ImportError:
    ExportTraceServiceRequest = None


class Receiver:
    """Takes POST /v1/traces on the loopback; `answers` are statuses of the first requests."""

    def __init__(self):
        self.bodies, self.fields, self.answers = [], [], []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.answers.pop(0) if receiver.answers else 200
                if status == 200 and self.path == "/v1/traces":
                    receiver.fields.append(dict(self.headers))
                    receiver.bodies.append(body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def decoded(body):
    """Names of spans with their text form, by protoc and the project's own schema."""
    text = subprocess.run(["protoc", "-I", ROOT / "proto", "--decode=opentelemetry.proto.trace.v1.ExportTraceServiceRequest",
                           "opentelemetry/proto/trace/v1/trace.proto"], input=body, capture_output=True, check=True).stdout.decode()
    spans = re.findall(r"^    spans \{\n(.*?)^    \}\n", text, re.M | re.S)
    return text, {re.search(r'^      name: "(.*)"$', span, re.M)[1]: span for span in spans}


class Telemetry(FarmTestCase):
    @classmethod
    def setUpClass(cls):
        cls.receiver = Receiver()
        cls.addClassCleanup(cls.receiver.close)
        headers = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(dir="/var/tmp"))) / "headers"
        headers.write_text("# for the receiver\nAuthorization: Bearer of-the-farm\n")
        cls.farm_options = {"workers": 1, "worker_options": ["--log-format", "json"],
                            "coordinator_options": ["--otlp-endpoint", cls.receiver.url, "--otlp-headers-file", str(headers),
                                                    "--log-format", "json"]}
        super().setUpClass()

    def trace_of(self, *arguments, code=0):
        """The body with the spans of one build."""
        self.assert_exit(self.build(*arguments), code)
        id_of_build = f'key: "crossmill.build.id" value {{ int_value: {self.farm.show()["id"]} }}'

        def found():
            return next((body for body in self.receiver.bodies if id_of_build in " ".join(decoded(body)[0].split())), None)
        wait_for(found, "the trace", limit=60)
        return found()

    def test_a_build_is_a_trace(self):
        self.dockerfile("FROM tiny AS builder\nRUN echo one > /one\nFROM tiny\nCOPY --from=builder /one /two\n")
        self.receiver.answers[:] = [503]
        body = self.trace_of("--network", "none", "-t", "shop:main")
        self.assertEqual(self.receiver.fields[-1]["Authorization"], "Bearer of-the-farm")
        self.assertEqual(self.receiver.fields[-1]["Content-Type"], "application/x-protobuf")
        text, spans = decoded(body)
        self.assertIn('string_value: "crossmill-coordinator"', text)
        build = self.farm.show()
        root = spans["build shop:main"]
        self.assertIn('string_value: "%d"' % build["id"], root)
        self.assertNotIn("parent_span_id", root)
        self.assertIn("SPAN_KIND_SERVER", root)
        self.assertNotIn("STATUS_CODE_ERROR", text)
        names = set(spans)
        for name in ("planning", "transfer", "RUN echo one > /one", "builder linux/amd64", "conclusion linux/amd64", "index"):
            self.assertIn(name, names)
        self.assertIn('string_value: "w1"', spans["RUN echo one > /one"])
        # The second time nothing is executed, and nothing claims to be.
        _, again = decoded(self.trace_of("--network", "none", "-t", "shop:main"))
        self.assertNotIn("RUN echo one > /one", again)
        self.assertNotEqual(re.search("trace_id.*", root)[0], re.search("trace_id.*", again["build shop:main"])[0])

    def test_a_pipelines_trace_goes_on_in_the_build(self):
        self.dockerfile("FROM tiny\nRUN echo traced > /traced\n")
        trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
        for words, of_trace in ((f"00-{trace}-{parent}-01", bytes.fromhex(trace)), ("no traceparent", None), ("é" * 40, None)):
            with unittest.mock.patch.dict(os.environ, {"TRACEPARENT": words}):
                request = self.trace_of("--network", "none")
            self.assertEqual(bytes.fromhex(trace) in request, of_trace is not None, words)
            self.assertEqual(bytes.fromhex(parent) in request, of_trace is not None, words)

    def test_what_builds_a_build_again_is_not_in_its_trace(self):
        self.dockerfile("FROM tiny\nRUN echo again > /again\n")
        trace = "4bf92f3577b34da6a3ce929d0e0e4737"
        with unittest.mock.patch.dict(os.environ, {"TRACEPARENT": f"00-{trace}-00f067aa0ba902b7-01"}):
            self.trace_of("--network", "none")
        first = self.farm.show()["id"]
        for words in (("retry",), ("verify", "--allow-same-host")):
            before = len(self.receiver.bodies)
            self.assert_exit(self.farm.cli(*words, str(first)), 0)
            wait_for(lambda: len(self.receiver.bodies) > before, f"the trace of {words[0]}", limit=60)
            self.assertNotIn(bytes.fromhex(trace), self.receiver.bodies[-1], words)

    def test_a_failed_build_says_so(self):
        self.dockerfile("FROM tiny\nRUN exit 3\n")
        _, spans = decoded(self.trace_of("--network", "none", code=1))
        for name, span in spans.items():
            if name == "RUN exit 3" or name.startswith("build"):
                self.assertIn("STATUS_CODE_ERROR", span)
        self.assertIn("int_value: 3", spans["RUN exit 3"])

    @unittest.skipIf(ExportTraceServiceRequest is None, "opentelemetry-proto (pip) is not here")
    def test_what_is_sent_is_what_the_protocols_own_project_reads(self):
        self.dockerfile("FROM tiny\nRUN echo read > /read\n")
        request = ExportTraceServiceRequest.FromString(self.trace_of("--network", "none"))
        spans = [span for of_farm in request.resource_spans for scope in of_farm.scope_spans for span in scope.spans]
        by_id = {span.span_id: span for span in spans}
        self.assertEqual(len(by_id), len(spans))
        roots = [span for span in spans if not span.parent_span_id]
        self.assertEqual(len(roots), 1)
        for span in spans:
            self.assertEqual((len(span.trace_id), len(span.span_id)), (16, 8))
            self.assertEqual(span.trace_id, roots[0].trace_id)
            parent = by_id.get(span.parent_span_id, span)
            self.assertLessEqual(parent.start_time_unix_nano, span.start_time_unix_nano, span.name)
            self.assertLessEqual(span.start_time_unix_nano, span.end_time_unix_nano, span.name)
            self.assertLessEqual(span.end_time_unix_nano, parent.end_time_unix_nano, span.name)

    def test_lines_of_the_log_are_objects_that_a_build_is_found_by(self):
        self.dockerfile("FROM tiny\nRUN echo logged > /logged\n")
        self.assert_exit(self.build("--network", "none"), 0)
        build = self.farm.show()["id"]
        for name in ("coordinator", "w1"):
            def about():
                found = []
                for line in (self.farm.folder / f"{name}.log").read_text().splitlines():
                    entry = json.loads(line)
                    self.assertRegex(entry["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
                    self.assertIn(entry["level"], ("debug", "info", "warning", "error", "critical"))
                    self.assertIn("message", entry)
                    if entry.get("build") == build:
                        found.append(entry)
                return found
            wait_for(lambda: len(about()) >= 2, f"lines of {name} about the build", limit=30)
            if name == "w1":
                self.assertTrue(all(isinstance(entry["lease"], int) for entry in about()))

    def test_a_receiver_that_is_away_holds_up_nobody(self):
        # Refused at once: the build that is dropped is counted (coordinator_traces_test has the counter's words).
        self.receiver.answers[:] = [400]
        self.dockerfile("FROM tiny\nRUN echo away > /away\n")
        self.assert_exit(self.build("--network", "none"), 0)
        wait_for(lambda: "its trace is dropped" in (self.farm.folder / "coordinator.log").read_text(), "the warning", limit=60)


if __name__ == "__main__":
    main()
