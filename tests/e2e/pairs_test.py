"""Two recorded builds beside each other, and two images, on a real farm: crossmill diff A B. And the platforms of one build
beside each other, in what should not depend on them."""
import io
import json
import tarfile
import time

from farm import FarmTestCase, main

FIRST = """
    FROM tiny
    ENV COLOUR=red
    RUN mkdir /app && echo one >/app/text
    RUN echo same >/app/same
    CMD ["one"]
    """
SECOND = """
    FROM tiny
    ENV COLOUR=blue
    RUN mkdir /app && echo two >/app/text
    RUN echo same >/app/same
    LABEL added=yes
    CMD ["one"]
    """


BOTH = "linux/amd64,linux/arm64"


class PairCase(FarmTestCase):
    farm_options = {"workers": 1}

    def built(self, text, *options):
        self.dockerfile(text)
        return self.build_json(*options)

    def diff(self, first, second, *options, code=0):
        result = self.farm.cli("diff", str(first), str(second), "--json", *options)
        self.assert_exit(result, code)
        return json.loads(result.stdout)

    def text(self, first, second, *options):
        result = self.farm.cli("diff", str(first), str(second), *options)
        self.assert_exit(result, 0)
        return result


class BuildsTest(PairCase):
    def test_steps_correspond_as_far_as_they_do_and_where_they_part_is_named(self):
        first = self.built(FIRST)
        second = self.built(SECOND)
        document = self.diff(first["id"], second["id"])
        self.assertEqual((document["first"], document["second"]), (first["id"], second["id"]))
        pair, = document["platforms"]
        self.assertEqual(pair["result"], "different")
        levels = {level["level"]: level for level in pair["levels"]}
        self.assertEqual(levels["layers"]["layers"] - levels["layers"]["equal_layers"], 1)
        self.assertEqual(levels["image"]["first"], first["cells"][0]["image_digest"])
        self.assertEqual(levels["image"]["second"], second["cells"][0]["image_digest"])
        told = [(step["state"], (step["first"] or step["second"])["text"]) for step in pair["steps"]]
        self.assertEqual(told, [
            ("equal", "FROM tiny"), ("only-first", "ENV COLOUR=red"),
            ("only-first", "RUN mkdir /app && echo one >/app/text"), ("only-second", "ENV COLOUR=blue"),
            ("only-second", "RUN mkdir /app && echo two >/app/text"), ("equal", "RUN echo same >/app/same"),
            ("only-second", "LABEL added=yes"), ("equal", 'CMD ["one"]')])
        self.assertEqual(pair["steps"][5]["same_key"], False)
        self.assertEqual(pair["steps"][pair["divergence"]]["first"]["line"], 2)
        self.assertIn("ENV COLOUR=red", pair["divergence_reason"])
        self.assertIn("RUN mkdir /app && echo two >/app/text",
                      [line["text"] for line in pair["changes"]["dockerfile_lines"]])
        text = self.text(first["id"], second["id"])
        images = [build["cells"][0]["image_digest"] for build in (first, second)]
        self.assert_says(text, "crossmill diff " + " ".join(images))
        config, = self.diff(*images)["platforms"]
        self.assertIn("config.Labels.added", [field["field"] for field in config["fields"]])
        self.assert_says(text, "they part here: only build", "COLOUR=red", f"given otherwise to build {second['id']}")

    def test_what_was_given_the_same_and_made_something_else_has_its_paths_and_causes(self):
        recipe = """
            FROM tiny
            RUN mkdir /app
            RUN date +%s >/app/stamp
            RUN cp /app/stamp /app/copy
            """
        first = self.built(recipe)
        time.sleep(1.1)
        second = self.built(recipe, "--no-cache")
        pair, = self.diff(first["id"], second["id"])["platforms"]
        self.assertEqual([step["state"] for step in pair["steps"]], ["equal", "equal", "different", "different"])
        self.assertEqual(pair["divergence"], 2)
        self.assertIn("Dockerfile:3 was given the same", pair["divergence_reason"])
        stamp, copy = pair["steps"][2:]
        self.assertEqual((stamp["same_key"], stamp["after_difference"]), (True, False))
        self.assertEqual((copy["same_key"], copy["after_difference"]), (False, True))
        self.assertIn("app/stamp", [each["path"] for each in stamp["comparison"]["differences"]])
        self.assertIn("embedded-time", [each["cause"]["class"] for each in stamp["comparison"]["causes"]])
        self.assertEqual(pair["changes"]["dockerfile_lines"], [])
        self.assert_says(self.text(first["id"], second["id"]), "app/stamp", "embedded-time", "on other layers",
                         "no input that is recorded differs")

    def test_equal_builds_and_one_that_failed(self):
        first = self.built(FIRST)
        again = self.built(FIRST, "--no-cache")
        pair, = self.diff(first["id"], again["id"])["platforms"]
        self.assertEqual((pair["result"], pair["divergence"]), ("equal", None))
        self.assert_says(self.text(first["id"], again["id"]), "byte for byte the image")
        self.dockerfile(FIRST.replace("echo same >/app/same", "echo same >/app/same && exit 7"))
        failed = json.loads(self.build("--json").stdout)
        pair, = self.diff(first["id"], failed["id"])["platforms"]
        self.assertEqual(pair["result"], "unknown")
        self.assertIn("has no image", pair["reason"])

    def test_what_cannot_be_compared_is_said(self):
        first = self.built(FIRST, "-t", "app:1")
        self.assert_exit(self.farm.cli("diff", str(first["id"]), "999999"), 2)
        mixed = self.farm.cli("diff", str(first["id"]), "app:1")
        self.assert_exit(mixed, 2)
        self.assert_says(mixed, "two builds can be compared, or two images")
        self.assert_exit(self.farm.cli("diff", "1", "2", "--html", "page.html"), 2)
        self.assert_exit(self.farm.cli("diff", str(first["id"]), str(first["id"]), "--platform", "linux/s390x"), 2)


