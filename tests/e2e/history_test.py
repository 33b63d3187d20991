"""Recorded builds built again, and recipes over time, on a real farm: crossmill verify, history, reverify.

Two workers of one machine, so every build allows the same host.
"""
import json

from farm import FarmTestCase, main, tiny_archive, wait_for

STEADY = """
    FROM tiny
    RUN mkdir /app && echo steady >/app/text
    """
DATED = """
    FROM tiny
    RUN mkdir /app && echo steady >/app/text
    RUN date +%s >/app/stamp
    """


class HistoryCase(FarmTestCase):
    farm_options = {"workers": 2}

    def verified(self, text, code, *options):
        """A build of the recipe, judged: its document."""
        self.dockerfile(text)
        result = self.build("--json", "--verify", "2", "--allow-same-host", "--require", "reproducible", "-t", "app:1",
                            *options)
        self.assert_exit(result, code)
        return json.loads(result.stdout)

    def verify(self, build, code, *options):
        result = self.farm.cli("verify", str(build), "--json", *options)
        self.assert_exit(result, code)
        return json.loads(result.stdout)


class VerifyTest(HistoryCase):
    def test_a_reproducible_build_is_equal_again_also_after_its_recipe_changed(self):
        first = self.verified(STEADY, 0)
        self.verified(DATED, 3)
        document = self.verify(first["id"], 0)
        self.assertEqual(document["result"], "equal", document)
        self.assertEqual(document["rebuild_of"], first["id"])
        self.assertEqual(document["index_now"], first["index_digest"])
        cell, = document["cells"]
        self.assertEqual([level["equal"] for level in cell["levels"]], [True] * 4, cell["levels"])
        self.assertEqual([step["agrees"] for step in cell["comparison"]["steps"]], [True])
        again = self.farm.show(str(document["id"]))
        self.assertEqual(again["stages"][0]["steps"][0]["status"], "executed", "nothing comes from the cache")

    def test_what_differs_from_then_is_named_by_line_path_and_cause(self):
        build = self.verified(DATED, 3)
        document = self.verify(build["id"], 3)
        self.assertEqual(document["result"], "different")
        cell, = document["cells"]
        self.assertIn("Dockerfile:3", cell["reason"])
        self.assertEqual(cell["difference"], "unreproducible")
        levels = {level["level"]: level for level in cell["levels"]}
        self.assertFalse(levels["layers"]["equal"])
        self.assertEqual(levels["layers"]["layers"] - levels["layers"]["equal_layers"], 1)
        same, differing = cell["comparison"]["steps"]
        self.assertTrue(same["agrees"])
        self.assertIn("app/stamp", [each["path"] for each in differing["differences"]])
        self.assertIn("embedded-time", [each["cause"]["class"] for each in differing["causes"]], differing["causes"])
        text = self.farm.cli("verify", str(build["id"]))
        self.assert_exit(text, 3)
        self.assert_says(text, "different", "Dockerfile:3", "app/stamp")

    def test_several_hosts_are_compared_too(self):
        build = self.verified(STEADY, 0)
        document = self.verify(build["id"], 0, "--hosts", "2", "--allow-same-host")
        self.assertEqual(document["verdict"], "reproducible", document)
        # One machine is not two hosts: nothing is claimed.
        document = self.verify(build["id"], 6, "--hosts", "2")
        self.assertEqual(document["result"], "equal")
        self.assertEqual(document["verdict"], "inconclusive")

    def test_the_name_stays_with_the_last_build(self):
        first = self.verified(STEADY, 0)
        self.dockerfile(DATED)
        last = self.build_json("-t", "app:1")
        self.verify(first["id"], 0)
        image = json.loads(self.farm.cli("image", "inspect", "app:1", "--json").stdout)
        self.assertEqual(image["digest"], last["index_digest"])

    def test_a_base_that_moved_is_the_one_of_then(self):
        build = self.verified(STEADY, 0)
        try:
            # The name now means an image that this very farm made.
            self.dockerfile("FROM tiny\nRUN echo moved >/moved\n")
            self.assert_exit(self.build("-t", "tiny"), 0)
            self.assertEqual(self.verify(build["id"], 0)["result"], "equal")
        finally:
            self.farm.import_base("tiny", tiny_archive())

    def test_what_cannot_be_verified_is_said(self):
        self.dockerfile("FROM tiny\nRUN exit 3\n")
        self.assert_exit(self.build(), 1)
        refused = self.farm.cli("verify")
        self.assert_exit(refused, 2)
        self.assert_says(refused, "no image of it to compare with")
        self.assert_exit(self.farm.cli("verify", "999999"), 2)


