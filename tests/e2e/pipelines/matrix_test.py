#!/usr/bin/env python3
"""`crossmill build --matrix` on a real farm: one submission, one verdict, a tag and an index for each combination."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import farm
from farm import HTTP_PORT, HttpCase

OWN = f"linux/{farm.tiny_base.machine_architecture()}"
# One step for all combinations, one for each.
RECIPE = "FROM tiny\nRUN echo shared > /shared\nARG PYTHON\nRUN test \"$PYTHON\" != bad && echo $PYTHON > /python\n"


class Matrix(HttpCase):
    farm_options = {"workers": 2, "coordinator_options": ["--http", f"127.0.0.1:{HTTP_PORT}", "--limit", "combinations=3"]}

    def matrix(self, *arguments, code=0):
        return self.build_json(*arguments, code=code)

    def test_each_combination_is_an_index_with_its_tag(self):
        self.dockerfile(RECIPE)
        document = self.matrix("--matrix", "PYTHON=3.11,3.12", "-t", "app:{PYTHON}", "-o", f"type=oci,dest={self.context}/{{PYTHON}}.tar",
                               "--require", "reproducible", "--allow-same-host")
        self.assertEqual((document["status"], document["verdict"], document["platforms"]), ("succeeded", "reproducible", [OWN]))
        first, second = document["builds"]
        self.assertEqual([first["id"], second["id"]], [document["matrix_id"], document["matrix_id"] + 1])
        self.assertEqual(second["matrix"], {"id": first["id"], "place": 1, "arguments": {"PYTHON": "3.12"}})
        self.assertEqual([build["tags"] for build in document["builds"]], [["app:3.11"], ["app:3.12"]])
        self.assertNotEqual(first["index_digest"], second["index_digest"])
        for name in ("3.11.tar", "3.12.tar"):
            self.assertTrue((self.context / name).stat().st_size > 0)
        for build in document["builds"]:
            image = self.farm.cli("image", "inspect", "--json", build["tags"][0])
            self.assert_says(image, build["index_digest"])
        # What does not depend on the argument was executed once, or taken from the other.
        shared = [farm.step(build, "RUN echo shared")["key"] for build in document["builds"]]
        self.assertEqual(*shared)
        shown = self.farm.cli("show", f"m{document['matrix_id']}")
        self.assert_exit(shown, 0)
        self.assert_says(shown, "2 of 2 combinations succeeded", "PYTHON=3.12", "app:3.12", OWN)
        listed = self.farm.cli("ls", "-n", "1")
        self.assert_says(listed, f"m{document['matrix_id']}: PYTHON=3.12")
        # As the page has it.
        view = self.json(f"/api/v1/matrices/{second['id']}")
        self.assertEqual((view["id"], view["status"], view["verdict"]), (str(first["id"]), "BUILD_STATUS_SUCCEEDED", "VERDICT_REPRODUCIBLE"))
        self.assertEqual([build["matrix"]["combination"][0]["value"] for build in view["builds"]], ["3.11", "3.12"])

    def test_one_that_fails_fails_the_matrix_and_the_others_go_on(self):
        self.dockerfile(RECIPE)
        result = self.build("--matrix", "PYTHON=3.11,bad")
        self.assert_exit(result, 1)
        self.assert_says(result, "1 of 2 combinations succeeded", "[PYTHON=bad]", "Dockerfile:4", "exit code 1")
        # A name that both have is told once, by what failed.
        changes = [change for change in self.json("/api/v1/changes")["changes"] if change["name"].endswith(f":{self.context}")]
        self.assertEqual([(change["status"], change["reason"].split(":")[0]) for change in changes], [("BUILD_STATUS_FAILED", "PYTHON=bad")])

    def test_the_file_has_odd_cells(self):
        self.dockerfile(RECIPE)
        self.write("m.toml", "[matrix]\nPYTHON = [\"3.11\", \"3.12\"]\n[[exclude]]\nPYTHON = \"3.11\"\n[[include]]\nPYTHON = \"3.14\"\n")
        document = self.matrix("--matrix-file", self.context / "m.toml", "-t", "odd:{PYTHON}")
        self.assertEqual([build["tags"] for build in document["builds"]], [["odd:3.12"], ["odd:3.14"]])

    def test_what_is_refused_submits_nothing(self):
        self.dockerfile(RECIPE)
        newest = json.loads(self.farm.cli("ls", "--json", "-n", "1").stdout)[:1]
        for arguments, words, code in [(["-t", "app:1"], ["app:1 would be the image of PYTHON=1", "{PYTHON}"], 2),
                                       (["-t", "app:{PYTHNO}"], ["{PYTHNO} is not varied"], 2),
                                       (["--load"], ["--load is about one build"], 2),
                                       (["--matrix", "MORE=1,2"], ["has 4 combinations; the farm takes at most 3"], 5),
                                       (["--iidfile", self.context / "iid"], ["would have the same"], 2)]:
            with self.subTest(arguments):
                result = self.build("--matrix", "PYTHON=1,2", *arguments)
                self.assert_exit(result, code)
                self.assert_says(result, *words)
        self.dockerfile("FROM tiny\nNOTHING\n")
        self.assert_exit(self.build("--matrix", "PYTHON=1,2"), 1)
        self.assertEqual(json.loads(self.farm.cli("ls", "--json", "-n", "1").stdout)[:1], newest)

    def test_it_is_cancelled_as_one(self):
        self.dockerfile("FROM tiny\nARG A\nRUN sleep 600\n")
        started = self.farm.build(self.context, "--matrix", "A=1,2,3", "--detach")
        self.assert_exit(started, 0)
        number = started.stdout.strip()
        self.assertRegex(number, r"^m\d+$")
        self.assert_exit(self.farm.cli("cancel", number), 0)
        watched = self.farm.cli("watch", "--json", number)
        self.assert_exit(watched, 130)
        self.assertEqual([build["status"] for build in json.loads(watched.stdout)["builds"]], ["cancelled"] * 3)

    def test_hosts_are_counted(self):
        self.dockerfile(RECIPE)
        # Both workers are of one machine.
        one = self.build("--matrix", "PYTHON=7", "--require", "reproducible", "--min-hosts", "1", "--allow-same-host")
        self.assert_exit(one, 0)
        for more in (["--allow-same-host"], []):
            result = self.build("--build-arg", "PYTHON=7", "--require", "reproducible", "--min-hosts", "2", *more)
            self.assert_exit(result, 8)
            self.assert_says(result, "--min-hosts 2: the verdict (", "rests on executions on fewer hosts")
        # The recorded executions of one machine stay those, however often they are taken from the cache.
        self.assert_exit(self.build("--matrix", "PYTHON=7", "--require", "reproducible", "--min-hosts", "2", "--allow-same-host"), 8)
        for arguments in (["--min-hosts", "2"], ["--require", "reproducible", "--verify", "2", "--min-hosts", "3"]):
            self.assert_exit(self.build(*arguments), 2)


if __name__ == "__main__":
    farm.main()
