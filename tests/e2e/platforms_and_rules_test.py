"""What is told beside a verdict or of a cause, on a real farm: paths that should be the same on every platform, known files of
an operator, rules of --normalize that would take a cause out, levels."""
import json
import pathlib
import subprocess

from farm import BIN, FarmTestCase, main

BOTH = "linux/amd64,linux/arm64"


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


class KnownFilesTest(FarmTestCase):
    @classmethod
    def setUpClass(cls):
        cls.rules = pathlib.Path("/var/tmp/crossmill-e2e-known.rules")
        cls.rules.write_text("file srv/house.db\n  class cache\n  when unknown,random\n  say our index, made anew\n"
                             "  do Keep it out: ask the house.\n")
        cls.addClassCleanup(cls.rules.unlink)
        cls.farm_options = {"workers": 2, "coordinator_options": ["--known-files", str(cls.rules)]}
        super().setUpClass()

    def verify(self, text, *options):
        self.dockerfile(text)
        result = self.build("--json", "--verify", "2", "--allow-same-host", *options)
        self.assert_exit(result, 0)
        cell, = json.loads(result.stdout)["cells"]
        return cell["comparison"]

    def cause(self, comparison):
        group, = [group for step in comparison["steps"] for group in step["causes"]]
        return group["cause"]

    def test_a_rule_of_the_operator_says_what_it_is(self):
        cause = self.cause(self.verify("FROM tiny\nRUN head -c 40 /dev/urandom >/srv/house.db || mkdir /srv && "
                                       "head -c 40 /dev/urandom >/srv/house.db\n"))
        self.assertEqual((cause["class"], cause["rule"], cause["remedy"]),
                         ("cache", "srv/house.db", "Keep it out: ask the house."))
        self.assertTrue(cause["evidence"].startswith("our index, made anew; "), cause)

    def test_a_wrong_file_keeps_the_coordinator_from_starting_with_file_and_line(self):
        wrong = self.write("wrong.rules", "file a\n  when nonsense\n  say x\n")
        done = subprocess.run([BIN / "crossmill-coordinator", "--data", self.context / "data", "--known-files", wrong],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 5)
        self.assertIn(f"--known-files: {wrong}:1: there is no class 'nonsense' of causes", done.stderr)

    LOG = "FROM tiny\nRUN mkdir -p /var/log && date +%s >/var/log/dpkg.log\n"

    def test_a_rule_of_normalize_is_named_where_it_would_help(self):
        cause = self.cause(self.verify(self.LOG))
        self.assertEqual((cause["class"], cause["normalize"]), ("embedded-time", "apt-logs"))
        self.assertTrue(cause["remedy"].endswith("Or crossmill build --normalize=apt-logs"), cause)

    def test_what_it_names_does_help(self):
        self.assertEqual(self.verify(self.LOG, "--normalize=apt-logs")["level"], "image")

    def test_a_rule_that_was_applied_is_not_named(self):
        # A file with another name is not written into: the rule does nothing.
        comparison = self.verify("FROM tiny\nRUN mkdir -p /var/log && date +%s >/var/log/dpkg.log && "
                                 "ln /var/log/dpkg.log /copy\n", "--normalize=apt-logs")
        causes = [group["cause"] for step in comparison["steps"] for group in step["causes"]]
        self.assertEqual({(cause["class"], cause["normalize"]) for cause in causes}, {("embedded-time", None)})

    def test_levels(self):
        times = "FROM tiny\nRUN busybox touch -d @1$(date +%s | cut -c2-) /a && date +%s >/b\n"
        self.assertEqual(self.verify(times)["level"], "exports")
        # The same text, in an archive that has the time.
        packed = "FROM tiny\nRUN echo same >/a && busybox gzip -c /a >/a.gz && date +%s | busybox cut -c7-10 | " \
                 "busybox dd of=/a.gz bs=1 seek=4 count=4 conv=notrunc\n"
        self.assertEqual(self.verify(packed)["level"], "contents")


if __name__ == "__main__":
    main()
