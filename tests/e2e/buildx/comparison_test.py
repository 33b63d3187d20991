#!/usr/bin/env python3
"""The same commands of Docker's clients at a farm and at a buildkitd beside it, where one runs: what is pushed and sent, and what rules
about sources let a build take."""
import functools
import hashlib
import http.server
import json
import pathlib
import stat
import subprocess
import tarfile
import tempfile
import threading

# First: it says where what all tests share is.
from outputs_test import PLATFORMS

from beside_buildkit import BesideBuildkit
from farm import main


class ComparisonTest(BesideBuildkit):
    """The same commands at the farm and at a buildkitd."""

    def both(self, *words):
        """Metadata of the farm's and of the daemon's; "NAME" in a word is a name of its own in the registry."""
        told = []
        for who, environment in self.sides.items():
            name = f"{self.registry.host}/compared/{who}:1"
            environment = {"BUILDX_NO_DEFAULT_ATTESTATIONS": "0", **environment}
            self.bx(*[str(word).replace("NAME", name).replace("OUT", f"{self.out}/{who}") for word in words], "--metadata-file",
                    self.out / "metadata.json", env=environment)
            told.append((name, self.metadata()))
        return told

    def shape(self, reference):
        """Media types, platforms and annotations' names of what a registry has."""
        document = json.loads(self.raw(reference))
        described = document.get("manifests", document.get("layers", []))
        return (document["mediaType"], sorted(document.get("annotations", {})),
                [(each["mediaType"], each.get("platform"), sorted(each.get("annotations", {}))) for each in described])

    def compare(self, *words):
        (farm, ours), (peer_name, theirs) = self.both(*words)
        self.assertEqual({key for key in theirs if key.startswith(("containerimage", "image"))},
                         {key for key in ours if key.startswith(("containerimage", "image"))})
        self.assertEqual(self.shape(farm), self.shape(peer_name))
        self.assertEqual(set(ours["containerimage.descriptor"]), set(theirs["containerimage.descriptor"]))

    def test_pushes_have_the_same_shape(self):
        for words in (("-t", "NAME", "--push", "--provenance=false"), ("-t", "NAME", "--push"),
                      ("-t", "NAME", "--push", "--platform", PLATFORMS), ("-t", "NAME", "--push", "--provenance", "mode=max"),
                      ("-o", "type=image,name=NAME,push=true,oci-mediatypes=false", "--provenance=false"),
                      ("-o", "type=image,name=NAME,push=true,compression=zstd,force-compression=true", "--provenance=false"),
                      ("-o", "type=image,name=NAME,push=true,oci-artifact=false"),
                      ("-t", "NAME", "--push", "--annotation", "index:a=1", "--annotation", "b=2")):
            with self.subTest(" ".join(words)):
                self.compare(*words)

    def test_archives_hold_the_same_kinds_of_files(self):
        for kind in ("oci", "docker"):
            with self.subTest(kind):
                (_, ours), (_, theirs) = self.both("-t", "NAME", "-o", f"type={kind},dest=OUT.tar")
                names = []
                for who in ("farm", "peer"):
                    with tarfile.open(self.out / f"{who}.tar") as tar:
                        names.append({name for name in tar.getnames() if not name.startswith("blobs/sha256/")})
                        index = json.load(tar.extractfile("index.json"))
                        names.append(sorted(index["manifests"][0]["annotations"]))
                self.assertEqual(names[0], names[2])
                self.assertEqual(names[1], names[3])
                # What buildx adds of its own it reads from the history of builds.
                self.assertEqual(*({key for key in told if not key.startswith("buildx.")} for told in (ours, theirs)))

    def under_rules(self, rules):
        """What a build that ADDs a file comes to under rules about sources, here and there: the file, or None."""
        policy = self.out / "policy.json"
        policy.write_text(json.dumps({"version": 1, "rules": rules}))
        came = []
        for who, environment in self.sides.items():
            out = self.out / f"rules-{who}"
            subprocess.run(["rm", "-rf", out], check=True)
            result = self.buildx("build", "--progress", "plain", "--no-cache", "-o", f"type=local,dest={out}", self.context,
                                 env={**environment, "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY": str(policy)})
            came.append((out / "f").read_text() if result.returncode == 0 else None)
        return came

    def test_rules_about_images_mean_the_same(self):
        digests = {}
        for tag, text in (("1", "one\n"), ("2", "two\n")):
            self.write("f", text)
            self.dockerfile("FROM scratch\nCOPY f /f\n")
            self.bx("-t", f"{self.registry.host}/rules:{tag}", "--push", "--metadata-file", self.out / "metadata.json")
            digests[tag] = self.metadata()["containerimage.digest"]
        name = f"docker-image://{self.registry.host}/rules"
        first, second = f"{name}:1", f"{name}:2"

        def rule(action, source, match="WILDCARD", **updates):
            return {"action": action, "selector": {"identifier": source, "match_type": match}, **({"updates": updates} if updates else {})}
        for recipe in (f"FROM {self.registry.host}/rules:1\n", f"FROM scratch\nCOPY --from={self.registry.host}/rules:1 /f /f\n"):
            self.dockerfile(recipe)
            for what, rules, expected in (
                    ("denied", [rule("DENY", "docker-image://*")], None),
                    ("denied exactly", [rule("DENY", first, "EXACT")], None),
                    ("denied by what its name means", [rule("DENY", f"*@{digests['1']}")], None),
                    ("another meaning is denied", [rule("DENY", f"*@{digests['2']}")], "one\n"),
                    ("let through by name alone", [rule("DENY", "docker-image://*"), rule("ALLOW", first, "EXACT")], None),
                    ("let through with what it means", [rule("DENY", "docker-image://*"), rule("ALLOW", f"{first}*")], "one\n"),
                    ("another tag", [rule("CONVERT", first, identifier=second)], "two\n"),
                    ("pinned", [rule("CONVERT", first, identifier=f"{first}@{digests['2']}")], "two\n"),
                    ("pinned by a wildcard", [rule("CONVERT", f"{first}*", identifier=f"{name}@{digests['2']}")], "two\n"),
                    ("named by its parts", [rule("CONVERT", f"{name}:1*", identifier=f"{name}:2${{1}}")], "two\n"),
                    ("round and round", [rule("CONVERT", f"{first}*", identifier=second), rule("CONVERT", f"{second}*", identifier=first)], None)):
                with self.subTest(f"{recipe.split()[1]}: {what}"):
                    farm, peer_has = self.under_rules(rules)
                    self.assertEqual(farm, peer_has, "as a buildkitd has it")
                    self.assertEqual(farm, expected)

    def test_rules_about_sources_mean_the_same(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-web-", dir="/var/tmp"))
        self.addCleanup(subprocess.run, ["rm", "-rf", folder], capture_output=True)
        (folder / "f").write_text("one\n")
        (folder / "g").write_text("two\n")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder)))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        url = f"http://127.0.0.1:{server.server_port}"
        self.dockerfile(f"FROM scratch\nADD {url}/f /\n")

        def rule(action, source, match="WILDCARD", constraints=(), **updates):
            return {"action": action, "selector": {"identifier": source, "match_type": match, "constraints": list(constraints)},
                    **({"updates": updates} if updates else {})}

        def condition(value, how):
            return [{"key": "http.filename", "value": value, "condition": how}]
        digest = "sha256:" + hashlib.sha256(b"one\n").hexdigest()
        for name, rules, expected in (
                ("denied", [rule("DENY", f"{url}/f")], None),
                ("another is denied", [rule("DENY", f"{url}/g")], "one\n"),
                ("wildcard", [rule("DENY", "http://*")], None),
                ("exact has no wildcard", [rule("DENY", "http://*", "EXACT")], "one\n"),
                ("the last one wins", [rule("DENY", "http://*"), rule("ALLOW", f"{url}/*")], "one\n"),
                ("the last one wins again", [rule("ALLOW", f"{url}/*"), rule("DENY", "http://*")], None),
                ("folders are sources", [rule("DENY", "*"), rule("ALLOW", "http://*")], None),
                ("and can be let through", [rule("DENY", "*"), rule("ALLOW", "http://*"), rule("ALLOW", "local://*")], "one\n"),
                ("converted", [rule("CONVERT", f"{url}/f", identifier=f"{url}/g")], "two\n"),
                ("converted by parts", [rule("CONVERT", f"{url}/*", "WILDCARD", condition("f", "EQUAL"), identifier=f"{url}/g?${{1}}")], None),
                ("converted by an expression", [rule("CONVERT", "/f$", "REGEX", identifier="/g")], "two\n"),
                ("denied once converted", [rule("DENY", f"{url}/g"), rule("CONVERT", f"{url}/f", identifier=f"{url}/g")], None),
                ("round and round", [rule("CONVERT", f"{url}/f", identifier=f"{url}/g"), rule("CONVERT", f"{url}/g", identifier=f"{url}/f")], None),
                ("the right checksum", [rule("CONVERT", f"{url}/f", attrs={"http.checksum": digest})], "one\n"),
                ("a wrong checksum", [rule("CONVERT", f"{url}/f", attrs={"http.checksum": "sha256:" + "0" * 64})], None),
                ("a condition holds", [rule("DENY", f"{url}/*", "WILDCARD", condition("f", "EQUAL"))], None),
                ("a condition does not", [rule("DENY", f"{url}/*", "WILDCARD", condition("f", "NOTEQUAL"))], "one\n"),
                ("a condition that searches", [rule("DENY", f"{url}/*", "WILDCARD", condition("^[a-f]$", "MATCHES"))], None),
                ("no such expression", [rule("DENY", "(", "REGEX")], None)):
            with self.subTest(name):
                farm, peer_has = self.under_rules(rules)
                self.assertEqual(farm, peer_has, "as a buildkitd has it")
                self.assertEqual(farm, expected)

    def test_folders_hold_the_same_files(self):
        self.both("-o", "type=local,dest=OUT")
        trees = []
        for who in ("farm", "peer"):
            root = self.out / who
            trees.append({str(path.relative_to(root)): (stat.S_IMODE(path.stat().st_mode), path.read_bytes() if path.is_file() else None)
                          for path in root.rglob("*")})
        self.assertEqual(*trees)


if __name__ == "__main__":
    main()
