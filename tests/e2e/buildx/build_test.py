#!/usr/bin/env python3
"""`buildx build` on a farm: every attribute that it sends, as people use it."""
import json
import os
import subprocess
import tempfile

from buildx_farm import BuildxCase, vertices

from farm import main


class BuildTest(BuildxCase):
    farm_options = {"workers": 2}

    def test_a_small_recipe_comes_back_as_a_folder(self):
        self.write("hello", "hi\n")
        self.dockerfile("""
            FROM tiny
            COPY hello /hello
            RUN cat /hello /hello > /twice
        """)
        result, out = self.bx_local()
        self.assertEqual((out / "twice").read_text(), "hi\nhi\n")
        shown = vertices(result)
        for name in ("[internal] load build definition from Dockerfile", "[internal] load .dockerignore",
                     "[internal] load build context", "[2/3] COPY hello /hello"):
            self.assertIn(name, shown)
        self.assertTrue(any(name.startswith("[1/3] FROM ") for name in shown), shown)

    def test_the_second_time_everything_is_cached(self):
        self.dockerfile("FROM tiny\nRUN echo once > /once\n")
        self.bx()
        again = self.bx()
        self.assertRegex(again.stderr, r"(?m)^#\d+ \[2/2\] RUN echo once > /once\n#\d+ CACHED")

    def test_the_output_of_a_step_is_shown(self):
        self.dockerfile("FROM tiny\nRUN echo said by the step && echo and complained >&2\n")
        result = self.bx()
        self.assertRegex(result.stderr, r"(?m)^#\d+ [\d.]+ said by the step$")
        self.assertRegex(result.stderr, r"(?m)^#\d+ [\d.]+ and complained$")

    def test_it_is_a_build_like_others(self):
        self.dockerfile("FROM tiny\nRUN echo listed > /x\n")
        number = self.number_of(self.bx())
        listed = json.loads(self.farm.cli("ls", "--json").stdout)
        self.assertIn(number, [build["id"] for build in listed])
        self.assertEqual(self.farm.show(number)["status"], "succeeded")

    # ---- what is built ----

    def test_the_target_is_a_stage(self):
        self.dockerfile("FROM tiny AS one\nRUN echo 1 > /n\nFROM tiny AS two\nRUN echo 2 > /n\n")
        result, out = self.bx_local("--target", "one")
        self.assertEqual((out / "n").read_text(), "1\n")
        self.assertIn("[one 2/2] RUN echo 1 > /n", vertices(result))

    def test_a_target_that_there_is_not(self):
        self.dockerfile("FROM tiny AS one\n")
        result = self.bx("--target", "oen", code=1)
        self.assertIn("oen", result.stderr)
        self.assertIn("one", result.stderr)

    def test_build_arguments(self):
        self.dockerfile("FROM tiny\nARG WHO=nobody\nARG UNSET=kept\nRUN echo $WHO $UNSET > /who\n")
        _, out = self.bx_local("--build-arg", "WHO=somebody")
        self.assertEqual((out / "who").read_text(), "somebody kept\n")

    def test_labels_are_in_the_config(self):
        self.dockerfile("FROM tiny\nLABEL a=1\n")
        result = self.bx("--label", "b=2")
        described = self.config(result)
        self.assertIn('"b": "2"', described)
        self.assertIn('"a": "1"', described)

    def config(self, result):
        """The image config of a build."""
        digest = self.submitted(result)["cells"][0]["image_digest"]
        described = self.farm.cli("image", "inspect", digest, "--json")
        self.assert_exit(described, 0)
        return described.stdout

    def test_another_dockerfile(self):
        self.write("docker/Other", "FROM tiny\nRUN echo other > /x\n")
        result, out = self.bx_local("-f", self.context / "docker/Other")
        self.assertEqual((out / "x").read_text(), "other\n")
        self.assertIn("[internal] load build definition from Other", vertices(result))

    def test_a_dockerfile_from_standard_input(self):
        self.write("a", "of the context\n")
        _, out = self.bx_local("-f", "-", stdin="FROM tiny\nCOPY a /a\n")
        self.assertEqual((out / "a").read_text(), "of the context\n")

    def test_a_dockerfile_that_is_not_there(self):
        result = self.bx(code=1)
        self.assertIn("Dockerfile", result.stderr)
        self.assertIn("no such file or directory", result.stderr)

    def test_the_ignore_file_holds(self):
        self.write("kept", "1")
        self.write("secret", "2")
        self.write(".dockerignore", "# none of these\nsecret\n")
        self.dockerfile("FROM tiny\nCOPY . /c/\n")
        _, out = self.bx_local()
        self.assertTrue((out / "c/kept").exists())
        self.assertFalse((out / "c/secret").exists())

    def test_the_ignore_file_of_the_dockerfile_comes_first(self):
        self.write("kept", "1")
        self.write(".dockerignore", "kept\n")
        self.write("Dockerfile.dockerignore", "other\n")
        self.dockerfile("FROM tiny\nCOPY . /c/\n")
        _, out = self.bx_local()
        self.assertTrue((out / "c/kept").exists())

    def test_only_what_is_copied_is_sent(self):
        self.write("small", "1")
        self.write("large", "x" * 5_000_000)
        self.dockerfile("FROM tiny\nCOPY small /\n")
        result, out = self.bx_local()
        self.assertTrue((out / "small").exists())
        self.assertNotRegex(result.stderr, r"transferring context: [\d.]+MB")

    def test_files_keep_what_they_are(self):
        self.write("run.sh", "#!/bin/sh\n", mode=0o755)
        os.symlink("run.sh", self.context / "link")
        (self.context / "empty").mkdir()
        self.dockerfile("FROM tiny\nCOPY . /c/\nRUN /c/run.sh && readlink /c/link > /link && ls -d /c/empty\n")
        _, out = self.bx_local()
        self.assertEqual((out / "link").read_text(), "run.sh\n")

    # ---- how it is built ----

    def test_no_cache(self):
        self.dockerfile("FROM tiny\nRUN cat /proc/sys/kernel/random/uuid > /id\n")
        _, first = self.bx_local()
        _, second = self.bx_local("--no-cache")
        self.assertNotEqual((first / "id").read_text(), (second / "id").read_text())

    def test_no_cache_of_one_stage(self):
        self.dockerfile("""
            FROM tiny AS a
            RUN cat /proc/sys/kernel/random/uuid > /a
            FROM tiny AS b
            RUN cat /proc/sys/kernel/random/uuid > /b
            FROM tiny
            COPY --from=a /a /a
            COPY --from=b /b /b
        """)
        _, first = self.bx_local()
        _, second = self.bx_local("--no-cache-filter", "b")
        self.assertEqual((first / "a").read_text(), (second / "a").read_text())
        self.assertNotEqual((first / "b").read_text(), (second / "b").read_text())

    def test_hosts(self):
        self.dockerfile("FROM tiny\nRUN grep there /etc/hosts > /hosts\n")
        _, out = self.bx_local("--add-host", "there:10.1.2.3")
        self.assertIn("10.1.2.3", (out / "hosts").read_text())

    def test_shared_memory(self):
        self.dockerfile("FROM tiny\nRUN grep ' /dev/shm ' /proc/mounts > /shm\n")
        _, out = self.bx_local("--shm-size", "3m")
        self.assertIn("size=3072k", (out / "shm").read_text())

    def test_limits_of_processes(self):
        self.dockerfile("FROM tiny\nRUN grep 'Max open files' /proc/self/limits > /limits\n")
        _, out = self.bx_local("--ulimit", "nofile=100:200")
        self.assertRegex((out / "limits").read_text(), r"100 +200")

    def test_no_network(self):
        self.dockerfile("FROM tiny\nRUN ls /sys/class/net > /net\n")
        _, out = self.bx_local("--network", "none")
        self.assertEqual((out / "net").read_text().split(), ["lo"])

    def test_the_hosts_network(self):
        self.dockerfile("FROM tiny\nRUN readlink /proc/self/ns/net > /net\n")
        _, out = self.bx_local("--network", "host")
        self.assertEqual((out / "net").read_text().strip(), os.readlink("/proc/self/ns/net"))

    def test_rights_that_the_farm_does_not_give(self):
        self.dockerfile("FROM tiny\n")
        refused = self.bx("--allow", "security.insecure", code=1)
        self.assertIn("security.insecure", refused.stderr)

    def test_control_groups_are_refused_by_name(self):
        self.dockerfile("FROM tiny\n")
        self.assertIn("--cgroup-parent", self.bx("--cgroup-parent", "/x", code=1).stderr)

    def test_the_epoch(self):
        self.dockerfile("FROM tiny\nRUN echo a > /a\n")
        result, _ = self.bx_local(env={"SOURCE_DATE_EPOCH": "1700000123"})
        self.assertEqual(self.submitted(result)["epoch"], 1700000123)

    def test_syntax_lines_of_the_language_itself(self):
        self.dockerfile("# syntax=docker/dockerfile:1\nFROM tiny\nRUN <<EOF\necho here > /doc\nEOF\n")
        _, out = self.bx_local()
        self.assertEqual((out / "doc").read_text(), "here\n")

    def test_syntax_lines_of_others_are_refused_by_name(self):
        self.dockerfile("# syntax=ghcr.io/somebody/frontend:1\nFROM tiny\n")
        self.assertIn("ghcr.io/somebody/frontend:1", self.bx(code=1).stderr)

    def test_cache_options_are_taken_with_a_word(self):
        self.dockerfile("FROM tiny\nRUN echo cached > /c\n")
        with tempfile.TemporaryDirectory() as folder:
            result = self.bx("--cache-to", f"type=local,dest={folder}", "--cache-from", "type=registry,ref=127.0.0.1:9/x")
        self.assertIn("farm's own cache", result.stderr)

    # ---- named contexts ----

    def test_a_named_folder(self):
        with tempfile.TemporaryDirectory(dir="/var/tmp") as other:
            with open(f"{other}/f", "w") as file:
                file.write("named\n")
            self.dockerfile("FROM tiny\nCOPY --from=extra /f /f\n")
            result, out = self.bx_local("--build-context", f"extra={other}")
        self.assertEqual((out / "f").read_text(), "named\n")
        self.assertIn("[context extra] load from client", vertices(result))

    def test_a_named_image(self):
        self.dockerfile("FROM base\nRUN echo on tiny > /x\n")
        _, out = self.bx_local("--build-context", "base=docker-image://tiny")
        self.assertEqual((out / "x").read_text(), "on tiny\n")

    # ---- errors ----

    def test_a_step_that_fails_is_shown_with_its_place(self):
        self.dockerfile("FROM tiny\nRUN echo before && exit 3\n")
        result = self.bx(code=1)
        self.assertIn('process "/bin/sh -c echo before && exit 3" did not complete successfully: exit code: 3', result.stderr)
        self.assertIn("Dockerfile:2", result.stderr)
        self.assertIn("   2 | >>> RUN echo before && exit 3", result.stderr)
        self.assertRegex(result.stderr, r"(?s)------\n > \[2/2\] RUN.*before.*------")

    def test_a_dockerfile_that_is_none_is_shown_with_its_place(self):
        self.dockerfile("FROM tiny\nRUNN true\n")
        result = self.bx(code=1)
        self.assertIn("Dockerfile:2", result.stderr)
        self.assertIn(">>> RUNN true", result.stderr)

    def test_a_source_that_is_not_there(self):
        self.dockerfile("FROM tiny\nCOPY missing /\n")
        result = self.bx(code=1)
        self.assertIn("missing", result.stderr)
        self.assertIn(">>> COPY missing /", result.stderr)

    def test_warnings_of_checks_are_shown(self):
        self.dockerfile("from tiny\nRUN true\n")
        result = self.bx()
        self.assertIn("ConsistentInstructionCasing", result.stderr)

    # ---- the farm's own options ----

    def test_options_of_the_farm_are_build_arguments(self):
        self.dockerfile("FROM tiny\nRUN echo stable > /s\n")
        result = self.bx("--build-arg", "CROSSMILL_VERIFY=2", "--build-arg", "CROSSMILL_ALLOW_SAME_HOST=1")
        self.assertIn("[crossmill] verdict:", result.stderr)
        self.assertIn("reproducible", result.stderr)

    def test_a_requirement_that_is_not_met_fails_the_build(self):
        self.dockerfile("FROM tiny\nRUN cat /proc/sys/kernel/random/uuid > /id\n")
        result = self.bx("--build-arg", "CROSSMILL_REQUIRE=reproducible", "--build-arg", "CROSSMILL_ALLOW_SAME_HOST=1", code=1)
        self.assertIn("--require reproducible: the verdict is unreproducible", result.stderr)

    def test_options_that_there_are_not(self):
        self.dockerfile("FROM tiny\n")
        result = self.bx("--build-arg", "CROSSMILL_VERFIY=2", code=1)
        self.assertIn("CROSSMILL_VERIFY", result.stderr)

    # ---- questions ----

    def test_check(self):
        self.dockerfile("from tiny\nRUN true\n")
        result = self.buildx("build", "--call", "check", self.context)
        self.assertEqual(result.returncode, 1, self.story(result))
        self.assertIn("ConsistentInstructionCasing", result.stdout + result.stderr)
        self.dockerfile("FROM tiny\nRUN true\n")
        result = self.buildx("build", "--call", "check", self.context)
        self.assertEqual(result.returncode, 0, self.story(result))

    def test_targets(self):
        self.dockerfile("FROM tiny AS one\n# two is the second\nFROM tiny AS two\n")
        result = self.buildx("build", "--call", "targets", self.context)
        self.assertEqual(result.returncode, 0, self.story(result))
        self.assertIn("one", result.stdout)
        self.assertRegex(result.stdout, r"two \(default\)")

    def test_outline(self):
        self.dockerfile("FROM tiny AS one\nARG LEVEL=3\nRUN --mount=type=secret,id=key true\n")
        result = self.buildx("build", "--call", "outline", self.context)
        self.assertEqual(result.returncode, 0, self.story(result))
        self.assertIn("LEVEL", result.stdout)
        self.assertIn("key", result.stdout)

    def test_what_can_be_asked(self):
        self.dockerfile("FROM tiny\n")
        result = self.buildx("build", "--call", "subrequests.describe", self.context)
        self.assertEqual(result.returncode, 0, self.story(result))
        self.assertIn("lint", result.stdout)


if __name__ == "__main__":
    main()
