"""The farm's own part is exactly deterministic: one recipe gives one index digest whatever executes it.

The first farm (crun, workers that root started, one task at a time, this machine's file system) sets the digest; every
other farm differs from it in one way. A difference is told by the first step whose layer differs.
"""
import contextlib
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from farm import Farm, main, require_program, require_root_and_user, steps, tiny_archive, wait_for

STAGES = 8

# What file systems and runtimes tell in different ways: order of names in a folder, hard links, holes, whiteouts and
# opaque folders, renamed folders of a lower layer, modes and owners on what exists, odd and long names, times.
TREES = """
FROM tiny AS part{number}
RUN mkdir -p /part/{number} && cd /part/{number} && for n in $(seq 60); do echo $n > f$((n * 37 % 61)); done
RUN cd /part/{number} && ln f1 hard && ln -s f2 soft && mkfifo fifo && chmod 4750 f3 && chown 1000:1000 f4 && rm f5 f6 \
 && dd if=/dev/zero of=sparse bs=1 count=1 seek=3000000 2>/dev/null && touch -d @1600000000 f7 && mv f8 renamed
RUN cp -a /part/{number} /part/copy && rm -r /part/{number} && mkdir /part/{number} && echo again > /part/{number}/f1
"""
END = """
FROM tiny
COPY --chown=app:app --chmod=640 file /copied/
RUN mv /home /home2 && mkdir /home && echo new > /home/new && chmod 2775 /home && chmod 600 /etc/group && rm -r /home2
RUN name=$(printf '%0200d' 7) && mkdir -p /deep/$name/$name && echo deep > "/deep/$name/$name/a b'c"
"""
LAST = """
USER app
WORKDIR /made
RUN id > /tmp/id && mkdir /tmp/own && echo own > /tmp/own/file && sleep 0.5
"""


def recipe():
    parts = "".join(TREES.format(number=number) for number in range(STAGES))
    copies = "".join(f"COPY --from=part{number} /part /part{number}\n" for number in range(STAGES))
    return parts + END + copies + LAST


class DeterminismTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        require_root_and_user()
        require_program("crun")
        cls.archive = tiny_archive()
        context = tempfile.mkdtemp(prefix="crossmill-context-", dir="/var/tmp")
        cls.addClassCleanup(shutil.rmtree, context, ignore_errors=True)
        cls.context = pathlib.Path(context)
        cls.context.joinpath("Dockerfile").write_text(recipe().lstrip())
        cls.context.joinpath("file").write_text("content\n")
        with cls.running(runtime="crun", slots=1) as farm:
            cls.first = cls.made_by(farm)

    @classmethod
    @contextlib.contextmanager
    def running(cls, runtime="crun", prepare=None, **options):
        farm = Farm(worker_options=["--runtime", runtime], **options)
        with contextlib.ExitStack() as stack:
            stack.callback(farm.close)
            if prepare is not None:
                prepare(farm, stack)
            with farm:
                farm.import_base("tiny", cls.archive)
                yield farm

    @classmethod
    def finished(cls, farm, result):
        assert result.returncode == 0, f"{result.stdout[-3000:]}\n{result.stderr[-6000:]}\n{farm.logs()}"
        # A build's command ends before its image is packed.
        wait_for(lambda: farm.show()["index_digest"], "the digest of the index")
        return farm.show()

    @classmethod
    def made_by(cls, farm, *options):
        return cls.finished(farm, farm.build(cls.context, "-t", "made", *options))

    def assert_same(self, build):
        layers = [{(stage["name"], step["number"], step["text"]): step["layer_digest"]
                   for stage in made["stages"] for step in stage["steps"]} for made in (self.first, build)]
        self.assertEqual(set(layers[0]), set(layers[1]))
        for key, digest in layers[0].items():
            self.assertEqual(layers[1][key], digest, key)
        self.assertEqual(build["index_digest"], self.first["index_digest"])

    def executed(self, build):
        return [step for step in steps(build) if step["instruction"] == "RUN" and step["status"] != "cached"]

    # ---- one way each ----

    def test_runc(self):
        require_program("runc")
        with self.running(runtime="runc") as farm:
            self.assert_same(self.made_by(farm))

    def test_a_worker_that_an_ordinary_user_started(self):
        require_program("setpriv")
        command = ["setpriv", "--reuid", "crossmill", "--regid", "crossmill", "--init-groups"]
        with self.running(worker_command=command) as farm:
            self.assert_same(self.made_by(farm))

    def test_all_stages_at_once_then_cold_and_warm(self):
        with self.running(slots=STAGES) as farm:
            cold = self.made_by(farm)
            self.assert_same(cold)
            warm = self.made_by(farm)
            self.assertEqual(self.executed(warm), [])
            self.assert_same(warm)
            again = self.made_by(farm, "--no-cache")
            self.assertEqual(len(self.executed(again)), len(self.executed(cold)))
            self.assert_same(again)

    def test_a_worker_is_lost_midway(self):
        with self.running(workers=2, slots=1) as farm:
            process = farm.start_build(self.context, "-t", "made")
            running = []

            def is_executing():
                if farm.cli("show").returncode == 0:
                    running[:] = [step["worker"] for step in steps(farm.show()) if step["status"] == "running"]
                return bool(running)

            try:
                wait_for(is_executing, "a step that runs")
                farm.kill_worker(running[0])
            finally:
                said = "\n".join(process.communicate(timeout=300))
            build = self.finished(farm, subprocess.CompletedProcess(process.args, process.returncode, said, ""))
            self.assertIn(f"{running[0]} was silent", said)
            self.assert_same(build)

    # ---- file systems below the worker's folder ----

    def on(self, file_system, *make):
        def prepare(farm, stack):
            folder = farm.folder / "w1"
            folder.mkdir()
            source = file_system
            options = []
            if make:
                source = farm.folder / "disk"
                with open(source, "wb") as disk:
                    disk.truncate(1 << 30)
                made = subprocess.run([*make, source], capture_output=True, text=True)
                self.assertEqual(made.returncode, 0, made.stderr)
                options = ["-o", "loop"]
            mounted = subprocess.run(["mount", "-t", file_system, *options, source, folder], capture_output=True, text=True)
            if mounted.returncode != 0:
                self.skipTest(f"cannot mount {file_system} here: {mounted.stderr.strip()}")
            # After the farm has ended, whose folder is removed last.
            stack.callback(subprocess.run, ["umount", "-l", folder], check=True)

        with self.running(prepare=prepare) as farm:
            build = self.made_by(farm)
            self.assert_same(build)

    def test_ext4(self):
        require_program("mkfs.ext4")
        self.on("ext4", "mkfs.ext4", "-q")

    def test_xfs(self):
        require_program("mkfs.xfs")
        self.on("xfs", "mkfs.xfs", "-q")

    def test_btrfs(self):
        require_program("mkfs.btrfs")
        self.on("btrfs", "mkfs.btrfs", "-q")

    def test_tmpfs(self):
        self.on("tmpfs")


if __name__ == "__main__":
    main()
