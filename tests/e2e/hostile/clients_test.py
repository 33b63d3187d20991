#!/usr/bin/env python3
"""Hostile clients: calls that no proper client makes, over the wire."""
import gzip
import hashlib
import re
import time
import uuid

import wire
from corpus import NASTY, Case, HostileTest, corpus
from farm import main
from wire import encode, quoted

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
PLATFORM = 'platforms { os: "linux" architecture: "amd64" }'
BUILDS, FARM, IMAGES = "/crossmill.v1.Builds/", "/crossmill.v1.Farm/", "/crossmill.v1.Images/"
CAS = "/build.bazel.remote.execution.v2.ContentAddressableStorage/"
BYTES = "/google.bytestream.ByteStream/"


def submission(recipe="", options=PLATFORM, more=""):
    dockerfile = "" if "dockerfile:" in recipe else f'dockerfile: "FROM scratch\\nCOPY . /\\n" dockerfile_name: "Dockerfile" '
    context = "" if "context_root" in recipe else f'context_root {{ hash: "{EMPTY}" size_bytes: 0 }} '
    return f"submission {{ recipe {{ {dockerfile}{context}{recipe} }} options {{ {options} }} {more} }}"


def call(method, message="", text="", token="client", **more):
    """`message` is the request's type, `text` its text form; or `raw` bytes."""
    return {"method": method, "message": message, "text": text, "token": token, **more}


def submit(text, **more):
    return call(BUILDS + "SubmitBuild", "SubmitBuildRequest", text, **more)


def write(name, data=b"x", offset=0, finish=True, **more):
    return call(BYTES + "Write", "google.bytestream.WriteRequest",
                f"resource_name: {quoted(name)} write_offset: {offset} finish_write: {'true' if finish else 'false'} data: {quoted(data)}", **more)


def upload(hash=None, size=1, data=b"x"):
    return f"uploads/{uuid.UUID(int=7)}/blobs/{hash or hashlib.sha256(data).hexdigest()}/{size}"


BOMB = gzip.compress(bytes(64 << 20))

