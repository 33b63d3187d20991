"""The example's kind of recipe on a small local package index: which package came as a wheel, which from source.

Needs the stand-in for python:3.11 that scripts/base-images keeps (stand_ins.py).
"""
import json
import unittest

import stand_ins
import tiny_base
from farm import FarmTestCase, can_run_arm64, main, require_root_and_user, step

PACKAGE = {"platform", "stage", "stage_name", "step", "name", "version", "outcome", "scope", "tag", "file_name",
           "seconds", "built_digest", "built_bytes", "failure_class", "failure_line", "remedy", "witnesses",
           "conflict", "emulated", "environment", "installed", "execution"}
MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}


def find_base():
    archive = stand_ins.find("python:3.11")
    if archive is None:
        raise unittest.SkipTest(stand_ins.why_missing("python:3.11"))
    return archive


class PackagesTest(FarmTestCase):
    def build(self, *arguments):
        # The index is on the machine's own loopback.
        return super().build("--network", "host", *arguments)

    @classmethod
    def setUpClass(cls):
        require_root_and_user()
        base = find_base()
        url = cls.serve_packages()
        cls.farm_options = {"workers": 1, "worker_options": ["--pass-env", "PIP_INDEX_URL"],
                            "worker_environment": {"PIP_INDEX_URL": url, "PIP_EXTRA_INDEX_URL": "",
                                                   "PIP_RETRIES": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}}
        super().setUpClass()
        cls.farm.import_base("python:3.11", base)
        cls.platforms = [f"linux/{tiny_base.machine_architecture()}"]
        if cls.platforms == ["linux/amd64"] and can_run_arm64():
            cls.platforms.append("linux/arm64")

    def test_the_record_says_wheel_or_source_with_tags_per_platform(self):
        self.write("requirements.txt", "purepkg\nbinpkg\ncextpkg\nscriptpkg\n")
        self.dockerfile("""
            FROM python:3.11 AS builder
            COPY requirements.txt .
            RUN pip install --user -r requirements.txt
            FROM python:3.11
            COPY --from=builder /root/.local /root/.local
            RUN python3 -c "import purepkg, binpkg; from cextpkg import native; print('answer', native.answer())"
            """)
        result = self.build("--platform", ",".join(self.platforms), "-t", "example:1")
        self.assert_exit(result, 0)
        self.assert_says(result, "answer 42", "stand-in")
        packages = json.loads(self.farm.cli("packages", "--json").stdout)
        for package in packages:
            self.assertEqual(PACKAGE - set(package), set())
        for platform in self.platforms:
            found = {p["name"]: p for p in packages if p["platform"] == platform and p["scope"] == "runtime"}
            machine = MACHINES[platform]
            self.assertEqual(
                {name: (p["version"], p["outcome"], p["tag"]) for name, p in found.items()},
                {"purepkg": ("1.2.0", "wheel", "py3-none-any"), "scriptpkg": ("0.3", "wheel", "py3-none-any"),
                 "binpkg": ("2.0.1", "wheel", f"cp311-cp311-manylinux_2_17_{machine}"),
                 "cextpkg": ("0.9", "source", f"cp311-cp311-linux_{machine}")})
            for package in found.values():
                self.assertEqual((package["stage_name"], package["step"]), ("builder", 3))
            self.assertGreater(found["cextpkg"]["seconds"], 0)
        table = self.farm.cli("packages").stdout
        for text in ("cextpkg", "source", "wheel", "manylinux_2_17_x86_64" if "linux/amd64" in self.platforms else ""):
            self.assertIn(text, table)
        # Cached, the record is the same.
        again = self.build_json("--platform", ",".join(self.platforms))
        self.assertEqual({step(again, "RUN pip", platform)["status"] for platform in self.platforms}, {"cached"})
        cached = json.loads(self.farm.cli("packages", "--json").stdout)
        key = ("platform", "name", "version", "outcome", "scope", "tag", "seconds")
        self.assertEqual([[p[k] for k in key] for p in cached], [[p[k] for k in key] for p in packages])

    def test_a_package_that_does_not_compile_says_why(self):
        self.dockerfile("FROM python:3.11\nRUN pip install --user headerless\n")
        result = self.build()
        self.assert_exit(result, 1)
        self.assert_says(result, "Dockerfile:2", "not_there.h")
        failed, = [p for p in json.loads(self.farm.cli("packages", "--json").stdout) if p["outcome"] == "failed"]
        self.assertEqual(failed["name"], "headerless")
        self.assertIn("not_there.h", failed["failure_line"])
        self.assertTrue(failed["failure_class"])
        self.assertFalse(failed["installed"])
        # What to do stands where people read, not only in JSON.
        for text in (result.stdout + result.stderr, self.farm.cli("packages").stdout):
            self.assertIn(failed["failure_line"], text)
            self.assertIn(failed["remedy"], text)
        self.assert_farm_goes_on()

    def rows(self):
        """(stage, step, name) -> package, of the latest build; a second row of the same key fails."""
        found = {}
        for package in json.loads(self.farm.cli("packages", "--json").stdout):
            if package["scope"] == "runtime":
                self.assertNotIn((package["stage_name"], package["step"], package["name"], package["environment"]), found)
                found[package["stage_name"], package["step"], package["name"], package["environment"]] = package
        return {key: (package["outcome"], package["installed"]) for key, package in found.items()}

    def test_only_what_an_interpreter_finds_counts_and_silence_is_unknown(self):
        self.dockerfile("""
            FROM python:3.11 AS builder
            RUN python3 -m venv /v && /v/bin/pip install -q purepkg
            RUN pip wheel --no-cache-dir -w /wheels purepkg cextpkg puresrc
            RUN pip install --no-cache-dir --target /t purepkg
            RUN pip download -d /d purepkg
            RUN pip install --no-cache-dir scriptpkg && pip uninstall -q -y scriptpkg
            RUN mkdir -p /rootfs/etc /rootfs/usr/lib/python3 && cp -r /v/lib/python3.11/site-packages /rootfs/usr/lib/python3/dist-packages
            FROM python:3.11
            COPY --from=builder /wheels /w
            RUN pip install --no-cache-dir --no-index --find-links /w purepkg cextpkg puresrc
            """)
        self.assert_exit(self.build("-t", "places:1"), 0)
        rows = self.rows()
        final = {key[2]: value for key, value in rows.items() if key[0] != "builder"}
        self.assertEqual(final, {"purepkg": ("wheel", True), "cextpkg": ("source-cached", True),
                                 "puresrc": ("source-cached", True)})
        self.assertEqual({key[1:]: value for key, value in rows.items() if key[0] == "builder"},
                         {(2, "purepkg", "/v"): ("unknown", True), (3, "purepkg", "/wheels"): ("wheel", False),
                          (3, "cextpkg", "/wheels"): ("source", False), (3, "puresrc", "/wheels"): ("source", False),
                          (4, "purepkg", "/t"): ("wheel", True)})
        self.assertIn("without -q", self.farm.cli("packages").stdout)

    def test_the_end_of_a_long_console_is_read(self):
        self.dockerfile("""
            FROM python:3.11
            RUN seq -f 'Collecting p%.0f' 60000 && pip install --no-cache-dir --target /t purepkg
            """)
        self.assert_exit(self.build(), 0)
        self.assertEqual({key[2]: value for key, value in self.rows().items()}, {"purepkg": ("wheel", True)})

    def test_make_with_a_compiler_recompiles_nothing_in_a_later_run(self):
        self.write("main.c", "int part(void);\nint main(void) { return part(); }\n")
        self.write("part.c", "int part(void) { return 0; }\n")
        self.write("Makefile", "program: main.o part.o\n\tgcc -o $@ $^\n%.o: %.c\n\tgcc -c -o $@ $<\n")
        self.dockerfile("""
            FROM python:3.11
            WORKDIR /src
            COPY . .
            RUN make && ./program
            RUN make | tee /said && grep 'up to date' /said
            """)
        self.assert_exit(self.build("--no-cache"), 0)


if __name__ == "__main__":
    main()
