"""The bytes of layers: times that build tools trust, modes, names, depth, and two runtimes."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import tiny_base
from farm import FarmTestCase, main, require_program, step

MAKEFILE = """\
all: program
program: main.o part.o
\t@echo linking; cat main.o part.o > program
%.o: %.c
\t@echo compiling $<; cp $< $@
"""


def with_libraries(program):
    """The files that a dynamic program of this machine needs, itself included."""
    said = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return [program, *re.findall(r"(/\S+) \(0x", said)]


class TimesTest(FarmTestCase):
    """make trusts mtimes: steps must neither repeat nor miss work."""

    @classmethod
    def setUpClass(cls):
        require_program("make")
        super().setUpClass()
        with tempfile.TemporaryDirectory(prefix="crossmill-context-", dir="/var/tmp") as folder:
            context = pathlib.Path(folder)
            for file in with_libraries(shutil.which("make")):
                target = context / "root" / file[1:]
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
                target.chmod(0o755)
            context.joinpath("Dockerfile").write_text("FROM tiny\nCOPY root /\nRUN make --version\n")
            result = cls.farm.build(context, "-t", "with-make")
        assert result.returncode == 0, result.stdout + result.stderr

    def write_sources(self):
        self.write("Makefile", MAKEFILE)
        self.write("main.c", "main\n")
        self.write("part.c", "part\n")

    def log_of(self, build, text):
        number = step(build, text)["number"]
        return self.farm.cli("logs", build["id"], "--step", number).stdout

    def test_make_in_a_second_run_recompiles_nothing(self):
        self.write_sources()
        self.dockerfile("""
            FROM with-make
            WORKDIR /src
            COPY . .
            RUN make all; echo first
            RUN make all; echo second
            """)
        build = self.build_json("--no-cache")
        self.assertIn("compiling main.c", self.log_of(build, "RUN make all; echo first"))
        second = self.log_of(build, "RUN make all; echo second")
        self.assertNotIn("compiling", second)
        self.assertNotIn("linking", second)
        self.assertIn("Nothing to be done", second)

    def test_make_after_copy_from_recompiles_nothing(self):
        self.write_sources()
        self.dockerfile("""
            FROM with-make AS builder
            WORKDIR /src
            COPY . .
            RUN make all; echo first
            FROM with-make
            COPY --from=builder /src /src
            WORKDIR /src
            RUN make all; echo second
            """)
        build = self.build_json()
        self.assertIn("Nothing to be done", self.log_of_stage(build, 1))

    def log_of_stage(self, build, stage):
        return self.farm.cli("logs", build["id"], "--stage", build["stages"][stage]["name"] or stage).stdout

    def test_a_stub_that_a_later_copy_replaces_is_recompiled(self):
        self.write_sources()
        self.write("stub.c", "stub\n")
        # As old as can be: Docker would keep this time and make would see nothing new.
        os.utime(self.context / "main.c", (1000000000, 1000000000))
        self.dockerfile("""
            FROM with-make
            WORKDIR /src
            COPY Makefile part.c .
            COPY stub.c main.c
            RUN make all; echo first
            COPY main.c .
            RUN make all; echo second; cat program
            """)
        build = self.build_json()
        second = self.log_of(build, "RUN make all; echo second")
        self.assertIn("compiling main.c", second)
        self.assertNotIn("compiling part.c", second)
        self.assertIn("linking", second)
        self.assertRegex(second, r"(?m)main$")


class TreesTest(FarmTestCase):
    farm_options = {"workers": 2, "options_of": {"w1": ["--runtime", "crun"], "w2": ["--runtime", "runc"]}}

    @classmethod
    def setUpClass(cls):
        require_program("crun", "runc")
        super().setUpClass()

    def test_crun_and_runc_make_the_same_layers(self):
        workers = json.loads(self.farm.cli("worker", "ls", "--json").stdout)
        self.assertEqual({worker["runtime"].split()[0] for worker in workers}, {"crun", "runc"})
        self.write("file", "content\n", 0o640)
        self.dockerfile("""
            FROM tiny
            RUN env | sort > /env; id > /id; umask > /umask; hostname > /hostname; pwd > /pwd; stat -c '%n %A %u %g' /proc /sys /dev /run /tmp > /folders
            RUN grep -E '^(Cap|NoNewPrivs|Seccomp):?' /proc/self/status > /status; cat /proc/self/cgroup > /dev/null
            RUN ls -l /dev | grep -v ' core ' | awk '{print $1, $3, $4, $NF}' > /devices; awk '{print $2, $3}' /proc/mounts | sort > /mounts
            RUN rm -r /home && mkdir /home && echo new > /home/new && chmod 2775 /home
            RUN touch /etc/passwd && chmod 600 /etc/group && chmod 644 /etc/group
            RUN : >> /etc/group && ln /etc/passwd /etc/hard && mkfifo /etc/fifo
            COPY --chown=app:extra --chmod=4711 file /copied/
            WORKDIR /made/by/workdir
            USER app
            RUN id > /tmp/id && cat /copied/file > /tmp/denied 2>&1; ls -l /copied > /tmp/listing
            """)
        result = self.build("--verify", "2", "--vary", "clock,processors", "--allow-same-host")
        self.assert_exit(result, 0)
        build = self.farm.show()
        cell, = build["cells"]
        report = self.farm.cli("diff").stdout
        self.assertEqual(cell["verdict"], "reproducible", report)
        for made in build["stages"][0]["steps"]:
            if made["instruction"] == "RUN":
                workers = {made["worker"], *(replica["worker"] for replica in made["replicas"])}
                self.assertEqual(workers, {"w1", "w2"}, made)

    def test_what_is_only_opened_or_touched_is_in_no_layer(self):
        self.dockerfile("""
            FROM tiny
            RUN echo change > /changed
            RUN : >> /etc/passwd && chmod 600 /etc/group && chmod 644 /etc/group && touch -d @1700000000 /etc/group
            RUN true
            """)
        build = self.build_json()
        empty = step(build, "RUN true")
        self.assertEqual(step(build, "RUN :")["layer_digest"], empty["layer_digest"])
        self.assertEqual(empty["content_bytes"], 0)
        self.assertNotEqual(step(build, "RUN echo")["layer_digest"], empty["layer_digest"])

    def test_a_setuid_program_works_under_user(self):
        # busybox drops privileges for applets that are not meant to be setuid; id -u of a copy shows the
        # effective user only if the kernel honoured the bit.
        self.write("probe.c", """
            #include <stdio.h>
            #include <unistd.h>
            int main(void) { printf("real %d effective %d\\n", (int)getuid(), (int)geteuid()); return 0; }
            """)
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None:
            self.skipTest("needs a C compiler")
        compiled = subprocess.run([compiler, "-static", "-o", "probe", "probe.c"], cwd=self.context, capture_output=True)
        if compiled.returncode != 0:
            self.skipTest("needs a C library to link statically")
        self.dockerfile("""
            FROM tiny
            COPY --chmod=755 probe /bin/probe
            RUN chmod 4755 /bin/probe
            USER app
            RUN probe
            RUN sh -c probe
            """)
        build = self.build_json()
        for text in ("RUN probe", "RUN sh"):
            said = self.farm.cli("logs", build["id"], "--step", step(build, text)["number"]).stdout
            self.assertIn("real 1000 effective 0", said)

    def test_150_layers(self):
        lines = [f"RUN echo {number} > /n{number % 10}" for number in range(150)]
        self.dockerfile("FROM tiny\n" + "\n".join(lines) + "\nRUN cat /n0 /n9\n")
        build = self.build_json()
        said = self.farm.cli("logs", build["id"], "--step", "152").stdout
        self.assertIn("140", said)
        self.assertIn("149", said)
        # The other worker has to unpack all of them.
        worker = step(build, "RUN echo 0")["worker"]
        self.farm.kill_worker(worker)
        self.dockerfile("FROM tiny\n" + "\n".join(lines) + "\nRUN cat /n0 /n9 && echo elsewhere\n")
        build = self.build_json()
        self.assertEqual(step(build, "RUN echo 149")["status"], "cached")
        self.assertNotEqual(step(build, "RUN cat")["worker"], worker)
        said = self.farm.cli("logs", build["id"], "--step", "152").stdout
        self.assertIn("140", said)
        self.assertIn("149", said)
        self.farm.start_worker(worker)
        self.farm.wait_for_workers(2)

    def test_names_that_are_not_utf8(self):
        raw = os.fsencode(self.context)
        folder = os.path.join(raw, b"folder\xff")
        os.mkdir(folder)
        with open(os.path.join(folder, b"n\xe4me with space"), "wb") as file:
            file.write(b"latin\n")
        os.symlink(b"n\xe4me with space", os.path.join(folder, b"li\xfenk"))
        self.dockerfile("""
            FROM tiny AS first
            COPY . /all
            RUN cat /all/folder*/n*e* && cp -a /all/folder* /again
            FROM tiny
            COPY --from=first /all /all
            RUN cat /all/folder*/li*k > /seen; printf '%s;' /all/folder*/* | od -An -v -tx1 | tr -d ' \\n'
            """)
        out = self.context.with_name(self.context.name + ".tar")
        self.addCleanup(out.unlink, missing_ok=True)
        result = self.build("--verify", "2", "--vary", "clock,processors", "--allow-same-host", "-o", out)
        self.assert_exit(result, 0)
        self.assert_says(result, "latin", b"folder\xff/li\xfenk;".hex(), b"folder\xff/n\xe4me with space;".hex())
        self.assertEqual(self.farm.show()["verdict"], "reproducible")
        self.assertEqual(self.farm.cli("diff", "--json").returncode, 0)

    def test_the_epoch_of_files(self):
        self.dockerfile("FROM tiny\nRUN echo a > /a\nRUN echo b > /b && echo \"epoch $SOURCE_DATE_EPOCH\"\nRUN stat -c %Y /a /b\n")
        build = self.build_json()
        said = self.farm.cli("logs", build["id"], "--step", "4").stdout
        times = [int(line.split()[-1]) for line in said.splitlines() if line.split()[-1:] and line.split()[-1].isdigit()]
        self.assertEqual(times, [tiny_base.EPOCH + 1, tiny_base.EPOCH + 2], said)
        build = self.build_json("--source-date-epoch", "1234567890")
        said = self.farm.cli("logs", build["id"], "--step", "4").stdout
        self.assertEqual(said.count("1234567890"), 2, said)


if __name__ == "__main__":
    main()