class HistoryTest(HistoryCase):
    def history(self, *arguments, code=0):
        result = self.farm.cli("history", *arguments, "--json")
        self.assert_exit(result, code)
        return json.loads(result.stdout)

    def test_a_recipe_that_went_bad_and_was_repaired(self):
        good = self.verified(STEADY, 0)
        self.write("note", "a file that COPY might read")
        bad = self.verified(DATED, 3)
        document = self.history("app")
        self.assertEqual([(row["build"], row["verdict"]) for row in document["rows"]],
                         [(bad["id"], "unreproducible"), (good["id"], "reproducible")])
        self.assertTrue(document["rows"][0]["same_host"])
        self.assertEqual(document["rows"][1]["image_digest"], good["cells"][0]["image_digest"])
        regression, = document["regressions"]
        self.assertEqual((regression["last_good"], regression["first_bad"], regression["good_again"]),
                         (good["id"], bad["id"], None))
        step, = regression["steps"]
        self.assertEqual((step["file"], step["line"]), ("Dockerfile", 3))
        self.assertIn("embedded-time", [cause["class"] for cause in step["causes"]])
        lines = regression["changes"]["dockerfile_lines"]
        self.assertEqual([(line["now"], line["text"]) for line in lines], [(3, "RUN date +%s >/app/stamp")])
        self.assertEqual([(change["path"], change["kind"]) for change in regression["changes"]["context"]],
                         [("Dockerfile", "content"), ("note", "added")])
        self.assertEqual(regression["changes"]["bases"], [])

        repaired = self.verified(STEADY, 0, "--no-cache")
        regression, = self.history("app:latest")["regressions"]
        self.assertEqual((regression["first_bad"], regression["good_again"]), (bad["id"], repaired["id"]))
        text = self.farm.cli("history", "app")
        self.assert_says(text, f"bad from build {bad['id']} on, good again in build {repaired['id']}",
                         "RUN date +%s >/app/stamp", "2 reproducible, 1 unreproducible")
        self.assertEqual(self.history(str(good["id"]), "-n", "1")["more"], True, "a build names its recipe")

        # What is verified again is the newest that was reproducible; the timer is off, so only when asked.
        due = self.farm.cli("reverify", "--older-than", "7d", "--json")
        self.assertEqual(json.loads(due.stdout)["builds"], [], "nothing is that old")
        due = json.loads(self.farm.cli("reverify", "--older-than", "0s", "--dry-run", "--json").stdout)
        self.assertEqual([build["build"] for build in due["builds"]], [repaired["id"]])
        submitted = json.loads(self.farm.cli("reverify", "--older-than", "0s", "--max", "1", "--json").stdout)
        rebuild = submitted["builds"][0]["rebuild"]
        self.assert_exit(self.farm.cli("watch", str(rebuild)), 0)
        row = next(row for row in self.history("app")["rows"] if row["build"] == rebuild)
        self.assertEqual((row["rebuild_of"], row["rebuild_result"], row["standing"]),
                         (repaired["id"], "equal", "good"))
        self.assert_says(self.farm.cli("history", "app"), f"equal to build {repaired['id']}")

    def test_names_that_nobody_built(self):
        result = self.farm.cli("history", "nobody/built-this")
        self.assert_exit(result, 2)
        self.assert_says(result, "expected an image name")
        self.assert_exit(self.farm.cli("reverify", "--older-than", "soon"), 2)


class TimerTest(HistoryCase):
    farm_options = {"workers": 2, "coordinator_options": ("--reverify-older-than", "1s", "--reverify-max", "1")}

    def test_an_idle_farm_verifies_again_by_itself(self):
        build = self.verified(STEADY, 0)
        wait_for(lambda: any(row["rebuild_of"] == build["id"] for row in json.loads(
            self.farm.cli("history", "app", "--json").stdout)["rows"]), "a rebuild by the timer", 150)


if __name__ == "__main__":
    main()
