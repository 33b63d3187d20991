"""`build --normalize` on a real farm: recipes whose noise makes them unreproducible without it and reproducible with it. And
causes: rules of --normalize that are named for them, known files of an operator, levels.

Two workers of one machine, so every build allows the same host. Needs the stand-in for python:3.11 that
scripts/base-images keeps (stand_ins.py).
"""
import io
import json
import pathlib
import subprocess
import tarfile
import unittest

import stand_ins
from farm import BIN, FarmTestCase, main

RANDOM = "head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \\n'"
RULES = ["apt-logs", "apt-caches", "ldconfig-cache", "machine-id", "shadow-dates", "pyc-times", "man-db", "fontconfig", "cargo-cache",
         "temporary-folder", "build-paths", "python-hash-seed"]
# One step for each: what the rules take out of it, by hand where a program would need the network.
NOISE = {
    "apt-logs": f"mkdir -p /var/log/apt && {RANDOM} | tee /var/log/apt/term.log /var/log/apt/history.log "
                ">>/var/log/dpkg.log",
    "apt-caches": f"mkdir -p /var/cache/apt /var/lib/apt/lists && {RANDOM} >/var/cache/apt/pkgcache.bin "
                  "&& echo list >/var/lib/apt/lists/x_InRelease && touch -d @$(od -An -N3 -tu4 /dev/urandom | tr -d ' ') "
                  "/var/lib/apt/lists/x_InRelease",
    "ldconfig-cache": "rm -f /var/cache/ldconfig/aux-cache && cp /bin/true /usr/local/lib/libnoise.so.1 && ldconfig",
    "machine-id": f"rm -f /etc/machine-id && mkdir -p /var/lib/dbus && {RANDOM} >/etc/machine-id "
                  "&& cp /etc/machine-id /var/lib/dbus/machine-id",
    "pyc-times": "mkdir /legacy && cd /legacy && echo 'x = 1' >m.py && unset SOURCE_DATE_EPOCH "
                 "&& python3 -m compileall -q -b . && rm m.py",
    "man-db": f"mkdir -p /var/cache/man/de && {RANDOM} >/var/cache/man/de/index.db",
    "fontconfig": f"mkdir -p /var/cache/fontconfig && {RANDOM} >/var/cache/fontconfig/0123-le64.cache-7",
    "cargo-cache": f"mkdir -p /root/.cargo && {RANDOM} >/root/.cargo/.global-cache",
    "temporary-folder": f"mktemp && {RANDOM} >$(mktemp)",
    "python-hash-seed": "python3 -c \"print({str(n) for n in range(50)})\" >/set",
}
# As `passwd` and `busybox adduser` do, which do not look at SOURCE_DATE_EPOCH; the day is the same in both executions.
ACCOUNT = "useradd app && sed -i \"s/^app:\\([^:]*\\):[0-9]*:/app:\\1:$(($(date +%s) / 86400)):/\" /etc/shadow"


def source_archive():
    """noise-1.0.tar.gz, which has an extension in C."""
    files = {
        "setup.py": "from setuptools import Extension, setup\n"
                    "setup(name='noise', version='1.0', ext_modules=[Extension('noise', ['noise.c'])])\n",
        "PKG-INFO": "Metadata-Version: 2.1\nName: noise\nVersion: 1.0\n",
        "noise.c": "#include <Python.h>\n"
                   "static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, \"noise\", __FILE__, -1, NULL};\n"
                   "PyMODINIT_FUNC PyInit_noise(void) { return PyModule_Create(&module); }\n",
    }
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(f"noise-1.0/{name}")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


