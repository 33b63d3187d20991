#!/usr/bin/env python3
"""Hostile registries: one on the loopback that lies, trickles, sends elsewhere and never ends, by repository."""
import contextlib
import hashlib
import http.server
import io
import itertools
import json
import re
import tarfile
import threading
import time

from corpus import NASTY, Case, HostileTest, corpus
from farm import main
import tiny_base

INDEX, MANIFEST, CONFIG, LAYER = ("application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json",
                                  "application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar")
ARCHITECTURE = tiny_base.machine_architecture()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def descriptor(data, kind, **more):
    return {"mediaType": kind, "digest": digest(data), "size": len(data), **more}


def image(config=None, manifest=None, made=itertools.count(1)):
    """Manifest and blobs of an image whose layer no other has; `config` and `manifest` change the documents."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.addfile(tarfile.TarInfo(f"layer-{next(made)}"))
    layer = layer.getvalue()
    document = {"architecture": ARCHITECTURE, "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [digest(layer)]}}
    document = config(document) if config else document
    blob = document if isinstance(document, bytes) else json.dumps(document).encode()
    top = {"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(blob, CONFIG), "layers": [descriptor(layer, LAYER)]}
    top = manifest(top) if manifest else top
    return top if isinstance(top, bytes) else json.dumps(top).encode(), {digest(blob): blob, digest(layer): layer}


def changed(**more):
    return lambda document: {**document, **more}


class Registry(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        with contextlib.suppress(OSError):
            self.server.seen.append(self.path)
            match = re.match(r"/v2/([^/]+)/(manifests|blobs)/(.*)", self.path)
            if not match:
                return self.reply(200, b"{}")
            answer = self.server.repositories[match[1]]
            answer(self, match[2], match[3])

    def reply(self, status, body=b"", kind="application/json", **fields):
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **fields}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def begin(self, length, kind=MANIFEST):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        else:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()

    def trickle(self, pause=0.5):
        while not self.server.stopping:
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(pause)

    def endless(self, block=b" " * (1 << 16)):
        while not self.server.stopping:
            self.wfile.write(block)

    def log_message(self, *_):
        pass


def serve(made, kind=MANIFEST):
    """A repository of a manifest and its blobs."""
    top, blobs = made

    def answer(handler, what, name):
        if what == "manifests":
            return handler.reply(200, top, kind)
        if name in blobs:
            return handler.reply(200, blobs[name], "application/octet-stream")
        return handler.reply(404, b'{"errors":[{"code":"BLOB_UNKNOWN"}]}')
    return answer


def manifests(document, kind=MANIFEST):
    """A repository whose manifest is these bytes."""
    return serve((document, {}), kind)


def first(act, made=None):
    """A repository whose manifest is answered by `act`, and whose blobs are there."""
    return lambda handler, what, name: act(handler) if what == "manifests" else serve(made or image())(handler, what, name)


def blobs(act):
    """A good manifest with blobs that are answered by `act`."""
    good = serve(image())
    return lambda handler, what, name: good(handler, what, name) if what == "manifests" else act(handler)


def swapped():
    """A good manifest whose layer comes as other bytes of the same number."""
    top, found = image()
    return serve((top, {name: data.swapcase() if data.startswith(b"layer") else data for name, data in found.items()}))


def index(*entries):
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": list(entries)}).encode()


def deep_index(handler, what, name, depth=60):
    """An index in an index in an index: each one names the next, all with right digests."""
    chain = [b'{"schemaVersion":2}']
    for _ in range(depth):
        chain.append(index(descriptor(chain[-1], INDEX if len(chain) > 1 else MANIFEST, platform={"os": "linux", "architecture": ARCHITECTURE})))
    by_name = {digest(document): document for document in chain}
    if what == "manifests":
        document = by_name.get(name, chain[-1])
        return handler.reply(200, document, MANIFEST if document is chain[0] else INDEX)
    return serve(image())(handler, what, name)


def broken(text):
    return lambda handler: handler.reply(200, text, MANIFEST)


DEEP = b'{"a":' * 200000 + b"1" + b"}" * 200000

CASES = [
    Case("manifest-endless", "a manifest without end", "largest document (8 MiB)", r"manifest over 8388608 bytes", (first(lambda h: (h.begin(None), h.endless())), (1, 5))),
    Case("manifest-says-exabytes", "a manifest whose Content-Length is 2^62", "largest document (8 MiB)", r"manifest over 8388608 bytes", (first(lambda h: (h.begin(1 << 62), h.endless())), (1, 5))),
    Case("manifest-of-9-megabytes", "a good manifest with 9 MB of blanks", "largest document (8 MiB)", r"manifest over 8388608 bytes", (first(broken(b" " * (9 << 20))), (1, 5))),
    Case("manifest-trickles", "a manifest of a byte each half second, and --timeout 4", "the build's `--timeout`; without one, the pull's floor rate", r"(the client ended the build at its|the build took longer than its) --timeout", (first(lambda h: (h.begin(1000), h.trickle())), 124)),
    Case("manifest-cut", "a manifest that breaks off", "Content-Length", r"transfer closed with 4998 bytes remaining to read", (first(lambda h: (h.begin(5000), h.wfile.write(b"{}"), setattr(h, "close_connection", True))), (1, 5))),
    Case("manifest-not-json", "a manifest that is HTML", "documents are JSON", r"not JSON: .* parse error at line 1, column 1", (first(broken(b"<html>please log in</html>")), (1, 5))),
    Case("manifest-deep", "a manifest nested 200,000 deep", "members of documents", r"image document: neither an image manifest nor an index", (first(broken(DEEP)), (1, 5))),
    Case("manifest-is-a-list", "a manifest that is a list", "members of documents", r"image document: not a JSON object", (first(broken(b"[]")), (1, 5))),
    Case("manifest-schema-1", "a manifest of schema 1, whose layers have no digest of content", "media types", r"Docker schema 1 is not supported; push the image again with a current tool", (first(broken(b'{"schemaVersion":1,"fsLayers":[],"history":[]}')), (1, 5))),
    Case("manifest-twice-the-key", "layers named twice: which one counts?", "the JSON reader", r"image document: 'config' has a bad digest",
         (serve((b'{"schemaVersion":2,"layers":[],"layers":[{}],"config":{}}', {})), (1, 5))),
    Case("media-type-confusion", "an index under the media type of a manifest", "what it is is read from the document", r"the image has no platform linux/\w+; it has none", (manifests(index(), MANIFEST), (1, 5))),
    Case("index-of-nothing", "an index without images", "platforms of an index", r"the image has no platform linux/\w+; it has none", (manifests(index(), INDEX), (1, 5))),
    Case("index-in-index", "an index in an index, 60 deep", "depth of indexes", r"image index: nested too deeply", (deep_index, (1, 5))),
    Case("index-names-itself", "an index that names its own tag's digest", "digests of documents", r"arrived with digest sha256:.*, not sha256:1111",
         (manifests(index({"mediaType": INDEX, "digest": "sha256:" + "1" * 64, "size": 100, "platform": {"os": "linux", "architecture": ARCHITECTURE}}), INDEX), (1, 5))),
    Case("digest-mismatch", "a manifest by digest that is another's", "digests of documents", r"arrived with digest sha256:.*, not sha256:2222", (serve(image()), (1, 5), "@sha256:" + "2" * 64)),
    Case("digest-not-hex", "layers whose digest is ../../../etc/passwd", "digests are 64 hex digits", r"'layers' has a bad digest: .* is not a digest of the form sha256:",
         (serve(image(manifest=lambda m: {**m, "layers": [{"mediaType": LAYER, "digest": "sha256:../../../../etc/passwd", "size": 5}]})), (1, 5))),
    Case("digest-of-md5", "layers with an md5 digest", "only SHA-256", r"'layers' has a bad digest: .* is not a digest of the form sha256:",
         (serve(image(manifest=lambda m: {**m, "layers": [{"mediaType": LAYER, "digest": "md5:" + "0" * 32, "size": 5}]})), (1, 5))),
    Case("size-negative", "a layer of -1 bytes", "members of documents", r"image document: 'layers' has no size",
         (serve(image(manifest=lambda m: {**m, "layers": [{**m["layers"][0], "size": -1}]})), (1, 5))),
    Case("size-of-exabytes", "a layer that says it is 2^62 bytes", "bytes beyond the end are not there", r"ended after 10240 of 4611686018427387904 bytes",
         (serve(image(manifest=lambda m: {**m, "layers": [{**m["layers"][0], "size": 1 << 62}]})), (1, 5))),
    Case("size-as-text", "a layer whose size is text", "members of documents", r"image document: 'layers' has no size",
         (serve(image(manifest=lambda m: {**m, "layers": [{**m["layers"][0], "size": "5"}]})), (1, 5))),
    Case("layers-by-thousands", "a manifest of 20,000 layers", "as many diffIDs as layers", r"image document: 'layers' has over 10000 entries",
         (serve(image(manifest=lambda m: {**m, "layers": m["layers"] * 20000})), (1, 5))),
    Case("layer-elsewhere", "a layer with urls to another server (foreign layers)", "urls are not followed", r"there is no blob sha256:3333",
         (serve(image(manifest=lambda m: {**m, "layers": [{"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "digest": "sha256:" + "3" * 64, "size": 5,
                                                           "urls": ["http://169.254.169.254/latest/meta-data"]}]})), (1, 5))),
    Case("layer-other-bytes", "a layer with other bytes than its digest", "digests of blobs", r"digest", (swapped(), (1, 5))),
    Case("layer-endless", "a layer without end", "sizes of blobs", r"has more than its 10240 bytes|has more", (blobs(lambda h: (h.begin(None), h.endless())), (1, 5))),
    Case("layer-not-there", "a layer that is not there", "the registry's answer", r"there is no blob sha256:.*, HTTP 404; check name and tag", (blobs(lambda h: h.reply(404, b"{}")), (1, 5))),
    Case("config-not-json", "a config that is no JSON", "configs are JSON", r"not JSON: .* parse error at line 1, column 1", (serve(image(config=lambda c: b"\xff\xfe{")), (1, 5))),
    Case("config-deep", "a config nested 200,000 deep", "members of documents", r"image document: 'architecture' or 'os' is missing from the image config", (serve(image(config=lambda c: DEEP)), (1, 5))),
    Case("config-of-9-megabytes", "a config of 9 MB", "largest document (8 MiB)", r"an image document of 9437357 bytes", (serve(image(config=lambda c: json.dumps(c).encode() + b" " * (9 << 20))), (1, 5))),
    Case("config-other-diff-ids", "a config whose diffIDs are not those of the layers", "digests of unpacked layers", r"its content has diffID sha256:.*, the image config says sha256:4444", (serve(image(config=changed(rootfs={"type": "layers", "diff_ids": ["sha256:" + "4" * 64]}))), (1, 5))),
    Case("config-too-few-diff-ids", "a config with fewer diffIDs than layers", "as many diffIDs as layers", r"1 layers, but its config has 0 diffIDs", (serve(image(config=changed(rootfs={"type": "layers", "diff_ids": []}))), (1, 5))),
    Case("config-env-nasty", "a config whose variables have escapes, line feeds and NULs", "text is made printable", r"", (serve(image(config=changed(config={"Env": [f"A={NASTY}", "B=a\0b", "=", "C\nD=e"]}))), (0, 1, 5)), sentence="(the image's own)"),
    Case("config-user-nasty", "a config whose user is an escape sequence", "resolved in the step's root", r"succeeded sha256:", (serve(image(config=changed(config={"User": NASTY}))), 0), sentence="(no step runs as it: the image is made, what is printed has no escape)"),
    Case("config-types", "a config whose members are of other types", "members of documents", r"127.0.0.1|config|JSON|type", (serve(image(config=changed(config={"Env": {"a": 1}, "Cmd": 5, "Labels": []}))), (0, 1, 5))),
    Case("config-onbuild", "a base with 1 ONBUILD that is FROM", "triggers of a base", r"ONBUILD trigger of the base: FROM cannot be a trigger", (serve(image(config=changed(config={"OnBuild": ["FROM tiny", "RUN true"]}))), (1, 5))),
    Case("config-time-nasty", "created: a time that is none", "members of documents", r"", (serve(image(config=changed(created="9999999-99-99T99:99:99Z"))), (0, 1, 5)), sentence="(no time)"),
    Case("redirect-loop", "a manifest that sends to itself", "number of redirects", r"Maximum \(10\) redirects followed", (first(lambda h: h.reply(307, b"", Location=h.path)), (1, 5))),
    Case("redirect-to-file", "a manifest that sends to file:///etc/passwd", "only http and https", r"Protocol .file. not supported or disabled", (first(lambda h: h.reply(307, b"", Location="file:///etc/passwd")), (1, 5))),
    Case("redirect-to-gopher", "a blob that sends to gopher://", "only http and https", r"not supported or disabled", (blobs(lambda h: h.reply(307, b"", Location="gopher://127.0.0.1:70/x")), (1, 5))),
    Case("token-elsewhere", "Www-Authenticate to another server: whose credentials?", "none are sent that are not for it", r"GET http://127.0.0.1:1/token.*: Failed to connect",
         (first(lambda h: h.reply(401, b"{}", Www_Authenticate='Bearer realm="http://127.0.0.1:1/token",service="x"')), (1, 4, 5))),
    Case("token-realm-file", 'Bearer realm="file:///etc/passwd"', "only http and https", r"'file:///etc/passwd' is not an http or https URL", (first(lambda h: h.reply(401, b"{}", Www_Authenticate='Bearer realm="file:///etc/passwd"')), (1, 4, 5))),
    Case("challenge-of-kilobytes", "a Www-Authenticate of 60 kB of commas and quotes", "the challenge's reader", r"'' is not an http or https URL", (first(lambda h: h.reply(401, b"{}", Www_Authenticate='Bearer ' + 'a="\\",' * 10000)), (1, 4, 5))),
    Case("fields-of-megabytes", "an answer with 20 MB of fields", "largest fields", r"Too large response headers: ", (first(lambda h: (h.send_response(200), [h.send_header(f"X-{i}", "y" * 60000) for i in range(350)], h.end_headers())), (1, 5))),
    Case("error-nasty", "an error whose message has escapes", "text is made printable", r"access to tag '1' is denied, HTTP 403 \(DENIED: a\?\[31mred", (first(lambda h: h.reply(403, json.dumps({"errors": [{"code": "DENIED", "message": NASTY}]}).encode())), (1, 4, 5))),
    Case("retry-for-ever", "429 with Retry-After: 999999999, and --timeout 4", "longest wait; the build's `--timeout`", r"(the client ended the build at its|the build took longer than its) --timeout", (first(lambda h: h.reply(429, b"{}", Retry_After="999999999")), 124)),
]


@corpus("registries", CASES)
class RegistriesTest(HostileTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
        cls.server.daemon_threads = True
        cls.server.stopping, cls.server.seen = False, []
        cls.server.repositories = {case.name: case.data[0] for case in CASES} | {"honest": serve(image())}
        thread = threading.Thread(target=cls.server.serve_forever)
        thread.start()

        def stop():
            cls.server.stopping = True
            cls.server.shutdown()
            thread.join()
            cls.server.server_close()
        cls.addClassCleanup(stop)

    def base(self, repository, tag=":1"):
        return f"127.0.0.1:{self.server.server_port}/{repository}{tag}"

    def run_case(self, case):
        answer, codes, *tag = case.data
        self.write("file", "x")
        self.dockerfile(f"FROM {self.base(case.name, *tag)}\nCOPY file /f\n")
        result = self.build(*(["--timeout", "4"] if codes == 124 else []))
        self.assertIn(result.returncode, codes if isinstance(codes, tuple) else (codes,), self.story(result))
        self.assertNotIn("root:x:0:0", result.stdout + result.stderr)
        self.assert_case(case, result.stdout + result.stderr, self.story(result))

    def test_the_image_of_the_cases_is_good(self):
        """Else they would hold for another reason."""
        self.write("file", "x")
        self.dockerfile(f"FROM {self.base('honest')}\nCOPY file /f\n")
        self.assert_exit(self.build(), 0)


if __name__ == "__main__":
    main()
