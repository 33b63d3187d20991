#!/usr/bin/env python3
"""Hostile workers: a process with a worker's token that says what no worker says. It offers an architecture that nobody else
has, so that the tasks for it are its own."""
import re
import subprocess
import time

import wire
from corpus import NASTY, Case, HostileTest, corpus
from farm import main, wait_for
from wire import encode, quoted

SYNCHRONIZE = "/crossmill.v1.WorkerQueue/Synchronize"
ABSENT = "9" * 64


def state(name="hostile", more="", info=""):
    return (f'state {{ info {{ name: {quoted(name)} version: "0" host_id: "h" host_name: "h" cpus: 1 slots: 1 '
            f'platforms {{ platform {{ os: "linux" architecture: "s390x" }} }} {info} }} session: "s" {more} }}')


def report(text):
    return f"report {{ lease: LEASE {text} }}"


def finished(outcome="TASK_OUTCOME_SUCCEEDED", more=""):
    return report(f"task_finished {{ outcome: {outcome} {more} }}")


def step(text):
    return report(f"step_finished {{ number: 2 {text} }}")


def layer(hash=ABSENT, size=1024):
    return f'layer {{ tar {{ hash: "{hash}" size_bytes: {size} }} manifest {{ hash: "{hash}" size_bytes: {size} }} }}'


# What a worker says to a task, what the client then reads, and its exit code.
TASKS = [
    Case("layer-not-there", "a step whose layer is not in the store", "layers are looked for before a step counts", r"not in the (blob )?store|is not", ([step(layer()), finished()], 5)),
    Case("layer-made-up", "a step whose layer is no canonical tar", "layers are read before a step counts; the worker is drained", r"(?s).*", ([step("LAYER"), finished()], 5), sentence="(another worker is waited for; `worker ls` says untrue report)"),
    Case("layer-digest-is-a-path", "a step whose layer is ../../../etc/passwd", "digests are 64 hex digits", r"(?s).*", ([step(layer("../../../../../etc/passwd")), finished()], 5), sentence="(as a layer that is not there)"),
    Case("layer-negative", "a step whose layer has -1 bytes", "digests have sizes", r"(?s).*", ([step(layer(size=-1)), finished()], 5), sentence="(as a layer that is not there)"),
    Case("no-layer", "a step that succeeded without a layer", "results are read before they count; the worker is drained", r"(?s).*", ([step(""), finished()], 5), sentence="(another worker is waited for; `worker ls` says untrue report)"),
    Case("step-of-no-number", "a step number 4000000000", "steps are those of the task", r"(?s).*", ([report(f"step_finished {{ number: 4000000000 {layer()} }}"), finished()], 5), sentence="(not counted)"),
    Case("done-without-steps", "a task that succeeded without its steps", "results are read before they count", r"the worker finished its task without all results", ([finished()], 5)),
    Case("outcome-of-nothing", "an outcome that there is not", "results are read before they count", r"the worker finished its task without all results", ([report("task_finished { outcome: 77 }")], 5)),
    Case("failure-nasty", "a failure whose text has escapes", "text is made printable", r"a\?\[31mred", ([step(f"exit_code: 1 failure: {quoted(NASTY)}"), finished("TASK_OUTCOME_FAILED", f"message: {quoted(NASTY)}")], 1)),
    Case("infrastructure-nasty", "a reason of the infrastructure with escapes", "text is made printable", r"a\?\[31mred", ([finished("TASK_OUTCOME_INFRASTRUCTURE", f"message: {quoted(NASTY)}")], 5)),
    Case("console-nasty", "a console of escapes and half characters", "lines are made printable", r"over\?gnp\?line", ([report("step_started { number: 2 started_at: 1 }"), report(f"log {{ step_number: 2 data: {quoted('beginning ' + NASTY)} }}"), report('log { step_number: 2 data: "\\377\\376\\303\\n" }'), step('exit_code: 1 failure: "x"'), finished("TASK_OUTCOME_FAILED")], 1)),
    Case("console-of-other-step", "a console of a step that there is not", "steps are those of the task", r"(?s).*", ([report('log { step_number: 4000000000 stream: 99 data: "x\\n" }'), step('exit_code: 1 failure: "x"'), finished("TASK_OUTCOME_FAILED")], 1), sentence="(left out)"),
    Case("packages-nasty", "packages whose names have escapes", "text is made printable", r"(?s).*", ([step(f"exit_code: 1 failure: \"x\" dist_infos {{ name: {quoted(NASTY)} version: {quoted(NASTY)} path: {quoted(NASTY)} }}"), finished("TASK_OUTCOME_FAILED")], 1), sentence="(printed as ?)"),
    Case("times-far", "a step from 1677 to 2262", "clocks of workers are told, not believed", r"(?s).*", ([step('exit_code: 1 failure: "x" started_at: -9223372036854775808 finished_at: 9223372036854775807'), finished("TASK_OUTCOME_FAILED")], 1), sentence="(told as it is)"),
    Case("use-of-infinity", "a step that used infinitely many processors", "what is measured is bounded", r"(?s).*", ([step('exit_code: 1 failure: "x" cpu_seconds: inf peak_memory: 18446744073709551615 cpu_wait_share: nan'), finished("TASK_OUTCOME_FAILED")], 1), sentence="(the farm goes on)"),
    Case("says-it-twice", "a result that is sent 50 times", "leases that are over", r"(?s).*", ([step('exit_code: 1 failure: "x"'), *[finished("TASK_OUTCOME_FAILED")] * 50], 1), sentence="(acknowledged, and counted once)"),
]