class NormalizeTest(FarmTestCase):
    farm_options = {"workers": 2}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        archive = stand_ins.find("python:3.11")
        if archive is None:
            cls.farm.close()
            raise unittest.SkipTest(stand_ins.why_missing("python:3.11"))
        cls.farm.import_base("python:3.11", archive)

    def verify(self, *options):
        result = self.build("--json", "--verify", "2", "--allow-same-host", *options)
        self.assert_exit(result, 0)
        document = json.loads(result.stdout)
        cell, = document["cells"]
        return document, cell

    def told(self, document):
        """Normalizations of each RUN, by number of the step."""
        return {step["number"]: step["normalizations"] for stage in document["stages"] for step in stage["steps"]
                if step["instruction"] == "RUN"}

    def test_noise_of_every_kind(self):
        self.dockerfile("FROM python:3.11\n" + "".join(f"RUN {command}\n" for command in NOISE.values()))
        document, cell = self.verify()
        self.assertEqual(cell["verdict"], "unreproducible")
        noisy = {step["step"] for step in cell["comparison"]["steps"] if not step["agrees"]}
        self.assertEqual({rule for number, rule in enumerate(NOISE, 2) if number not in noisy}, set())
        self.assertEqual(document["options"]["normalize"], [])
        self.assertEqual([each for told in self.told(document).values() for each in told], [])

        document, cell = self.verify("--normalize", "--require", "reproducible", "-t", "noise")
        self.assertEqual(cell["verdict"], "reproducible")
        self.assertEqual(document["options"]["normalize"], RULES)
        for number, rule in enumerate(NOISE, 2):
            told = {each["rule"]: each for each in self.told(document)[number]}
            self.assertIn(rule, told)
            self.assertLessEqual({"temporary-folder", "build-paths", "python-hash-seed"}, set(told))
            self.assertTrue(told[rule]["files"] or told[rule]["variables"], told[rule])
        # The record stays; the image has nothing of it.
        shown = json.loads(self.farm.cli("show", "--json").stdout)
        self.assertEqual(self.told(shown), self.told(document))
        report = self.farm.cli("show").stdout
        self.assertIn("; normalized", report)
        self.assertRegex(report, r"apt-logs +1 step +3 files")
        history = self.farm.cli("image", "history", "noise").stdout
        self.assertIn("machine-id (2 files), temporary-folder (TMPDIR=/run/crossmill/tmp)", history)
        inspected = self.farm.cli("image", "inspect", "noise", "--json").stdout
        for word in ("normal", "PYTHONHASHSEED", "COMPILER_PATH", "/run/crossmill"):
            self.assertNotIn(word, inspected)
        # From the cache it is told again.
        document, cell = self.verify("--normalize", "--require", "reproducible")
        self.assertEqual({step["status"] for stage in document["stages"] for step in stage["steps"]},
                         {"cached"})
        self.assertEqual(self.told(document), self.told(shown))

    def test_a_rule_alone_and_its_absence(self):
        self.dockerfile(f"FROM python:3.11\nRUN {NOISE['machine-id']}\nRUN {NOISE['man-db']}\n")
        document, cell = self.verify("--normalize=machine-id")
        self.assertEqual(cell["verdict"], "unreproducible")
        self.assertEqual([step["step"] for step in cell["comparison"]["steps"] if not step["agrees"]], [3])
        self.assertEqual([each["rule"] for each in self.told(document)[2]], ["machine-id"])
        self.assertEqual(self.told(document)[3], [])
        refused = self.build("--normalize=machine-id,moon")
        self.assertEqual(refused.returncode, 2, refused.stderr)
        self.assertIn("no rule 'moon'; there are all, " + ", ".join(RULES), refused.stderr)

    def test_an_account_has_the_day_of_the_epoch(self):
        self.dockerfile(f"FROM python:3.11\nRUN {ACCOUNT}\n"
                        "RUN test $(grep ^app: /etc/shadow | cut -d: -f3) = $((SOURCE_DATE_EPOCH / 86400))\n"
                        "RUN stat -c %a%G /etc/shadow | grep 640shadow\n")
        result = self.build()
        self.assert_exit(result, 1)
        document, _ = self.verify("--normalize=shadow-dates", "--require", "reproducible")
        self.assertEqual([each["rule"] for each in self.told(document)[2]], ["shadow-dates"])

    def test_a_compiled_package(self):
        self.write("noise-1.0.tar.gz", source_archive())
        self.dockerfile("""
            FROM python:3.11
            COPY noise-1.0.tar.gz /sdist/
            RUN pip install --root-user-action=ignore --no-cache-dir --no-index --no-build-isolation --find-links /sdist noise
            RUN python3 -c "import noise; open('/doc', 'w').write(noise.__doc__)" && cat /doc
            """)
        _, cell = self.verify()
        self.assertEqual(cell["verdict"], "unreproducible")
        step, = [step for step in cell["comparison"]["steps"] if not step["agrees"]]
        self.assertTrue(any(each["path"].endswith(".so") for each in step["differences"]), step["differences"])
        _, cell = self.verify("--normalize", "--require", "reproducible")
        self.assertEqual(cell["verdict"], "reproducible")

    def test_what_a_recipe_sets_and_mounts_counts(self):
        self.dockerfile("""
            FROM python:3.11
            ENV TMPDIR=/var/tmp PYTHONHASHSEED=7
            RUN test $TMPDIR$PYTHONHASHSEED = /var/tmp7 && test ! -e /run/crossmill/tmp
            ENV TMPDIR= PYTHONHASHSEED=
            USER nobody
            RUN --mount=type=tmpfs,target=/run test -z "$TMPDIR" && test -x /run/crossmill/compilers/cc1
            """)
        document, _ = self.verify("--normalize", "--require", "reproducible")
        self.assertEqual([each["rule"] for each in self.told(document)[3]], ["build-paths"])


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
