#!/usr/bin/env python3
"""Two projects on one farm that try each other's builds, consoles, packages, cache and caches, by the command line and by HTTP;
and a farm without projects, whose caches stay as they were."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from farm import HttpCase, main, step, wait_for


class WallsTest(HttpCase):
    mark = "vault-of-the-bank"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tokens = {}
        for project in ("bank", "shop"):
            assert cls.farm.cli("admin", "project", "create", project).returncode == 0
            cls.tokens[project] = cls.create(f"{project}-ci", "--project", project)
        cls.tokens["everybody"] = cls.create("everybody")
        cls.tokens["boss"] = cls.create("boss", "--role", "operate")

    @classmethod
    def create(cls, name, *options):
        made = cls.farm.cli("admin", "token", "create", name, *options, "--json")
        assert made.returncode == 0, made.stderr
        return json.loads(made.stdout)["token"]

    def as_(self, who, *arguments):
        """The command line over TCP, with the token of that project."""
        return self.farm.cli(*arguments, env={"CROSSMILL_COORDINATOR": f"127.0.0.1:{self.farm.port}",
                                              "CROSSMILL_TOKEN": self.tokens[who]})

    def json_as(self, who, *arguments):
        result = self.as_(who, *arguments, "--json")
        self.assert_exit(result, 0)
        return json.loads(result.stdout)

    def get(self, who, path, verb="GET"):
        status, _, body = self.request(verb, path, b"{}" if verb == "POST" else None, token=False,
                                       Authorization=f"Bearer {self.tokens[who]}", Content_Type="application/json")
        return status, body.decode()

    def build_as(self, who, *arguments):
        result = self.as_(who, "build", "--progress", "plain", *arguments, self.context)
        self.assert_exit(result, 0)
        return self.json_as(who, "show")

    def marked(self):
        self.dockerfile(f"""
            FROM tiny
            RUN echo {self.mark}
            """)
        return self.build_as("bank")

    def test_builds_and_consoles_of_another_project_are_not_there(self):
        build = self.marked()
        number = str(build["id"])
        self.assertIn(self.mark, self.as_("bank", "logs", number).stdout)
        self.assertIn(self.mark, self.as_("boss", "logs", number).stdout)
        for who in ("shop", "everybody"):
            for command in (["show"], ["logs"], ["watch"], ["cancel"], ["retry"], ["packages"], ["verify"], ["diff"],
                            ["pin"], ["attest"]):
                none = self.as_(who, *command, "987654")
                hidden = self.as_(who, *command, number)
                self.assertEqual(hidden.returncode, none.returncode, f"{who} {command}: {hidden.stderr}")
                self.assertNotEqual(hidden.returncode, 0)
                self.assertEqual(hidden.stderr.replace(number, "N"), none.stderr.replace("987654", "N"), f"{who} {command}")
                self.assertNotIn(self.mark, hidden.stdout + hidden.stderr)
            self.assertNotIn(build["id"], [each["id"] for each in self.json_as(who, "ls")])
        self.assertIn(build["id"], [each["id"] for each in self.json_as("bank", "ls")])
        self.assertIn(build["id"], [each["id"] for each in self.json_as("boss", "ls")])

    def test_a_shared_build_is_read_by_number_and_only_read(self):
        build = self.marked()
        number = str(build["id"])
        self.assertNotEqual(self.as_("shop", "share", number).returncode, 0)
        shared = self.as_("bank", "share", number)
        self.assert_exit(shared, 0)
        self.addCleanup(self.as_, "bank", "share", "--undo", number)
        self.assertIn(f"build {number} can be read by all projects", shared.stdout)
        self.assertIn("already", self.as_("boss", "share", number).stdout)
        self.assertIn(self.mark, self.as_("shop", "logs", number).stdout)
        self.assertIn("all projects may read it", self.as_("shop", "show", number).stdout)
        self.assertEqual(self.json_as("shop", "show", number)["id"], build["id"])
        self.assertNotIn(build["id"], [each["id"] for each in self.json_as("shop", "ls")])
        for command in (["verify"], ["pin"], ["share"]):
            refused = self.as_("shop", *command, number)
            self.assertNotEqual(refused.returncode, 0, command)
        self.assertEqual(self.get("shop", f"/api/v1/builds/{number}")[0], 200)
        self.assertEqual(self.get("shop", f"/api/v1/builds/{number}/share", "POST")[0], 403)
        self.assert_exit(self.as_("bank", "share", "--undo", number), 0)
        self.assertNotEqual(self.as_("shop", "show", number).returncode, 0)

    def test_images_of_another_project_are_not_there(self):
        self.dockerfile(f"""
            FROM tiny
            RUN echo {self.mark} > /secret
            """)
        self.build_as("bank", "-t", f"team/strongroom:1")
        image = self.json_as("bank", "image", "inspect", f"team/strongroom:1")
        for who in ("shop", "everybody"):
            self.assertNotIn("strongroom", self.as_(who, "image", "ls").stdout)
            for name in (f"team/strongroom:1", image["digest"]):
                for command in (["image", "inspect", name], ["image", "rm", name], ["image", "save", name, "-o", f"type=oci,dest={self.context}/x.tar"]):
                    hidden = self.as_(who, *command)
                    self.assertNotEqual(hidden.returncode, 0, command)
                    self.assertIn("is not in the farm's image store", hidden.stderr)
            # What everybody has is there, for building upon.
            self.assertIn("tiny", self.as_(who, "image", "ls").stdout)
        self.dockerfile(f"""
            FROM team/strongroom:1
            RUN cat /secret
            """)
        upon = self.as_("shop", "build", "--progress", "plain", self.context)
        self.assertNotEqual(upon.returncode, 0)
        self.assertNotIn("cached", upon.stderr)
        listed = self.as_("boss", "image", "ls")
        self.assertIn("project bank", listed.stdout)

    def test_the_http_door_has_the_same_walls(self):
        build = self.marked()
        number = build["id"]
        execution = step(build, f"RUN echo {self.mark}")["execution"]
        paths = [f"/api/v1/builds/{number}", f"/api/v1/builds/{number}/submission", f"/api/v1/builds/{number}/recipe",
                 f"/api/v1/builds/{number}/packages", f"/api/v1/builds/{number}/fetches",
                 f"/api/v1/builds/{number}/statements", f"/api/v1/builds/{number}/events",
                 f"/api/v1/builds/{number}/compare/{number}", f"/api/v1/history?build_id={number}",
                 f"/api/v1/executions/{execution}/log", f"/api/v1/executions/{execution}/log/stream",
                 f"/api/v1/executions/{execution}/log?download=1"]
        self.assertEqual(self.get("bank", paths[0])[0], 200)
        self.assertIn(self.mark, self.get("bank", f"/api/v1/executions/{execution}/log?download=1")[1])
        for who in ("shop", "everybody"):
            for path in paths:
                status, body = self.get(who, path)
                self.assertEqual(status, 404, f"{who} {path}: {body}")
                self.assertNotIn(self.mark, body)
            for verb in ("cancel", "retry", "verify"):
                status, body = self.get(who, f"/api/v1/builds/{number}/{verb}", "POST")
                self.assertEqual(status, 404, f"{who} {verb}: {body}")
            for path in ("/api/v1/builds", "/api/v1/wall", "/api/v1/states", "/api/v1/changes", "/api/v1/workers",
                         "/api/v1/feed", "/api/v1/wheels", "/api/v1/packages/compiled"):
                status, body = self.get(who, path)
                self.assertEqual(status, 200, f"{path}: {body}")
                self.assertNotIn(self.mark, body)
                self.assertNotIn(f'"id":"{number}"', body.replace(" ", ""))

    def test_the_latest_build_is_the_latest_that_one_sees(self):
        self.dockerfile("""
            FROM tiny
            RUN echo shop
            """)
        ours = self.build_as("shop")
        self.marked()
        self.assertEqual(self.json_as("shop", "show")["id"], ours["id"])

    def test_a_task_of_another_project_has_no_name(self):
        self.dockerfile(f"""
            FROM tiny
            RUN sleep 60 && echo {self.mark}-slow
            """)
        self.assert_exit(self.as_("bank", "build", "--detach", self.context), 0)
        number = self.json_as("bank", "ls")[0]["id"]
        try:
            def running():
                return [task for worker in self.json_as("boss", "worker", "ls") for task in worker.get("tasks", [])]
            wait_for(running, "the step")
            self.assertIn(str(number), " ".join(running()))
            seen = [task for worker in self.json_as("shop", "worker", "ls") for task in worker.get("tasks", [])]
            self.assertEqual(seen, ["a task of another project"])
        finally:
            self.as_("bank", "cancel", str(number))

    def test_neither_the_step_cache_nor_cache_mounts_are_shared(self):
        self.dockerfile("""
            FROM tiny
            RUN --mount=type=cache,id=treasure,target=/cache echo gold > /cache/left
            RUN date +%N > /made
            """)
        first = self.build_as("bank")
        again = self.build_as("bank")
        other = self.build_as("shop")
        self.assertEqual(step(again, "RUN date")["status"], "cached")
        self.assertEqual(step(other, "RUN date")["status"], "executed")
        self.assertNotEqual(step(first, "RUN date")["execution"], step(other, "RUN date")["execution"])
        # What the bank left in its cache the shop does not find, under the same id.
        def sees(who):
            self.dockerfile("""
                FROM tiny
                RUN --mount=type=cache,id=treasure,target=/cache echo in the cache: && cat /cache/left || echo nothing
                """)
            return self.as_(who, "logs", str(self.build_as(who)["id"])).stdout
        self.assertIn("gold", sees("bank"))
        for who in ("everybody", "boss"):
            self.assertIn("nothing", sees(who))
        # The shop's own step has left the same word: another one tells whose it is.
        self.dockerfile("""
            FROM tiny
            RUN --mount=type=cache,id=treasure,target=/cache echo silver > /cache/left
            """)
        self.build_as("shop")
        self.assertIn("silver", sees("shop"))
        self.dockerfile("""
            FROM tiny
            RUN --mount=type=cache,id=treasure,target=/cache cat /cache/left && echo still
            """)
        self.assertIn("gold", self.as_("bank", "logs", str(self.build_as("bank")["id"])).stdout)


if __name__ == "__main__":
    main()
