"""Words of the Dockerfile that only a real farm shows: ids, groups, caches, host names, names of stages."""
import contextlib
import json
import sqlite3

from farm import FarmTestCase, main

# Beyond every range of subordinate ids, and yet an id.
BEYOND = 4294967294


def widest_id():
    """The highest id that steps have here, as /etc/subuid and /etc/subgid give it to the workers."""
    counts = []
    for name in ("/etc/subuid", "/etc/subgid"):
        with open(name, encoding="ascii") as lines:
            fields = [line.strip().split(":") for line in lines]
        counts.append(sum(int(count) for user, _, count in fields if user == "crossmill"))
    return min(counts)


class IdsTest(FarmTestCase):
    farm_options = {"workers": 2}

    def leases(self):
        with contextlib.closing(sqlite3.connect(f"file:{self.farm.data}/record.db?mode=ro", uri=True)) as record:
            return record.execute("SELECT count(*) FROM leases").fetchone()[0]

    def test_ids_that_no_worker_has_are_the_recipes_mistake_at_once(self):
        for instruction in (f"USER {BEYOND}:{BEYOND}\nRUN true", f"COPY --chown={BEYOND} a /a",
                                            f"USER {BEYOND}\nWORKDIR /new",
                                            f"RUN --mount=type=cache,uid={BEYOND},target=/c true"):
            with self.subTest(instruction):
                self.write("a", "a")
                self.dockerfile(f"FROM tiny\n{instruction}\n")
                before = self.leases()
                result = self.build()
                self.assert_exit(result, 1)
                self.assert_says(result, f"Dockerfile:{instruction.count(chr(10)) + 2}", f"{BEYOND}",
                                 "only the ids 0..")
                self.assertEqual(self.leases() - before, 1, "it was tried again")

    def test_large_ids_of_steps_and_layers(self):
        widest = widest_id()
        if widest < 100000:
            self.skipTest("this machine's workers have only the usual ids: scripts/setup-host gives them more")
        large = min(widest, 2000000000)
        self.write("a", "a")
        self.dockerfile(f"""
            FROM tiny AS first
            COPY --chown={large}:100000 a /a
            RUN touch /b && chown 100000:{large} /b
            FROM tiny
            COPY --from=first /a /b /
            USER {large}:100000
            RUN test $(id -u):$(id -g) = {large}:100000
            RUN test "$(stat -c %u:%g /a /b | tr '\\n' ' ')" = "{large}:100000 100000:{large} "
            """)
        self.assert_exit(self.build("--verify", "2", "--allow-same-host"), 0)
        self.assertEqual(self.farm.show()["verdict"], "reproducible")

    def test_primary_group_is_a_supplementary_one(self):
        self.dockerfile("""
            FROM tiny
            RUN grep -q '^Groups:.0 *$' /proc/self/status
            USER 12:34
            RUN grep -q '^Groups:.34 *$' /proc/self/status
            USER $NOTHING
            RUN test $(id -u) = 0
            """)
        self.assert_exit(self.build(), 0)


class StepSurroundingsTest(FarmTestCase):
    def test_host_name_is_a_build_argument(self):
        self.dockerfile("FROM tiny\nRUN test $(hostname) = crossmill\n")
        self.assert_exit(self.build(), 0)
        self.dockerfile("FROM tiny\nRUN test $(hostname) = named.example && grep -q named.example /etc/hosts\n")
        self.assert_exit(self.build("--build-arg", "BUILDKIT_SANDBOX_HOSTNAME=named.example"), 0)

    def test_variable_of_a_secret_that_was_not_given_is_empty(self):
        self.dockerfile("FROM tiny\nENV TOKEN=recipe\nRUN --mount=type=secret,id=t,env=TOKEN test \"${TOKEN-unset}\" = \"\"\n")
        self.assert_exit(self.build(), 0)

    def test_no_cache_begins_with_empty_caches(self):
        self.dockerfile("""
            FROM tiny
            RUN --mount=type=cache,target=/c ls /c > /seen; touch /c/left
            RUN --mount=type=cache,target=/c ls /c >> /seen
            RUN test "$(cat /seen | tr '\\n' ' ')" = "left "
            """)
        for _ in range(2):
            self.assert_exit(self.build("--no-cache"), 0)

    def test_folder_of_a_cache(self):
        self.dockerfile("""
            FROM tiny
            RUN --mount=type=cache,id=parts,target=/c mkdir -p /c/sub && echo x > /c/sub/f
            RUN --mount=type=cache,id=parts,source=sub,target=/p test $(cat /p/f) = x
            """)
        self.assert_exit(self.build(), 0)


class StageNamesTest(FarmTestCase):
    def test_a_stage_without_name_is_called_the_same_everywhere(self):
        self.dockerfile("""
            FROM tiny
            RUN echo first > /f
            FROM tiny AS last
            COPY --from=0 /f /f
            """)
        result = self.farm.cli("build", "--progress", "json", self.context)
        self.assert_exit(result, 0)
        names = {json.loads(line).get("stage_name") for line in result.stderr.splitlines() if line.startswith("{")}
        self.assertEqual(names - {None}, {"stage-0", "last"})
        self.assertEqual({stage["name"] for stage in self.farm.show()["stages"]}, {"stage-0", "last"})
        report = self.farm.cli("show").stdout
        self.assertIn("stage-0", report)
        self.assert_exit(self.build("--target", "stage-0"), 0)
        self.dockerfile("FROM tiny\nRUN false\n")
        failed = self.build()
        self.assert_exit(failed, 1)
        self.assertIn("stage-0", failed.stdout + failed.stderr)


if __name__ == "__main__":
    main()
