"""What `build --verify` says, on a real farm: differences behind links, failures of some executions, compiled files.

Two workers of one machine, so every build allows the same host.
"""
import functools
import io
import json
import os
import pathlib
import sqlite3
import subprocess
import tarfile
import tempfile
import unittest

import stand_ins
import tiny_base
from farm import CACHE, FarmTestCase, main

RANDOM = "head -c 16 /dev/urandom"
# How often what must never pass is tried (scripts/check reproducibility: 6).
ROUNDS = int(os.environ.get("CROSSMILL_ROUNDS") or 2)
PYTHON = ("python3.11-minimal", "libpython3.11-minimal", "libc6", "zlib1g", "libexpat1", "libgcc-s1")


@functools.cache
def python_archive():
    """A base with busybox and Debian's smallest Python 3.11."""
    archive = CACHE / "tiny-python3.11.tar"
    if archive.exists():
        return archive
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        try:
            subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *PYTHON], check=True,
                           cwd=folder, capture_output=True)
            for package in folder.glob("*.deb"):
                subprocess.run(["dpkg-deb", "-x", package, folder / "root"], check=True)
            busybox = tiny_base.busybox(tiny_base.machine_architecture())
        except (OSError, subprocess.CalledProcessError) as error:
            raise unittest.SkipTest(f"cannot get python3.11-minimal from Debian: {error}")
        out = io.BytesIO()

        def plain(info):
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            info.mtime = tiny_base.EPOCH
            return info
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name in sorted(path.name for path in (folder / "root").iterdir()):
                tar.add(folder / "root" / name, name, filter=plain)
        layers = [tiny_base.layer(busybox), out.getvalue()]
        tiny_base.write_layout(archive, [(tiny_base.machine_architecture(), layers)])
    return archive