# What it says without a task: requests, and the status of the end (None: it stays).
STREAMS = [
    Case("heartbeat-first", "a heartbeat before its state", "the first message is the state", r"the first message of a worker must be its state, with a name", (["heartbeat: true"], (3, 9, None))),
    Case("name-nasty", "a name with escapes", "letters, digits and . _ - @ +", r"a worker's name is at most 100 letters, digits", ([state(NASTY)], (3,))),
    Case("name-empty", "an empty name", "letters, digits and . _ - @ +", r"the first message of a worker must be its state, with a name", ([state("")], (3,))),
    Case("name-of-kilobytes", "a name of 5,000 bytes", "at most 100 characters", r"a worker's name is at most 100 letters, digits", ([state("n" * 5000)], (3,))),
    Case("name-of-other", "the name of a worker that is connected", "one connection under a name", r"'w1' is connected", ([state("w1")], (6, 9, 10, 14))),
    Case("host-nasty", "host name, kernel and runtime with escapes", "text is made printable", r"(?s).*", ([state("nasty-host").replace('host_name: "h"', f"host_name: {quoted(NASTY)} kernel: {quoted(NASTY)} runtime: {quoted(NASTY)} cpu_model: {quoted(NASTY)}")], (None,)), sentence="(printed as ?)"),
    Case("slots-of-billions", "4,000,000,000 slots", "what it takes is its own", r"(?s).*", ([state("many-slots").replace("slots: 1", "slots: 4000000000")], (3, None)), sentence="(the farm goes on)"),
    Case("load-of-nothing", "a load of NaN, and memory of 2^64-1", "what is measured is bounded", r"(?s).*", ([state("odd-load") + " load { busy_cpus: nan available_memory: 18446744073709551615 total_memory: 1 memory_pressure: inf }"], (3, None)), sentence="(the farm goes on)"),
    Case("key-not-pem", "a signing key that is none", "keys are read", r"(?s).*", ([state("odd-key", info='public_key: "not a key"')], (3, None)), sentence="(its statements are dropped)"),
    Case("leases-of-others", "a state with 1,000 leases that are others'", "leases are the coordinator's", r"(?s).*", ([state("thief", "".join(f"leases: {i} " for i in range(1, 1001)))], (None,)), sentence="(it is told to end them)"),
    Case("report-of-others", "a result for a lease that is another's", "leases are the worker's own", r"(?s).*", ([state("liar"), 'report { lease: 1 task_finished { outcome: TASK_OUTCOME_SUCCEEDED } }'], (None,)), sentence="(acknowledged, not counted)"),
    Case("report-of-nothing", "a report without a lease or content", "leases are the worker's own", r"(?s).*", ([state("mute"), "report { }"], (3, None)), sentence="(not counted)"),
]

