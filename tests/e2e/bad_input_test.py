"""Recipes that cannot be built: what the person reads, which exit code, and that the farm goes on."""
import os
import pathlib

from farm import FarmTestCase, main

SECRET = "only-on-the-host-4711"


class DockerfileTest(FarmTestCase):
    def tearDown(self):
        self.assert_farm_goes_on()

    def test_an_error_names_file_line_column_and_what_was_expected(self):
        self.dockerfile("""
            FROM tiny
            RUN true
            COPY onlyone
            """)
        result = self.build()
        self.assert_exit(result, 1)
        self.assertRegex(result.stderr, r"Dockerfile:3:\d+: .*COPY")
        self.assertRegex(result.stderr, r"(?i)expected|needs|at least")

    def test_an_unknown_instruction_gets_a_suggestion(self):
        self.dockerfile("FROM tiny\nRNU true\n")
        result = self.build()
        self.assert_exit(result, 1)
        self.assert_says(result, "Dockerfile:2:1: ", "RNU", "RUN")

    def test_a_missing_source_is_named_with_its_line(self):
        self.dockerfile("FROM tiny\n\nCOPY absent.txt /\n")
        result = self.build()
        self.assert_exit(result, 1)
        self.assert_says(result, "Dockerfile:3", "absent.txt")

    def test_the_ignore_rule_that_hides_a_source_is_named(self):
        self.dockerfile("FROM tiny\nCOPY notes.log /\n")
        self.write("notes.log", "hidden\n")
        self.write(".dockerignore", "# comment\n\n*.log\n")
        result = self.build()
        self.assert_exit(result, 1)
        self.assert_says(result, "Dockerfile:2", "notes.log", ".dockerignore:3", "*.log")

    def test_an_unknown_stage_gets_a_suggestion(self):
        self.dockerfile("""
            FROM tiny AS builder
            RUN echo a > /a
            FROM tiny
            COPY --from=bilder /a /a
            """)
        result = self.build()
        # It may be the name of an image: not the recipe's fault for sure while its registry cannot be reached.
        self.assertIn(result.returncode, (1, 5), self.story(result))
        self.assert_says(result, "Dockerfile:4", "bilder", "did you mean builder?")

    def test_an_unknown_target_gets_a_suggestion(self):
        self.dockerfile("FROM tiny AS builder\nRUN true\n")
        result = self.build("--target", "bulider")
        self.assert_exit(result, 1)
        self.assert_says(result, "bulider", "did you mean builder?")

    def test_an_unknown_base_without_a_registry_says_so_and_what_helps(self):
        # Port 1 of loopback refuses: a registry that cannot be reached, whatever network the machine has.
        self.dockerfile("FROM localhost:1/nobody/nothing:7\nRUN true\n")
        result = self.build()
        self.assert_exit(result, 5)
        self.assert_says(result, "Dockerfile:1", "localhost:1/nobody/nothing:7", "crossmill image import")

    def test_a_base_without_the_platform_lists_those_it_has(self):
        self.dockerfile("FROM tiny\nRUN true\n")
        result = self.build("--platform", "linux/s390x")
        self.assert_exit(result, 1)
        here = "linux/arm64" if os.uname().machine == "aarch64" else "linux/amd64"
        self.assert_says(result, "Dockerfile:1", "linux/s390x", here)

    def test_a_failing_run_shows_code_last_lines_and_dockerfile_line(self):
        self.dockerfile("""
            FROM tiny
            RUN true
            RUN for i in $(seq 1 100); do echo line $i; done; \\
                echo the reason >&2; exit 37
            RUN echo never
            """)
        result = self.build()
        self.assert_exit(result, 1)
        self.assert_says(result, "37", "the reason", "line 100", "Dockerfile:3")
        report = self.farm.cli("show")
        self.assert_says(report, "37", "the reason", "line 100", "Dockerfile:3")
        failed = [step for stage in self.farm.show()["stages"] for step in stage["steps"]
                  if step["status"] == "failed"]
        self.assertEqual([(step["exit_code"], step["range"]["first_line"], step["range"]["last_line"])
                          for step in failed], [(37, 3, 4)])

    def test_a_program_that_does_not_exist_is_the_recipes_failure(self):
        self.dockerfile('FROM tiny\nRUN ["/no/such/program"]\n')
        result = self.build()
        self.assert_exit(result, 1)
        self.assert_says(result, "Dockerfile:2", "/no/such/program")

    def test_what_is_not_supported_is_refused_by_name_and_line(self):
        for flag in ("--security=insecure", "--device=vendor.com/device=one"):
            with self.subTest(flag):
                self.dockerfile(f"FROM tiny\nRUN true\nRUN {flag} true\n")
                result = self.build()
                self.assert_exit(result, 1)
                self.assert_says(result, "Dockerfile:3:5", flag.partition("=")[0])

    def test_a_context_that_is_none_is_wrong_usage(self):
        result = self.farm.build(self.context / "nowhere")
        self.assert_exit(result, 2)
        self.assert_says(result, "nowhere")

    def test_a_context_without_a_dockerfile_says_where_it_was_expected(self):
        result = self.build()
        self.assert_exit(result, 2)
        self.assert_says(result, str(self.context / "Dockerfile"))


