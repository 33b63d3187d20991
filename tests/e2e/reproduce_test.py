"""`crossmill verify IMAGE`: images that somebody published, made again from what is said about them.

Published by another farm, with its statements beside the image, and by BuildKit, with its provenance in the index.
"""
import contextlib
import hashlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import unittest
import urllib.request

import daemons
from contexts_test import git, serving
from farm import Farm, free_port, main, require_program, require_root_and_user, tiny_archive

DOCKERFILE = """\
FROM {base}
ARG WORD=none
COPY . /app
RUN echo "$WORD" > /word && mkdir /made && chmod 2750 /made && ln -s /word /made/link
"""
CHANCE = "RUN cat /proc/sys/kernel/random/uuid > /chance\n"


class ReproduceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        require_root_and_user()
        require_program("git", "docker-registry", "skopeo")
        cls.stack = contextlib.ExitStack()
        cls.addClassCleanup(cls.stack.close)
        cls.folder = pathlib.Path(cls.stack.enter_context(
            tempfile.TemporaryDirectory(prefix="crossmill-published-", dir="/var/tmp")))
        cls.registry = cls.stack.enter_context(daemons.Registry(cls.folder, free_port()))
        if cls.registry.problem:
            raise unittest.SkipTest(cls.registry.problem)
        cls.base = cls.registry.push(tiny_archive(), "tiny:1")
        cls.web = cls.folder / "web"
        cls.web.mkdir()
        cls.server = cls.stack.enter_context(serving(cls.web))
        cls.farm = cls.stack.enter_context(Farm())

    def publish_source(self, name, dockerfile):
        """A bare repository that plain HTTP serves; its URL with the commit."""
        work = self.folder / f"work-{name}"
        work.mkdir()
        (work / "Dockerfile").write_text(dockerfile.format(base=self.base))
        (work / "v").write_text("1\n")
        git(work, "init", "--quiet", "-b", "main", ".")
        git(work, "add", "-A")
        git(work, "commit", "--quiet", "-m", "one")
        git(work, "clone", "--quiet", "--bare", ".", self.web / f"{name}.git")
        git(self.web / f"{name}.git", "update-server-info")
        return f"http://127.0.0.1:{self.server.server_port}/{name}.git", git(work, "rev-parse", "HEAD")

    def verify(self, image, *arguments, code=0):
        result = self.farm.cli("verify", image, "--json", *arguments)
        if result.returncode != code and result.stdout.startswith("{") and "comparison" in result.stdout:
            for platform in json.loads(result.stdout)["comparison"]["platforms"]:
                print(platform["fields"], [d for d in platform["files"]["differences"] if d["kind"] != "time"])
        self.assertEqual(result.returncode, code, f"{result.stdout[:6000]}\n{result.stderr[-4000:]}\n{self.farm.logs()}")
        made = json.loads(result.stdout)
        return made["error"]["message"] if "error" in made else made

    # ---- of another farm ----

    def published_by_a_farm(self, name, dockerfile, *arguments, from_folder=False):
        url, commit = self.publish_source(name, dockerfile)
        context = str(self.folder / f"work-{name}") if from_folder else f"{url}#{commit}"
        image = f"{self.registry.host}/{name}:1"
        with Farm() as other:
            built = other.build(context, "-t", image, *arguments)
            self.assertEqual(built.returncode, 0, built.stderr + other.logs())
            pushed = other.cli("image", "push", "--attest", image)
            self.assertEqual(pushed.returncode, 0, pushed.stderr)
        return image

    def test_another_farms_image_is_made_again_byte_for_byte(self):
        image = self.published_by_a_farm("own", DOCKERFILE, "--build-arg", "WORD=said")
        made = self.verify(image, "--level", "image")
        self.assertEqual(made["result"], "equal")
        self.assertEqual({p["strictest_equal"] for p in made["platforms"]}, {"image"})
        self.assertEqual(made["recipe"]["arguments"], {"WORD": "said"})
        self.assertEqual(made["recipe"]["gaps"], [])
        self.assertEqual(made["recipe"]["commit"], git(self.folder / "work-own", "rev-parse", "HEAD"))
        self.assertEqual(len(made["recipe"]["pins"]), 1)
        text = self.farm.cli("verify", image).stdout
        self.assertIn("✓ made again", text)

    def test_chance_is_different_and_an_altered_context_is_named(self):
        image = self.published_by_a_farm("chance", DOCKERFILE + CHANCE)
        made = self.verify(image, code=3)
        self.assertEqual(made["result"], "different")
        self.assertIn("chance", json.dumps(made["comparison"]))
        other = self.folder / "altered"
        shutil.copytree(self.folder / "work-chance", other, ignore=shutil.ignore_patterns(".git"))
        (other / "v").write_text("2\n")
        made = self.verify(image, "--context", other, code=6)
        self.assertIn("not the one of then", " ".join(made["recipe"]["gaps"]))

    def test_a_dockerfile_in_place_of_the_one_of_then_is_told(self):
        image = self.published_by_a_farm("file", DOCKERFILE)
        other = self.folder / "other.Dockerfile"
        other.write_text(DOCKERFILE.format(base=self.base) + "RUN echo more > /more\n")
        made = self.verify(image, "--context", self.folder / "work-file", "--file", other, code=6)
        self.assertIn("the Dockerfile that was sent now", " ".join(made["recipe"]["gaps"]))

    # ---- an image that lies ----

    def send(self, method, path, body=None, kind="application/octet-stream"):
        address = path if path.startswith("http") else f"http://{self.registry.host}/v2/{path}"
        request = urllib.request.Request(address, data=body, method=method, headers={
            "Content-Type": kind, "Accept": "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.headers, answer.read()

    def put_blob(self, repository, content):
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        headers, _ = self.send("POST", f"{repository}/blobs/uploads/", b"")
        place = headers["Location"]
        self.send("PUT", place + ("&" if "?" in place else "?") + f"digest={digest}", content)
        return {"digest": digest, "size": len(content)}

    def put_manifest(self, repository, reference, document):
        content = json.dumps(document).encode()
        self.send("PUT", f"{repository}/manifests/{reference}", content, document["mediaType"])
        return {"mediaType": document["mediaType"], "digest": "sha256:" + hashlib.sha256(content).hexdigest(), "size": len(content)}

    def test_a_config_that_lies_about_its_layers_proves_nothing(self):
        """The config and so all diffIDs are the honest ones; the top layer's blob is another, and the provenance fits."""
        url, commit = self.publish_source("lie", DOCKERFILE)
        image = f"{self.registry.host}/lie:1"
        with Farm() as other:
            built = other.build(f"{url}#{commit}", "-t", image, "--push")
            self.assertEqual(built.returncode, 0, built.stderr)
        index = json.loads(self.send("GET", "lie/manifests/1")[1])
        manifest = json.loads(self.send("GET", f"lie/manifests/{index['manifests'][0]['digest']}")[1])
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz") as tar:
            entry = tarfile.TarInfo("word")
            entry.size = 5
            tar.addfile(entry, io.BytesIO(b"evil\n"))
        manifest["layers"][-1] |= self.put_blob("lie", archive.getvalue())
        lied = self.put_manifest("lie", "evil", manifest)
        statement = {"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://slsa.dev/provenance/v1",
                     "subject": [{"name": "lie", "digest": {"sha256": lied["digest"].removeprefix("sha256:")}}],
                     "predicate": {"buildDefinition": {
                         "buildType": "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",
                         "externalParameters": {"configSource": {"uri": url, "digest": {"sha1": commit}, "path": "Dockerfile"},
                                                "request": {"frontend": "dockerfile.v0", "args": {}}}},
                         "runDetails": {"metadata": {"buildkit_completeness": {"request": True}}}}}
        kind = "application/vnd.oci.image.manifest.v1+json"
        artifact = {"schemaVersion": 2, "mediaType": kind,
                    "config": {"mediaType": "application/vnd.oci.empty.v1+json", **self.put_blob("lie", b"{}")},
                    "layers": [{"mediaType": "application/vnd.in-toto+json",
                                **self.put_blob("lie", json.dumps(statement).encode())}],
                    "subject": lied}
        about = self.put_manifest("lie", "about", artifact)
        self.put_manifest("lie", lied["digest"].replace(":", "-"),
                          {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [about]})
        made = self.verify(f"{self.registry.host}/lie:evil", code=6)
        self.assertEqual((made["result"], made["platforms"][0]["strictest_equal"]), ("unknown", "none"))
        self.assertIn("diffID", made["comparison"]["platforms"][0]["files_problem"])
        self.assertIsNone(made["comparison"]["platforms"][0]["layers_equal"])

    def test_nothing_comes_from_the_cache(self):
        image = self.published_by_a_farm("again", DOCKERFILE + CHANCE)
        self.verify(image, code=3)
        made = self.verify(image, code=3)
        build = self.farm.show(str(made["build"]))
        self.assertEqual({step["status"] for stage in build["stages"] for step in stage["steps"]
                          if step["instruction"] == "RUN"}, {"executed"})

    def test_a_level_is_for_images_of_others(self):
        context = self.folder / "mine"
        context.mkdir()
        (context / "Dockerfile").write_text(f"FROM {self.base}\nRUN echo b > /b\n")
        self.assertEqual(self.farm.build(context, "-t", "mine:1", "--metadata-file", self.folder / "mine.json").returncode, 0)
        self.assertIn("images of others", self.verify("mine:1", "--level", "image", code=2))

    def test_a_folder_of_somebody_else_has_to_be_given(self):
        image = self.published_by_a_farm("folder", DOCKERFILE, from_folder=True)
        said = self.verify(image, code=5)
        self.assertIn("--context", said)
        made = self.verify(image, "--context", self.folder / "work-folder", "--level", "image")
        self.assertEqual(made["result"], "equal")

    def test_an_image_of_which_nothing_is_said(self):
        image = self.registry.push(tiny_archive(), "silent:1")
        said = self.verify(image, code=2)
        self.assertIn("nothing says how", said)

    def test_an_image_of_this_farm_is_verified_by_its_build(self):
        context = self.folder / "here"
        context.mkdir()
        (context / "Dockerfile").write_text(f"FROM {self.base}\nRUN echo a > /a\n")
        built = self.farm.build(context, "-t", "here:1", "--metadata-file", self.folder / "here.json")
        self.assertEqual(built.returncode, 0, built.stderr)
        made = self.verify("here:1")
        self.assertEqual(made["cells"][0]["result"] if "result" in made["cells"][0] else made["result"], "equal")

    # ---- of BuildKit ----

    def published_by_buildkit(self, name, dockerfile, mode, *arguments):
        url, commit = self.publish_source(name, dockerfile)
        peer = type(self).buildkit()
        if peer.problem:
            self.skipTest(peer.problem)
        image = f"{self.registry.host}/{name}:1"
        result = subprocess.run(
            [*peer.client, "build", "--builder", "peer", "--provenance", f"mode={mode}", "--push", "-t", image,
             "--allow", "network.host", "--network", "host", *arguments, f"{url}#{commit}"],
            env={**os.environ, **peer.environment}, capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        return image

    _buildkit = None

    @classmethod
    def buildkit(cls):
        if cls._buildkit is None:
            cls._buildkit = cls.stack.enter_context(daemons.BuildKit(cls.folder, cls.registry))
        return cls._buildkit

    def test_buildkits_image_has_the_same_files_although_its_base_has_moved(self):
        image = self.published_by_buildkit("kit", DOCKERFILE, "max", "--build-arg", "WORD=said")
        # What the base's name means now is something else.
        moved = self.folder / "moved"
        moved.mkdir()
        (moved / "Dockerfile").write_text(f"FROM {self.base}\nRUN echo moved > /moved\n")
        with Farm() as other:
            built = other.build(moved, "-t", self.base, "--push")
            self.assertEqual(built.returncode, 0, built.stderr)
        try:
            made = self.verify(image)
        finally:
            self.registry.push(tiny_archive(), "tiny:1")
        self.assertEqual(made["result"], "equal", made)
        self.assertEqual(made["recipe"]["arguments"], {"WORD": "said"})
        self.assertEqual(made["recipe"]["gaps"], [])

    def test_buildkits_least_provenance_leaves_arguments_out(self):
        image = self.published_by_buildkit("least", DOCKERFILE, "min", "--build-arg", "WORD=said")
        made = self.verify(image, code=6)
        self.assertEqual(made["result"], "unknown")
        self.assertIn("mode=min", " ".join(made["recipe"]["gaps"]))
        made = self.verify(image, "--build-arg", "WORD=said")
        self.assertEqual(made["result"], "equal")

    def test_buildkits_image_with_chance_in_it_is_different(self):
        image = self.published_by_buildkit("dice", DOCKERFILE + CHANCE, "max")
        made = self.verify(image, code=3)
        paths = [d["path"] for p in made["comparison"]["platforms"] for d in p["files"]["differences"]
                 if d["kind"] != "time"]
        # The base has none of the others: BuildKit leaves the runtime's mount points behind.
        self.assertEqual(sorted(set(paths) - {"dev", "proc", "sys"}), ["chance"], made)


if __name__ == "__main__":
    main()
