"""`crossmill verify IMAGE`: images that somebody published, made again from what is said about them.

Published by another farm, with its statements beside the image, and by BuildKit, with its provenance in the index.
"""
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

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