class VerdictsTest(FarmTestCase):
    farm_options = {"workers": 2}

    def verify(self, text, code=None, *options):
        """The one cell of a verified build."""
        self.dockerfile(text)
        result = self.build("--json", "--verify", "2", "--allow-same-host", "--require", "reproducible", *options)
        if code is not None:
            self.assert_exit(result, code)
        document = json.loads(result.stdout)
        cell, = document["cells"]
        return document, cell

    def assert_unreproducible(self, text, path):
        _, cell = self.verify(text, 3)
        self.assertEqual(cell["verdict"], "unreproducible", cell)
        reaching = [step for step in cell["comparison"]["steps"] if step["reaches_image"]]
        self.assertIn(path, [each["path"] for step in reaching for each in step["differences"]])

    def assert_reproducible(self, text):
        """In spite of a difference that does not reach the image."""
        _, cell = self.verify(text, 0)
        self.assertEqual(cell["verdict"], "reproducible", cell)
        differing = [step for step in cell["comparison"]["steps"] if not step["agrees"]]
        self.assertEqual([step["reaches_image"] for step in differing], [False])

    # ---- links ----

    def test_a_difference_behind_a_link_reaches_the_image(self):
        self.assert_unreproducible(f"""
            FROM tiny AS b
            RUN mkdir -p /app/releases/1 && {RANDOM} >/app/releases/1/x && ln -s releases/1 /app/current
            FROM tiny
            COPY --from=b /app/current /app
            """, "app/releases/1/x")
        shown = self.farm.cli("diff")
        self.assertIn("it reaches the image", shown.stdout)
        # Once more: the export is one of the cache's.
        result = self.build("--verify", "2", "--allow-same-host", "--require", "reproducible")
        self.assert_exit(result, 3)

    def test_links_on_the_way_chains_and_absolute_ones(self):
        self.assert_unreproducible(f"""
            FROM tiny AS b
            RUN mkdir -p /data/v1/lib && {RANDOM} >/data/v1/lib/x && ln -s /data/v1 /one && ln -s ../one /etc/two
            FROM tiny
            COPY --from=b /etc/two/lib/x /x
            """, "data/v1/lib/x")

    def test_a_link_that_leads_elsewhere_reaches(self):
        self.assert_unreproducible("""
            FROM tiny AS b
            RUN n=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ') && mkdir -p /r/$n && echo x >/r/$n/x && ln -s r/$n /current
            FROM tiny
            COPY --from=b /current /x
            """, "current")

    def test_what_a_copied_link_points_to_is_not_copied(self):
        self.assert_reproducible(f"""
            FROM tiny AS b
            RUN mkdir -p /app /data && {RANDOM} >/data/x && ln -s /data/x /app/link && echo y >/app/y
            FROM tiny
            COPY --from=b /app /app
            """)

    def test_globs_and_excludes(self):
        self.assert_reproducible(f"""
            FROM tiny AS b
            RUN mkdir -p /w && echo 1 >/w/a.whl && {RANDOM} | md5sum >/w/pip.log && touch /w/$$-$(cat /w/pip.log | cut -c1-8).tmp
            FROM tiny
            COPY --from=b /w/*.whl /w/
            """)
        self.assert_reproducible(f"""
            FROM tiny AS b
            RUN mkdir -p /w/log && echo 2 >/w/a && {RANDOM} >/w/log/x
            FROM tiny
            COPY --from=b --exclude=log /w /w
            """)
        self.assert_unreproducible(f"""
            FROM tiny AS b
            RUN mkdir -p /real && {RANDOM} >/real/a.whl && ln -s real /w
            FROM tiny
            COPY --from=b /w/*.whl /w/
            """, "real/a.whl")

    def test_a_mount_reaches_what_it_shows(self):
        self.assert_unreproducible(f"""
            FROM tiny AS b
            RUN mkdir -p /t/1 && {RANDOM} >/t/1/x && ln -s 1 /t/now
            FROM tiny
            RUN --mount=type=bind,from=b,source=/t/now,target=/m wc -c </m/x >/size
            """, "t/1/x")

    def test_a_copy_through_a_link_of_a_stage_between(self):
        self.assert_unreproducible(f"""
            FROM tiny AS a
            RUN {RANDOM} >/x
            FROM tiny AS b
            RUN mkdir -p /app/1 && ln -s 1 /app/now
            COPY --from=a /x /app/now/x
            FROM tiny
            COPY --from=b /app/1 /app
            """, "x")

    def test_bytes_that_a_later_step_moves(self):
        self.assert_unreproducible(f"""
            FROM tiny AS b
            RUN {RANDOM} >/tmp/x
            RUN mkdir /app && mv /tmp/x /app/y
            FROM tiny
            COPY --from=b /app /app
            """, "tmp/x")

    def test_names_of_one_file(self):
        self.assert_unreproducible(f"""
            FROM tiny AS b
            RUN mkdir -p /a /z && {RANDOM} >/a/x && ln /a/x /z/x
            FROM tiny
            COPY --from=b /z /z
            """, "z/x")

    # ---- failures ----

    def test_a_step_that_fails_in_one_execution_is_flaky(self):
        """One of two fails in half of the tries: sooner or later exactly one does."""
        document, cell = self.verify("""
            FROM tiny
            RUN echo stable >/f
            RUN test $(od -An -N1 -tu1 /dev/urandom) -lt 128
            """)
        seen = {document["status"], cell["verdict"]}
        tries = 0
        while cell["verdict"] != "flaky" and tries < 12:
            document, cell = self.verify(f"""
                FROM tiny
                RUN echo stable {tries} >/f
                RUN test $(od -An -N1 -tu1 /dev/urandom) -lt 128
                """)
            seen |= {document["status"], cell["verdict"]}
            tries += 1
        self.assertLessEqual(seen, {"succeeded", "failed", "flaky", "reproducible"})
        self.assertEqual(cell["verdict"], "flaky")
        step = cell["comparison"]["steps"][-1]
        self.assertEqual((step["agrees"], step["reaches_image"], step["differences_total"]), (False, False, 0))
        self.assertIn("exit code 1", [witness["failure"] for witness in step["witnesses"]])
        self.assertIsNone(cell["comparison"]["image_digests"][1])
        diff = self.farm.cli("diff")
        self.assertIn("failed on w", diff.stdout)
        self.assertNotIn("reaches the image", diff.stdout)
        self.assertNotIn("exit code 0", diff.stdout)

    def test_a_step_that_fails_everywhere_failed(self):
        document, cell = self.verify("""
            FROM tiny
            RUN echo everywhere; false
            """, 1)
        self.assertEqual((document["status"], cell["verdict"]), ("failed", "failed"))
        self.assertTrue(any("another worker tries it" in each for each in document["warnings"]), document["warnings"])

    # ---- compiled Python files ----

    def test_compiled_files_of_imports_stay_valid_and_agree(self):
        self.farm.import_base("tiny-python", python_archive())
        valid = "python3.11 -v -c 'import m' 2>&1 | grep -q 'm.cpython-311.pyc matches'"
        document, cell = self.verify(f"""
            FROM tiny-python AS b
            RUN sleep 1.1; mkdir /app && echo 'x = 1' >/app/m.py && cd /app && python3.11 -c 'import m'
            RUN cd /app && {valid}
            RUN echo one
            FROM tiny-python
            COPY --from=b /app /srv
            RUN cd /srv && {valid}
            RUN --mount=type=bind,from=b,source=/app,target=/mnt cd /mnt && {valid}
            """, 0)
        self.assertEqual(cell["verdict"], "reproducible", cell)
        self.assertTrue(all(step["agrees"] for step in cell["comparison"]["steps"]))