class ImagesTest(PairCase):
    def test_config_layers_and_files_are_told(self):
        first = self.built(FIRST, "-t", "app:1")
        self.built(SECOND, "-t", "app:2")
        document = self.diff("app:1", "app:2")
        self.assertFalse(document["equal"])
        self.assertEqual(document["first"]["digest"], first["index_digest"])
        pair, = document["platforms"]
        fields = {field["field"]: (field["first"], field["second"]) for field in pair["fields"]}
        self.assertEqual(fields["config.Env.COLOUR"], ("red", "blue"))
        self.assertEqual(fields["config.Labels.added"], (None, "yes"))
        self.assertNotIn("config.Cmd", fields)
        self.assertEqual([layer["equal"] for layer in pair["layers"]], [True, False, True])
        self.assertEqual(pair["files"]["differences_total"], 1)
        difference, = pair["files"]["differences"]
        self.assertEqual((difference["path"], difference["kind"]), ("app/text", "content"))
        text = self.text("app:1", first["index_digest"])
        self.assert_says(text, "equal: both are")
        text = self.text("app:1", "app:2")
        self.assert_says(text, "of the builds that made them more is recorded", "config.Env.COLOUR", "layers: 2 of 3 equal", "1 path differs", "app/text")

    def test_other_layers_with_one_file_system_are_no_difference_of_files(self):
        self.built("FROM tiny\nRUN mkdir /app && echo x >/app/x\nRUN rm -r /app && mkdir /app && echo y >/app/y\n",
                   "-t", "long:1", "--source-date-epoch", "1000")
        self.built("FROM tiny\nRUN mkdir /app && echo y >/app/y\n", "-t", "short:1", "--source-date-epoch", "1000")
        pair, = self.diff("long:1", "short:1")["platforms"]
        self.assertFalse(pair["layers_equal"])
        self.assertEqual(len(pair["layers"]), 3)
        self.assertEqual(pair["files"]["differences"], [], pair["files"])
        self.assert_says(self.text("long:1", "short:1"), "equal, whatever layers")

    def test_an_image_of_elsewhere_beside_one_of_the_farm(self):
        self.built("FROM tiny\nRUN echo more >/etc/more\n", "-t", "more:1")
        pair, = self.diff("tiny", "more:1")["platforms"]
        self.assertEqual([layer["equal"] for layer in pair["layers"]], [True, False])
        self.assertEqual(pair["layers"][1]["first"], None)
        kinds = {each["path"]: each["kind"] for each in pair["files"]["differences"]}
        self.assertEqual(kinds.get("etc/more"), "only-second", kinds)
        self.assert_says(self.text("tiny", "more:1"), "it is there only on the second image")

    def test_causes_show_in_the_bytes(self):
        def archive(mtime):
            out = io.BytesIO()
            with tarfile.open(fileobj=out, mode="w") as tar:
                info = tarfile.TarInfo("inner")
                info.mtime, info.size = mtime, 4
                tar.addfile(info, io.BytesIO(b"same"))
            return out.getvalue()
        for version, mtime in (("1", 1700000000), ("2", 1700003600)):
            self.write("made.tar", archive(mtime))
            self.built("FROM tiny\nCOPY made.tar /made.tar\n", "-t", f"packed:{version}")
        pair, = self.diff("packed:1", "packed:2")["platforms"]
        self.assertEqual([each["path"] for each in pair["files"]["differences"]], ["made.tar"])
        cause, = pair["files"]["causes"]
        self.assertEqual(cause["paths"], ["made.tar"])
        self.assertNotEqual(cause["cause"]["class"], "unknown", cause)

    def test_unknown_images(self):
        self.assert_exit(self.farm.cli("diff", "tiny", "nobody/built-this"), 2)