CALLS = [
    Case("ssh-of-others", "Forward to an ssh agent of a lease that is not its own", "leases are the worker's own", r"lease", ("/crossmill.v1.WorkerQueue/Forward", "ForwardFrame", 'lease: 1 ssh_id: "default"', (5, 7))),
    Case("index-page-of-file", "an index page of file:///etc/passwd", "only http and https", r"the address of an index page begins with http:// or https://", ("/crossmill.v1.IndexPages/Save", "KeptIndexPage", 'url: "file:///etc/passwd" body: "x"', (3,))),
    Case("index-page-for-ever", "an index page that is good until the year 2262", "how long a page is kept", r"(?s).*", ("/crossmill.v1.IndexPages/Save", "KeptIndexPage", 'url: "http://127.0.0.1:9/simple/hostile/" content_type: "text/html" fresh_until: 9223372036854775807 body: "x"', (0, 3)), sentence="(kept as a worker's word: docs/security.md)"),
    Case("index-page-nasty", "an index page whose fields have line feeds", "fields of pages", r"(?s).*", ("/crossmill.v1.IndexPages/Save", "KeptIndexPage", 'url: "http://127.0.0.1:9/simple/a/" content_type: "text/html\\r\\nX: y" etag: "\\r\\n" body: "x"', (0, 3)), sentence="(no field of an answer has line feeds)"),
    Case("worker-submits", "a worker's token on SubmitBuild", "roles", r"worker", ("/crossmill.v1.Builds/SubmitBuild", "SubmitBuildRequest", "", (7,))),
    Case("worker-reads-builds", "a worker's token on GetBuild", "roles", r"worker", ("/crossmill.v1.Builds/GetBuild", "GetBuildRequest", "", (7,))),
]


@corpus("workers", TASKS)
class TasksTest(HostileTest):
    farm_options = {"workers": 1, "coordinator_options": [*HostileTest.farm_options["coordinator_options"], "--placement-grace", "2"]}

    def run_case(self, case):
        answers, code = case.data
        self.write("Dockerfile", f'FROM scratch\nRUN ["/x", "{case.name}"]\n')
        name = "h-" + case.name
        client = self.farm.start_build(self.context, "--platform", "linux/s390x", "--timeout", "5")
        seen = set()
        with wire.Call(self.farm.port, SYNCHRONIZE, self.farm.worker_token) as call:
            call.send(encode("SynchronizeRequest", state(name)))
            end = time.monotonic() + 40
            while client.poll() is None and time.monotonic() < end:
                call.send(encode("SynchronizeRequest", "heartbeat: true"))
                for message in call.messages():
                    for lease in re.findall(r"^leases \{\s+lease: (\d+)\s+task", wire.decode("SynchronizeResponse", message), re.M):
                        if lease not in seen:
                            seen.add(lease)
                            self.answer(call, answers, lease)
                time.sleep(0.1)
        stdout, stderr = client.communicate(timeout=60)
        said = stdout + stderr
        self.assertTrue(seen, said + self.farm.logs())
        self.assertIn(client.returncode, (code, 124) if code == 5 else (code,), said + self.farm.logs())
        self.assert_case(case, said + self.farm.cli("worker", "ls").stdout + self.farm.cli("show").stdout
                         + self.farm.cli("packages").stdout)

    def answer(self, call, answers, lease):
        made_up = b"made up" * 100
        if any("LAYER" in text for text in answers):
            import hashlib
            hash = hashlib.sha256(made_up).hexdigest()
            status, said, _ = wire.unary(self.farm.port, "/build.bazel.remote.execution.v2.ContentAddressableStorage/BatchUpdateBlobs", encode(
                "build.bazel.remote.execution.v2.BatchUpdateBlobsRequest",
                f'requests {{ digest {{ hash: "{hash}" size_bytes: {len(made_up)} }} data: {quoted(made_up)} }}'), self.farm.worker_token)
            self.assertEqual(status, 0, said)
            answers = [text.replace("LAYER", layer(hash, len(made_up))) for text in answers]
        for text in answers:
            call.send(encode("SynchronizeRequest", text.replace("LEASE", lease)))


@corpus("workers", STREAMS)
class StreamsTest(HostileTest):
    def run_case(self, case):
        requests, wanted = case.data
        with wire.Call(self.farm.port, SYNCHRONIZE, self.farm.worker_token) as call:
            for text in requests:
                call.send(encode("SynchronizeRequest", text))
            status = call.status(10 if None not in wanted else 2)
            said = call.said() + self.farm.cli("worker", "ls").stdout
        self.assertIn(status, wanted, said)
        self.assert_case(case, said)
        self.assert_farm_goes_on()


@corpus("workers", CALLS)
class CallsTest(HostileTest):
    def run_case(self, case):
        method, message, text, wanted = case.data
        status, said, _ = wire.unary(self.farm.port, method, encode(message, text) if text else b"", self.farm.worker_token, limit=10)
        self.assertIn(status, wanted, said)
        self.assert_case(case, said)


if __name__ == "__main__":
    main()
