"""Recorded builds built again, and recipes over time, on a real farm: crossmill verify, history, reverify.

Two workers of one machine, so every build allows the same host.
"""
import json

from farm import FarmTestCase, main, tiny_archive

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


if __name__ == "__main__":
    main()