class NeutralTest(FarmTestCase):
    """Nothing is executed, so it needs no emulation."""
    farm_options = {"workers": 1}

    def build_both(self, files, *options):
        """`files`: {path: (on amd64, on arm64)}, copied to the root. The build's document."""
        for path, contents in files.items():
            for architecture, content in zip(("amd64", "arm64"), contents):
                if content is None:
                    continue
                target = self.context / architecture / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(content)
        self.dockerfile("FROM scratch\nARG TARGETARCH\nCOPY ${TARGETARCH} /\n")
        result = self.build("--json", "--platform", BOTH, *options)
        self.assert_exit(result, 0)
        return json.loads(result.stdout)

    def kinds(self, document):
        return {each.pop("kind"): each for each in document["neutral"]["kinds"]}

    def test_what_should_be_the_same_is_compared_and_nothing_else(self):
        info = "usr/lib/python3/dist-packages/pure-1.0.dist-info"
        document = self.build_both({
            "usr/share/doc/a/copyright": ("free", "free"),
            "usr/share/doc/a/only": ("x", None),
            "usr/lib/library.so": ("amd64", "arm64"),
            "srv/app.js": ("one\n", "two\n"),
            f"{info}/WHEEL": ("Tag: py3-none-any\n",) * 2,
            f"{info}/RECORD": (f"pure/a.py,,\npure-1.0.dist-info/WHEEL,,\n",) * 2,
            "usr/lib/python3/dist-packages/pure/a.py": ("same\nx86\n", "same\narm\n"),
        }, "--neutral", "/srv/*.js")
        self.assertEqual(self.kinds(document), {
            "chosen": {"compared": 1, "equal": 0, "not_everywhere": 0},
            "wheel": {"compared": 2, "equal": 1, "not_everywhere": 0},
            "documents": {"compared": 1, "equal": 1, "not_everywhere": 1}})
        self.assertEqual([each["path"] for each in document["neutral"]["differences"]],
                         ["srv/app.js", "usr/lib/python3/dist-packages/pure/a.py"])
        wheel = document["neutral"]["differences"][1]
        self.assertEqual((wheel["platform"], wheel["example"]["place"]), ("linux/arm64", "line 2"))
        self.assertIsNone(document["neutral"]["problem"])
        # It is no verdict.
        self.assertEqual({cell["verdict"] for cell in document["cells"]}, {"unverified"})
        report = self.farm.cli("show", str(document["id"])).stdout
        self.assertIn("what should be the same on every platform of linux/amd64, linux/arm64", report)
        self.assertIn("wheel 1 of 2 equal", report)
        self.assertIn("documents 1 of 1 equal; 1 that not every platform has, not compared", report)
        # The same once more, from the record.
        shown = json.loads(self.farm.cli("show", str(document["id"]), "--json").stdout)
        self.assertEqual(shown["neutral"]["differences"], document["neutral"]["differences"])

    def test_one_platform_has_nothing_to_compare(self):
        (self.context / "doc").mkdir()
        (self.context / "doc" / "a").write_text("x")
        self.dockerfile("FROM scratch\nCOPY doc /usr/share/doc\n")
        result = self.build("--json")
        self.assert_exit(result, 0)
        self.assertIsNone(json.loads(result.stdout)["neutral"])

    def test_an_empty_glob_is_refused(self):
        self.dockerfile("FROM scratch\nCOPY Dockerfile /\n")
        result = self.build("--neutral", "")
        self.assert_exit(result, 2)
        self.assertIn("--neutral: expected a glob of paths", result.stderr)


if __name__ == "__main__":
    main()