class HonestRecipeTest(FarmTestCase):
    """What a recipe may do must not fail in the replica only: that would be a false "flaky"."""
    farm_options = {"workers": 2}
    tiny_architectures = ()

    @classmethod
    def setUpClass(cls):
        archive = stand_ins.find("python:3.11")
        if archive is None:
            raise unittest.SkipTest(stand_ins.why_missing("python:3.11"))
        super().setUpClass()
        cls.farm.import_base("python:3.11", archive)

    def test_a_server_in_the_step_is_reached_by_the_hosts_name(self):
        pathlib.Path(self.context, "ask.py").write_text("""
import http.server, socket, threading, urllib.request
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
for name in (socket.gethostname(), "localhost"):
    urllib.request.urlopen(f"http://{name}:{server.server_port}/", timeout=20).read()
""")
        self.dockerfile("""
            FROM python:3.11
            WORKDIR /app
            COPY ask.py .
            RUN python3 ask.py && echo reached > /reached
            """)
        result = self.build("--json", "--verify", "2", "--allow-same-host")
        self.assert_exit(result, 0)
        cell, = json.loads(result.stdout)["cells"]
        self.assertEqual(cell["verdict"], "reproducible", cell)
        self.assertIn("host-name", cell["comparison"]["varied"])


LIAR = """#!/bin/sh
# An OCI runtime that changes what commands have written.
crun "$@"
code=$?
bundle=$(printf '%s\\n' "$@" | sed -n '/^--bundle$/{n;p}')
if [ -n "$bundle" ]; then
  root=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1] + "/config.json"))["root"]["path"])' "$bundle")
  if [ -f "$root/answer" ]; then echo 43 > "$root/answer"; fi
fi
exit $code
"""