class LeadingOutTest(FarmTestCase):
    """Paths and links that lead out of the context or the root never show what is on the host."""

    def tearDown(self):
        self.assert_farm_goes_on()

    def assert_never_leaks(self, result):
        self.assertNotIn(SECRET, result.stdout + result.stderr, self.story(result))

    def make_secret(self):
        secret = self.context.with_name(self.context.name + "-outside")
        secret.write_text(SECRET + "\n")
        self.addCleanup(secret.unlink)
        return secret

    def test_a_copy_from_above_the_context(self):
        secret = self.make_secret()
        self.dockerfile(f"FROM tiny\nCOPY ../{secret.name} /got\nRUN cat /got\n")
        result = self.build()
        self.assert_exit(result, 1)
        self.assert_says(result, "Dockerfile:2", secret.name)
        self.assert_never_leaks(result)

    def test_an_absolute_link_in_the_context_is_copied_as_what_the_context_has(self):
        secret = self.make_secret()
        (self.context / "link").symlink_to(secret)
        self.dockerfile("FROM tiny\nCOPY link /got\nRUN cat /got\n")
        result = self.build()
        self.assert_exit(result, 1)
        self.assert_says(result, "Dockerfile:2", "link")
        self.assert_never_leaks(result)

    def test_a_relative_link_out_of_the_context(self):
        secret = self.make_secret()
        self.write("folder/file", "inside\n")
        (self.context / "folder" / "link").symlink_to(f"../../{secret.name}")
        self.dockerfile("FROM tiny\nCOPY folder/link /got\nRUN cat /got\n")
        result = self.build()
        self.assert_exit(result, 1)
        self.assert_never_leaks(result)

    def test_a_link_below_a_copied_folder_stays_a_link(self):
        secret = self.make_secret()
        self.write("folder/file", "inside\n")
        (self.context / "folder" / "link").symlink_to(secret)
        self.dockerfile("FROM tiny\nCOPY folder /got\nRUN readlink /got/link && ! cat /got/link && cat /got/file\n")
        result = self.build()
        self.assert_exit(result, 0)
        self.assert_says(result, str(secret), "inside")
        self.assert_never_leaks(result)

    def test_copy_from_follows_an_absolute_link_inside_the_producers_root(self):
        self.dockerfile("""
            FROM tiny AS producer
            RUN ln -s /etc/passwd /link && ln -s / /all
            FROM tiny
            COPY --from=producer /link /passwd
            COPY --from=producer /all/../../../etc/group /group
            RUN cat /passwd /group
            """)
        result = self.build()
        self.assert_exit(result, 0)
        self.assert_says(result, "app:x:1000:1000:app:/home/app:/bin/sh", "extra:x:2000:app")
        host_user = pathlib.Path("/etc/passwd").read_text(encoding="utf-8").splitlines()[1]
        self.assertNotIn(host_user, result.stderr)

    def test_a_destination_through_a_link_stays_inside_the_root(self):
        self.write("file", "landed\n")
        outside = self.context / "outside"
        outside.mkdir()
        self.dockerfile(f"""
            FROM tiny
            RUN ln -s {outside} /way && ln -s ../../../../..{outside} /up
            COPY file /way/first
            COPY file /up/second
            RUN cat {outside}/first {outside}/second
            """)
        result = self.build()
        self.assertEqual(list(outside.iterdir()), [], "the host's folder was written to")
        self.assert_exit(result, 0)
        self.assert_says(result, "landed")

    def test_a_run_does_not_see_the_hosts_files(self):
        secret = self.make_secret()
        self.dockerfile(f"FROM tiny\nRUN ! cat {secret} && ! ls /proc/1/root{secret} && ! ls /var/lib/crossmill\n")
        result = self.build()
        self.assert_exit(result, 0)
        self.assert_never_leaks(result)


if __name__ == "__main__":
    main()