CASES = [
    Case("no-token", "a call without a token", "the door's check of tokens", r"this address needs a token; give one with --token-file or CROSSMILL_TOKEN", call(FARM + "ListWorkers", token=None, status=16)),
    Case("made-up-token", "a token that nobody made", "the door's check of tokens", r"the token is not known to this coordinator", call(FARM + "ListWorkers", token="x" * 64, status=16)),
    Case("token-of-200-bytes", "a token of 200 bytes with blanks", "the door's check of tokens", r"the token is not known to this coordinator", call(FARM + "ListWorkers", token="a b " * 50, status=16)),
    Case("reader-submits", "a reader's token on SubmitBuild", "roles", r"this needs the role submit; the token's role is read", submit(submission(), token="read", status=7)),
    Case("submitter-drains", "a submitter's token on DrainWorker", "roles", r"this needs the role operate; the token's role is submit",
         call(FARM + "DrainWorker", "DrainWorkerRequest", 'worker: "w1"', token="submit", status=7)),
    Case("submitter-removes-image", "a submitter's token on RemoveImage of the operator's image", "names have owners", r"is the operator's: expected another name, or the role operate",
         call(IMAGES + "RemoveImage", "RemoveImageRequest", 'names: "tiny"', token="submit", status=7)),
    Case("submitter-cancels-others", "CancelBuild of another's build", "owner of a build", r"build 1 was submitted by the operator, or before owners were recorded",
         call(BUILDS + "CancelBuild", "CancelBuildRequest", "build_id: 1", token="submit", status=7)),
    Case("submitter-is-worker", "a submitter's token on Synchronize", "roles", r"this token is a client's; it cannot act as a worker",
         call("/crossmill.v1.WorkerQueue/Synchronize", "SynchronizeRequest", "heartbeat: true", token="submit", status=7)),
    Case("page-link-over-network", "MakePageLink, which is for the unix socket, over TCP", "roles", r"only over the coordinator's unix socket, on its machine",
         call(FARM + "MakePageLink", "MakePageLinkRequest", "", status=7)),
    Case("unknown-method", "a method that is not there", "the server", r"(?m)^status 12$", call(BUILDS + "Hostile", raw=b"", status=12), sentence="(UNIMPLEMENTED, without a sentence)"),
    Case("random-bytes", "bytes that are no protobuf", "the server's parser", r"(?m)^status 13$", call(BUILDS + "SubmitBuild", raw=bytes(range(255, 0, -1)) * 8, status=13), sentence="(INTERNAL, without a sentence)"),
    Case("length-that-lies", "a message whose length is 4 GB", "largest message", r"(?m)^status (8|13)$", call(BUILDS + "SubmitBuild", raw=b"x" * 100, length=0xfffffff0, status=(8, 13)), sentence="(RESOURCE_EXHAUSTED or INTERNAL, nothing is reserved)"),
    Case("message-of-megabytes", "a message of 40 MB", "largest message", r"(?m)^status (8|13)$", call(BUILDS + "SubmitBuild", raw=b"\x0a" * (40 << 20), status=(8, 13)), sentence="(RESOURCE_EXHAUSTED, or INTERNAL for bytes that are no message)"),
    Case("compressed-bomb", "a message of 64 kB that unpacks to 64 MB", "largest message, after decompression", r"(?m)^status (8|13)$",
         call(BUILDS + "SubmitBuild", raw=BOMB, compressed=1, fields=[("grpc-encoding", "gzip")], status=(8, 12, 13)), sentence="(RESOURCE_EXHAUSTED, or INTERNAL for bytes that are no message)"),
    Case("deep-message", "a message of 10,000 groups in each other", "the parser's depth", r"(?m)^status 13$", call(BUILDS + "SubmitBuild", raw=b"\x0b" * 10000, status=13), sentence="(INTERNAL, without a sentence)"),
    Case("string-not-utf8", "a string field that is not UTF-8", "the parser", r"(?m)^status 13$", call(BUILDS + "SubmitBuild", raw=b"\x12\x02\xff\xfe", status=13), sentence="(INTERNAL, without a sentence)"),
    Case("empty-submission", "SubmitBuild of nothing", "checks at submission", r"no platform is asked for", submit("", status=3)),
    Case("no-platform", "a submission without platforms", "checks at submission", r"no platform is asked for", submit(submission(options=""), status=3)),
    Case("foreign-os", "a platform of another system", "checks at submission", r"", submit(submission(options='platforms { os: "windows" architecture: "amd64" }'), status=0), sentence="(an image of files for it can be made; steps need a worker that runs it)"),
    Case("platform-with-escapes", "a platform with escape sequences", "checks at submission; logs are made printable", r"platforms: 'linux/a\?\[31mred.*expected OS/ARCHITECTURE",
         submit(submission(options=f'platforms {{ os: "linux" architecture: {quoted(NASTY)} }}'), status=3)),
    Case("verify-a-million", "verify: 4000000000", "checks at submission", r"--verify 4000000000 is more than 16", submit(submission(options=PLATFORM + " verify: 4000000000"), status=3)),
    Case("step-timeout-overflow", "a step limit of 136 years", "(seconds are unsigned: it is a long limit)", r"", submit(submission(options=PLATFORM + " step_timeout: 4294967295 timeout: 4294967295"), status=0),
         sentence="(accepted; the build fails by itself)"),
    Case("negative-shm", "shm_size: -1", "checks at submission", r"shm_size: '-1'; expected bytes, or 0", submit(submission(options=PLATFORM + " shm_size: -1"), status=3)),
    Case("compression-level", "compression_level: 2000000000", "checks at submission", r"compression level 2000000000: expected 1 to 22 for zstd", submit(submission(options=PLATFORM + " compression: COMPRESSION_ZSTD compression_level: 2000000000"), status=3)),
    Case("ulimit-unknown", "a ulimit of another name, negative", "checks at submission", r"ulimits: 'hostile'; expected a name such as nofile", submit(submission(options=PLATFORM + ' ulimits { name: "hostile" soft: -7 hard: -9 }'), status=3)),
    Case("extra-host-line", "an extra host with a line feed, which would be another line of /etc/hosts", "checks at submission", r"extra_hosts: '1.2.3.4 a 5.6.7.8 registry'; expected an IP address, a blank and one host name",
         submit(submission(options=PLATFORM + ' extra_hosts: "1.2.3.4 a\\n5.6.7.8 registry"'), status=3)),
    Case("label-with-nul", "a label with a NUL", "image configs are JSON", r"", submit(submission(options=PLATFORM + ' labels { name: "a\\000b" value: "c\\000" }'), status=(0, 3)), sentence="(the label is in the image's JSON as it is)"),
    Case("argument-without-name", "a build argument with an empty name and a line feed", "checks at submission", r"build_arguments: 'A=B C'; expected the name of a variable",
         submit(submission('build_arguments { name: "A=B\\nC" value: "x" }'), status=3)),
    Case("epoch-far", "source_date_epoch: 2^62", "checks at submission", r"source_date_epoch: '4611686018427387904'; expected seconds since 1970", submit(submission(options=PLATFORM + " source_date_epoch: 4611686018427387904"), status=3)),
    Case("context-not-there", "a context that nobody sent", "blobs are looked for", r"the context's root 7777.* is not in the blob store; upload the context first",
         submit(submission(f'context_root {{ hash: "{"7" * 64}" size_bytes: 5 }}'), status=(3, 9))),
    Case("context-digest-is-a-path", "a context whose digest is ../../tokens", "digests are 64 hex digits", r"context_root: '../../../../etc/passwd/5'; expected the SHA-256 of a blob",
         submit(submission('context_root { hash: "../../../../etc/passwd" size_bytes: 5 }'), status=3)),
    Case("context-negative-size", "a context of -1 bytes", "digests have sizes", r"context_root: '.*/-1'; expected the SHA-256 of a blob",
         submit(submission(f'context_root {{ hash: "{EMPTY}" size_bytes: -1 }}'), status=3)),
    Case("client-submits-wheels", "a submission of the farm's own kind (wheels)", "checks at submission", r"builds of wheels are the farm's own: submit a recipe",
         submit(submission(more='wheels { ahead_of: 1 }'), status=3)),
    Case("client-submits-rebuild", "a submission that says it is a rebuild", "checks at submission", r"build 1 is built again by `crossmill verify 1`",
         submit(submission(more='rebuild { build: 1 index_digest: "sha256:00" }'), status=3)),
    Case("client-says-owner", "a submission that says whose it is", "the owner is the token's name", r"owner: \"submitters\"", submit(submission(more='owner: "operator"'), token="submit", status=0, view=True),
         sentence="owner: submitters"),
    Case("key-of-kilobytes", "an idempotency key of 300 bytes", "256 characters", r"idempotency_key: longer than 256 characters", submit(submission() + f' idempotency_key: "{"k" * 300}"', status=3)),
    Case("key-used-otherwise", "an idempotency key with another submission", "keys are kept with what they submitted", r"key",
         submit(submission() + ' idempotency_key: "same"', first=submission(options=PLATFORM + " verify: 2") + ' idempotency_key: "same"', status=6)),
    Case("build-number-negative", "GetBuild of -5", "the record", r"there is no build -5", call(BUILDS + "GetBuild", "GetBuildRequest", "build_id: -5", status=(3, 5))),
    Case("watch-from-end-of-time", "WatchBuild from event 2^63-1", "the record", r"", call(BUILDS + "WatchBuild", "WatchBuildRequest", "build_id: 1 from_event: 9223372036854775807", status=(0, 3, 11)), sentence="(ends at once, without events)"),
    Case("page-of-billions", "a page_size of 2^31-1", "the most of a page", r"", call(BUILDS + "ListBuilds", "ListBuildsRequest", "page_size: 2147483647", status=0), sentence="(at most 200)"),
    Case("page-size-negative", "a page_size of -1", "the least of a page", r"page_size|", call(BUILDS + "ListBuilds", "ListBuildsRequest", "page_size: -1", status=(0, 3)), sentence="(as 0)"),
    Case("page-token-made-up", "a page token of garbage", "tokens are parsed", r"page_token is not one that ListBuilds gave", call(BUILDS + "ListBuilds", "ListBuildsRequest", 'page_token: "-1;DROP TABLE builds"', status=3)),
    Case("filter-of-kilobytes", "a filter of 3000 bytes", "2000 bytes", r"filter: it is longer than 2000 bytes", call(BUILDS + "ListBuilds", "ListBuildsRequest", f'filter: "{"a " * 1500}"', status=3)),
    Case("filter-that-injects", "a filter with SQL and LIKE's signs", "filters become parameters", r"", call(BUILDS + "ListBuilds", "ListBuildsRequest", "filter: \"\\\"' OR 1=1 --%_\\\"\"", status=0, empty=True), sentence="(finds nothing)"),
    Case("log-of-others-number", "ReadLog of execution -1", "the record", r"there is no execution -1", call(BUILDS + "ReadLog", "ReadLogRequest", "execution: -1", status=(3, 5))),
    Case("log-search-expression", "a search with a regular expression that takes exponential time", "searches are linear", r"", call(BUILDS + "ListLogLines", "ListLogLinesRequest", 'execution: 1 search: "(a*)*(a*)*(a*)*b"', status=(0, 3, 5)), sentence="(answered at once)"),
    Case("cancel-what-ended", "CancelBuild of a build that ended", "the record", r"", call(BUILDS + "CancelBuild", "CancelBuildRequest", "build_id: 1", status=(0, 9)), sentence="(nothing changes)"),
    Case("retry-nothing", "RetryBuild of a build that is not there", "the record", r"there is no build 99999", call(BUILDS + "RetryBuild", "RetryBuildRequest", "build_id: 99999", status=5)),
    Case("attach-to-nothing", "Attach with secrets for another build", "the record", r"there is no build 99999", call(BUILDS + "Attach", "AttachRequest", 'build_id: 99999 secrets { id: "a" value: "b" }', status=(3, 5, 9))),
    Case("drain-with-escapes", "DrainWorker of a name with escapes", "names are looked up; text is made printable", r"no worker is called 'a\?\[31mred", call(FARM + "DrainWorker", "DrainWorkerRequest", f"worker: {quoted(NASTY)}", status=(3, 5))),
    Case("distrust-the-future", "DistrustWorker since 2^63-1", "the record", r"", call(FARM + "DistrustWorker", "DistrustWorkerRequest", 'worker: "nobody" since: 9223372036854775807', status=(0, 3)), sentence="(reaches nothing)"),
    Case("image-name-with-path", "ImportImage as ../../x", "image names", r"image reference '../../x': '..' is not a registry host", call(IMAGES + "ImportImage", "ImportImageRequest", f'name: "../../x" root {{ hash: "{EMPTY}" size_bytes: 0 }}', status=3)),
    Case("image-of-nothing", "ImportImage of an empty blob", "what is imported is read", r"importing x: sha256:.*: not JSON", call(IMAGES + "ImportImage", "ImportImageRequest", f'name: "x" root {{ hash: "{EMPTY}" size_bytes: 0 }}', status=(3, 9))),
    Case("pull-of-file", "PullImage of file:///etc/passwd", "image names", r"image reference 'file:///etc/passwd': 'file:' is not a registry host", call(IMAGES + "PullImage", "PullImageRequest", 'reference: "file:///etc/passwd"', status=3)),
    Case("push-with-farms-credentials", "PushImage to a registry that the farm has credentials for", "`--push-credentials`", r"", call(IMAGES + "PushImage", "PushImageRequest", 'name: "tiny" reference: "127.0.0.1:1/team/x:1"', status=(7, 14)), sentence="(the coordinator's credentials are not used: unreachable or denied)"),
    Case("blob-under-wrong-digest", "a blob with another digest than its bytes", "digests of blobs are computed", r"blob has digest .*, not 0000", write(upload(hash="0" * 64), status=3)),
    Case("blob-longer-than-said", "a blob of more bytes than its size", "sizes of blobs", r"more than the 1 bytes of the digest", write(upload(size=1), data=b"x" * 100, status=3)),
    Case("blob-shorter-than-said", "a blob of fewer bytes than its size", "sizes of blobs", r"blob has digest .*, not .*/1000", write(upload(size=1000), status=3)),
    Case("blob-of-exabytes", "an upload that says it is 2^62 bytes", "free space and limits", r"", write(upload(size=1 << 62), finish=False, status=(0, 1, 3, 8, None)), sentence="(nothing is reserved; it is given up with its connection)"),
    Case("blob-negative-offset", "an upload at offset -1", "offsets", r"write offset -1 where 0 bytes have arrived", write(upload(), offset=-1, status=11)),
    Case("blob-behind-end", "an upload that begins behind its end", "offsets", r"write offset 1099511627776 where 0 bytes have arrived", write(upload(), offset=1 << 40, status=11)),
    Case("upload-name-with-path", "an upload whose id is a path", "resource names are parsed", r"expected a UUID after uploads/", write("uploads/../../../etc/cron.d/x/blobs/" + "0" * 64 + "/1", status=3)),
    Case("upload-name-of-nothing", "an upload without a name", "resource names are parsed", r"expected \[instance/\]uploads/\{uuid\}/blobs/\{hash\}/\{size\}", write("", status=3)),
    Case("read-name-with-path", "a read of blobs/../../tokens/5", "resource names are parsed", r"nothing may follow the size",
         call(BYTES + "Read", "google.bytestream.ReadRequest", 'resource_name: "blobs/../../tokens/5"', status=3)),
    Case("read-behind-end", "a read at an offset behind the end", "offsets", r"offset 5 in a blob of 0 bytes",
         call(BYTES + "Read", "google.bytestream.ReadRequest", f'resource_name: "blobs/{EMPTY}/0" read_offset: 5', status=(3, 11))),
    Case("read-negative-limit", "a read of -1 bytes", "offsets", r"the limit is negative",
         call(BYTES + "Read", "google.bytestream.ReadRequest", f'resource_name: "blobs/{EMPTY}/0" read_limit: -1', status=(3, 11))),
    Case("batch-with-other-digest", "BatchUpdateBlobs with a digest that is not the data's", "digests of blobs are computed", r"code: 3",
         call(CAS + "BatchUpdateBlobs", "build.bazel.remote.execution.v2.BatchUpdateBlobsRequest",
              f'requests {{ digest {{ hash: "{"1" * 64}" size_bytes: 4 }} data: "evil" }}', status=0, answer="build.bazel.remote.execution.v2.BatchUpdateBlobsResponse"), sentence="INVALID_ARGUMENT for that blob"),
    Case("find-a-million", "FindMissingBlobs of 200,000 digests", "largest message", r"", call(CAS + "FindMissingBlobs", raw=encode("build.bazel.remote.execution.v2.FindMissingBlobsRequest", f'blob_digests {{ hash: "{"2" * 64}" size_bytes: 1 }} ') * 200000, status=(0, 3, 8)), sentence="(answered, each digest once; 4 MiB of messages are the most)"),
    Case("tree-of-nothing", "GetTree of a blob that is no folder", "folders are parsed", r"blob 3+/1 is not in the store", call(CAS + "GetTree", "build.bazel.remote.execution.v2.GetTreeRequest", f'root_digest {{ hash: "{"3" * 64}" size_bytes: 1 }}', status=5), sentence="blob .../1 is not in the store"),
    Case("statements-of-nothing", "ListStatements of a build that is not there", "the record", r"there is no build 4711", call("/crossmill.v1.Attestations/ListStatements", "ListStatementsRequest", "build_id: 4711", status=5)),
    Case("compare-with-itself", "CompareBuilds of numbers that are not there", "the record", r"there is no build -1", call("/crossmill.v1.Verification/CompareBuilds", "CompareBuildsRequest", "first: -1 second: -1", status=(3, 5))),
    Case("webhook-to-metadata", "AddWebhook to a link-local address", "`--webhook-allow`, asked for each delivery (tests/coordinator/webhooks)", r"", call("/crossmill.v1.Webhooks/AddWebhook", "AddWebhookRequest", 'url: "http://169.254.169.254/latest"', status=0), sentence="(added; of each delivery: 169.254.169.254 is no public address)"),
    Case("webhook-file", "AddWebhook to file:///etc/passwd", "only http and https", r"url: 'file:///etc/passwd' is not an http or https URL", call("/crossmill.v1.Webhooks/AddWebhook", "AddWebhookRequest", 'url: "file:///etc/passwd"', status=3)),
    Case("predict-nothing", "Predict of an empty recipe", "checks at submission", r"", call("/crossmill.v1.Predictions/Predict", "PredictRequest", "", status=(0, 3)), sentence="(nothing, or INVALID_ARGUMENT)"),
    Case("reflection-of-everything", "server reflection without a token", "there is none unless `--reflection` asks for it", r"", call("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", raw=b"", token=None, status=12), sentence="(nothing but the protocol)"),
]