class LyingWorkerTest(FarmTestCase):
    """One of three workers gives back other bytes than its command wrote."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="crossmill-liar-", dir="/var/tmp")
        cls.addClassCleanup(folder.cleanup)
        pathlib.Path(folder.name).chmod(0o755)
        liar = pathlib.Path(folder.name, "liar")
        liar.write_text(LIAR)
        liar.chmod(0o755)
        cls.farm_options = {"workers": 3, "slots": 1, "options_of": {"w2": ["--runtime", liar]}}
        super().setUpClass()

    def outvoted(self):
        return {worker["name"]: worker["outvoted"] for worker in json.loads(self.farm.cli("worker", "ls", "--json").stdout)}

    def test_who_lies_is_outvoted_named_and_its_bytes_are_used_no_further(self):
        for round in range(3):
            self.dockerfile(f"FROM tiny\nRUN echo 42 > /answer; : {round}\n")
            # Varied, the one with a number of processors of its own is not named for a lie, whoever that is.
            result = self.build("--json", "--verify", "3", "--allow-same-host", "--vary", "none")
            self.assert_exit(result, 0)
            cell, = json.loads(result.stdout)["cells"]
            step, = cell["comparison"]["steps"]
            self.assertEqual(cell["verdict"], "unreproducible", cell)
            self.assertEqual([each["worker"] for each in step["witnesses"] if each["outvoted"]], ["w2"], step)
            self.assertIn("w2 alone made other bytes than 2 others", cell["comparison"]["reason"])
            # Whoever was the first: a later build goes on from the bytes of the others.
            with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
                self.assert_exit(self.build("-o", f"type=local,dest={folder}/out"), 0)
                self.assertEqual(pathlib.Path(folder, "out/answer").read_text(), "42\n")
        self.assertEqual(self.outvoted(), {"w1": 0, "w2": 3, "w3": 0})
        self.assertIn("OUTVOTED", self.farm.cli("worker", "ls").stdout)


class BelievedTest(FarmTestCase):
    """What depends on the clock, the host or its processors must never pass, and a verdict says what was varied."""
    farm_options = {"workers": 2}

    def verify(self, command, *options):
        self.dockerfile(f"FROM tiny\nRUN {command}\n")
        result = self.build("--json", "--verify", "2", "--allow-same-host", *options)
        self.assert_exit(result, 0)
        cell, = json.loads(result.stdout)["cells"]
        return cell

    def assert_never_passes(self, command):
        for round in range(ROUNDS):
            cell = self.verify(command, "--no-cache")
            self.assertEqual(cell["verdict"], "unreproducible", (command, round, cell))

    def test_a_second_never_passes(self):
        self.assert_never_passes("date +%s >/stamp")

    def test_a_host_name_never_passes(self):
        self.assert_never_passes("hostname >/name")

    def test_a_number_of_processors_never_passes(self):
        if len(os.sched_getaffinity(0)) < 2:
            self.skipTest("one processor: there is no other number")
        self.assert_never_passes("nproc >/processors")

    def test_agreement_under_a_weaker_set_does_not_answer_for_a_stronger_one(self):
        command = "cat /etc/hostname >/name"
        weak = self.verify(command, "--vary", "none")
        self.assertEqual(weak["verdict"], "reproducible", weak)
        self.assertIn("host-name", weak["comparison"]["equal"])
        self.assertIn("host name", weak["comparison"]["circumstances"])
        strong = self.verify(command)
        self.assertEqual(strong["verdict"], "unreproducible", strong)
        # What a replica made under another name is never what a build goes on from.
        self.dockerfile(f"FROM tiny\nRUN {command}\n")
        with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
            self.assert_exit(self.build("-o", f"type=local,dest={folder}/out"), 0)
            self.assertEqual(pathlib.Path(folder, "out/name").read_text(), "crossmill\n")

    def test_the_verdict_says_what_was_varied(self):
        cell = self.verify("echo same >/file")
        self.assertEqual(cell["verdict"], "reproducible", cell)
        comparison = cell["comparison"]
        self.assertLessEqual({"clock", "host-name"}, set(comparison["varied"]))
        self.assertEqual({"kernel", "cpu-model"}, set(comparison["equal"]) - {"processors", "file-order"})
        self.assertRegex(comparison["circumstances"], r"^clock at least .* apart; host name.* varied; .*kernel and CPU model equal$")
        self.assertIn(comparison["circumstances"], self.farm.cli("show").stdout)
        again = self.verify("echo same >/file")
        self.assertEqual(again["comparison"]["varied"], comparison["varied"])
        self.assertEqual(again["verdict"], "reproducible")
        # Nothing had to be executed for it.
        self.assertTrue(all(each["finished_at"] == before["finished_at"]
                            for each, before in zip(again["comparison"]["steps"][0]["witnesses"],
                                                    comparison["steps"][0]["witnesses"])))

    def test_words_that_are_none_are_refused(self):
        self.dockerfile("FROM tiny\n")
        refused = self.build("--verify", "2", "--vary", "clock,moon")
        self.assertIn("there is no 'moon'", refused.stderr)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("needs --verify 2", self.build("--vary", "clock").stderr)



class FurtherAspectsTest(FarmTestCase):
    """What is varied only by a wish: seen where it is asked for, and nowhere else."""
    farm_options = {"workers": 2}

    def verify(self, command, *options):
        self.dockerfile(f"FROM tiny\nRUN {command}\n")
        result = self.build("--json", "--verify", "2", "--allow-same-host", "--no-cache", *options)
        self.assert_exit(result, 0)
        cell, = json.loads(result.stdout)["cells"]
        return cell

    def assert_seen_by_a_wish(self, aspect, command):
        usual = self.verify(command)
        self.assertEqual(usual["verdict"], "reproducible", usual)
        self.assertNotIn(aspect, usual["comparison"]["varied"] + usual["comparison"]["equal"])
        for wish in (aspect, "all"):
            cell = self.verify(command, "--vary", wish)
            self.assertEqual(cell["verdict"], "unreproducible", (wish, cell))
            self.assertIn(aspect, cell["comparison"]["varied"])

    def test_process_ids(self):
        self.assert_seen_by_a_wish("process-ids", "sh -c 'echo $$' >/id; :")

    def test_environment(self):
        self.assert_seen_by_a_wish("environment", "env | sort >/variables")

    def test_time_zone(self):
        self.assert_seen_by_a_wish("time-zone", "date +%z >/zone")

    def test_locale(self):
        self.assert_seen_by_a_wish("locale", "echo \"$LANG\" >/locale")

    def test_search_path(self):
        self.assert_seen_by_a_wish("search-path", "echo $PATH >/path")

    def test_a_step_that_depends_on_none_of_them_agrees(self):
        cell = self.verify("echo same >/file", "--vary", "all")
        self.assertEqual(cell["verdict"], "reproducible", cell)
        self.assertLessEqual({"process-ids", "environment", "time-zone", "locale", "search-path"},
                             set(cell["comparison"]["varied"]))

    def test_what_the_recipe_sets_itself_is_not_called_varied(self):
        self.dockerfile("FROM tiny\nENV TZ=UTC\nRUN date +%z >/zone\n")
        result = self.build("--json", "--verify", "2", "--allow-same-host", "--no-cache", "--vary", "time-zone")
        self.assert_exit(result, 0)
        cell, = json.loads(result.stdout)["cells"]
        self.assertEqual(cell["verdict"], "reproducible", cell)
        self.assertEqual(cell["comparison"]["varied"], [])
        self.assertIn("time-zone", cell["comparison"]["equal"])


class AttributeTest(FarmTestCase):
    """build --attribute: which of the variations makes a step differ."""
    farm_options = {"workers": 2}

    def attribute(self, text, *options):
        self.dockerfile(text)
        return self.build("--attribute", "--allow-same-host", *options)

    def test_the_variation_is_named_and_chance_is_told_apart(self):
        document = json.loads(self.attribute("""
            FROM tiny AS names
            RUN hostname >/name
            FROM tiny
            RUN head -c 16 /dev/urandom >/random
            COPY --from=names /name /name
            """, "--json", "-t", "attributed:1").stdout)
        steps = {step["stage_name"]: step for step in document["attribution"]["steps"]}
        self.assertEqual(set(steps), {"names", "stage-1"}, "and not the copy of the first's name")
        self.assertEqual(steps["names"]["without"], "agrees", document["attribution"])
        self.assertEqual(steps["names"]["differs_with"], ["host-name"])
        self.assertIn("clock", steps["names"]["agrees_with"])
        self.assertEqual(steps["stage-1"]["without"], "differs")
        builds = {build["id"]: build for build in json.loads(self.farm.cli("ls", "--json").stdout)}
        for trial in document["attribution"]["builds"]:
            self.assertEqual(builds[trial]["tags"], [], "a trial takes no name")

    def test_the_report_says_it_and_the_exit_code_stays(self):
        result = self.attribute("FROM tiny\nRUN hostname >/name\n", "--require", "reproducible")
        self.assert_exit(result, 3)
        self.assertIn("differed with host name alone; agreed with", result.stdout)

    def test_where_nothing_differs_nothing_is_tried(self):
        document = json.loads(self.attribute("FROM tiny\nRUN echo same >/file\n", "--json").stdout)
        self.assertNotIn("attribution", document)

    def test_rounds_end_at_the_first_that_differs(self):
        self.dockerfile("FROM tiny\nRUN head -c 1 /dev/urandom | od -An -tu1 | grep -q '[02468]$' && echo a >/x || echo b >/x\n")
        result = self.build("--until-different", "40", "--allow-same-host", "--json", "--require", "reproducible")
        self.assert_exit(result, 3)
        rounds = json.loads(result.stdout)["rounds"]
        self.assertIn(rounds["ended_by"], ("verdict", "image"))
        self.assertLess(rounds["run"], 40)

    def test_rounds_that_agree_are_all_run(self):
        self.dockerfile("FROM tiny\nRUN echo same >/x\n")
        result = self.build("--until-different", "3", "--allow-same-host", "--require", "reproducible", "-t", "rounds:1")
        self.assert_exit(result, 0)
        self.assertIn("3 rounds gave the same image", result.stdout)
        builds = json.loads(self.farm.cli("ls", "--json").stdout)[:3]
        self.assertEqual([build["tags"] for build in builds], [[], [], ["rounds:1"]])
        self.assertEqual(len({build["index_digest"] for build in builds}), 1)

    def test_it_needs_executions_to_compare(self):
        self.assert_exit(self.attribute("FROM tiny\n", "--verify", "1"), 2)
        self.assert_exit(self.attribute("FROM tiny\n", "--detach"), 2)


class ReplicasTest(FarmTestCase):
    farm_options = {"workers": 3, "slots": 1}

    def runs(self, text, *options):
        """Of a build of three executions: the comparison, and when its RUNs began and ended, by step and then by replica."""
        self.dockerfile(text)
        document = self.build_json("--verify", "3", "--allow-same-host", "--require", "reproducible", "--network", "none",
                                   *options)
        cell, = document["cells"]
        for step in cell["comparison"]["steps"]:
            self.assertEqual(len({witness["worker"] for witness in step["witnesses"]}), 3, step)
        with sqlite3.connect(f"file:{self.farm.data}/record.db?mode=ro", uri=True) as record:
            rows = record.execute("SELECT step_number, replica, started_at / 1e9, finished_at / 1e9 FROM executions "
                                  "WHERE shape <> '' AND build = ? AND finished_at IS NOT NULL "
                                  "ORDER BY step_number, replica", (document["id"],)).fetchall()
        steps = {}
        for number, replica, began, ended in rows:
            steps.setdefault(number, {})[replica] = (began, ended)
        for step in steps.values():
            self.assertEqual(list(step), [0, 1, 2], "each once")
        return cell["comparison"], list(steps.values())

    def assert_pipelined(self, steps):
        """No replica of a step runs while the first execution of it does; all do while the first is at the next step."""
        for number, (first, *replicas) in enumerate([step[replica] for replica in range(3)] for step in steps):
            self.assertGreater(min(began for began, _ in replicas), first[1], number)
            self.assertLess(max(began for began, _ in replicas), min(ended for _, ended in replicas), number)
            if number + 1 < len(steps):
                self.assertLess(max(began for began, _ in replicas), steps[number + 1][0][1], number)

    def test_the_replicas_of_a_stage_run_side_by_side_a_step_behind_the_first(self):
        comparison, steps = self.runs("FROM tiny\nRUN sleep 4 && echo x > /x\nRUN sleep 5 && echo y > /y\n")
        self.assert_pipelined(steps)
        self.assertRegex(comparison["circumstances"], "^clock( of two executions)? at least ")
        self.assertNotIn("clock", comparison["equal"])

    def test_so_they_do_where_they_are_shown_another_clock(self):
        """Times of files stay real: what packs them would write the same second as the first."""
        archive = stand_ins.find("debian:bookworm")
        if archive is None:
            self.skipTest(stand_ins.why_missing("debian:bookworm"))
        self.farm.import_base("debian", archive)
        self.runs("FROM debian\nRUN true\n")  # so that all have unpacked it
        comparison, steps = self.runs("FROM debian\nRUN sleep 4 && echo x > /x\nRUN sleep 5 && echo y > /y\n")
        self.assert_pipelined(steps)
        self.assertRegex(comparison["circumstances"], "^clock at least .* h apart")

    def test_they_begin_at_once_where_the_clock_may_be_the_same(self):
        comparison, steps = self.runs("FROM tiny\nRUN sleep 3 && echo here > /x\n", "--vary", "none")
        first, *replicas = steps[0].values()
        self.assertLess(max(began for began, _ in replicas), first[0] + 2)
        self.assertIn("clock", comparison["equal"])


if __name__ == "__main__":
    main()