@corpus("clients", CASES)
class ClientsTest(HostileTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tokens = {"client": cls.farm.client_token, "read": cls.farm.token("read", "readers"),
                      "submit": cls.farm.token("submit", "submitters"), None: None}

    def run_case(self, case):
        data = case.data
        token = self.tokens.get(data["token"], data["token"])
        if "first" in data:
            status, said, _ = wire.unary(self.farm.port, data["method"], encode(data["message"], data["first"]), token)
            self.assertEqual(status, 0, said)
        message = data["raw"] if "raw" in data else encode(data["message"], data["text"]) if data["message"] else b""
        with wire.Call(self.farm.port, data["method"], token, data.get("fields", ())) as call:
            call.send(message, end=True, compressed=data.get("compressed", 0), length=data.get("length"))
            status, said, messages = call.status(15), call.said(), call.messages()
        if "answer" in data:
            said += "".join(wire.decode(data["answer"], one) for one in messages)
        if data["method"].endswith("SubmitBuild") and status == 0:
            said += self.end_of(wire.decode("SubmitBuildResponse", messages[0]), token)
        self.assert_case(case, f"{said}\nstatus {status}")
        wanted = data["status"] if isinstance(data["status"], tuple) else (data["status"],)
        self.assertIn(status, wanted, said)
        if data.get("empty"):
            self.assertNotIn("builds {", wire.decode("ListBuildsResponse", messages[0]))

    def end_of(self, submitted, token):
        """What becomes of a build that was taken."""
        build = submitted.replace("existing: true", "")
        request = encode("GetBuildRequest", build)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            _, _, answer = wire.unary(self.farm.port, BUILDS + "GetBuild", request, token)
            view = wire.decode("BuildView", answer[0])
            if re.search(r"^status: BUILD_STATUS_(?!PLANNING|QUEUED|RUNNING)", view, re.M):
                return view
            time.sleep(0.1)
        raise AssertionError(f"it does not end: {view}")


if __name__ == "__main__":
    main()
