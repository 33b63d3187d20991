"""Secrets reach the steps that mount them and nothing else: everything the farm keeps or shows is searched for them."""
import base64
import gzip
import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import time
import urllib.parse

from farm import FarmTestCase, main, require_program, wait_for

# As people write them: short enough for one line of base64, and one of several lines.
TOKEN = "crossmill-planted-token-8Zr4Qw7yT1"
KEY = "-----BEGIN PLANTED KEY-----\nplanted-line-one-5hJk2LmN\nplanted-line-two-9pQs3RtV\n-----END PLANTED KEY-----\n"
# A password inside a line, in the form that it has in a URL and in its own.
PASSWORD = "planted-P@ss/word Zx81"
IN_URL = urllib.parse.quote(PASSWORD, safe="")
PIP_CONF = f"[global]\nindex-url = https://builder:{IN_URL}@pypi.example/simple\ntimeout = 60\n"
SETTINGS = json.dumps({"user": "builder", "port": 8080, "debug": True, "password": "planted-json-Qw44"})
NEEDLES = [TOKEN, "planted-line-one-5hJk2LmN", "planted-line-two-9pQs3RtV", PASSWORD, IN_URL, "planted-json-Qw44"]


PLAIN = [needle.encode() for needle in NEEDLES]
# A console shows what a step makes of a secret: only values are masked. Nothing else may hold it.
ENCODED = [base64.b64encode(needle.encode())[:-4] for needle in NEEDLES]


def contents(data):
    """The bytes, and what they decompress to."""
    yield data
    if data[:2] == b"\x1f\x8b":
        try:
            yield gzip.decompress(data)
        except (OSError, EOFError):
            pass
    if data[:4] == b"\x28\xb5\x2f\xfd" and shutil.which("zstd"):
        result = subprocess.run(["zstd", "-dcq"], input=data, capture_output=True)
        if result.returncode == 0:
            yield result.stdout


def read(path):
    try:
        return pathlib.Path(path).read_bytes()
    except OSError:
        return b""


class SecretsTest(FarmTestCase):
    farm_options = {"workers": 2, "slots": 1, "coordinator_options": ["--worker-timeout", "8"]}

    def setUp(self):
        super().setUp()
        # Not below the farm's folder: that is searched whole.
        self.key_file = self.write("../" + self.context.name + "-key", KEY)
        self.addCleanup(self.key_file.unlink, missing_ok=True)
        self.printed = []

    # ---- the build ----

    def planted_files(self, **contents):
        """Files beside the farm's folder, and the options that give them to a build."""
        self.given = []
        for name, content in contents.items():
            path = self.write(f"../{self.context.name}-{name}", content)
            self.addCleanup(path.unlink, missing_ok=True)
            self.given += ["--secret", f"id={name},src={path}"]

    def start(self, *arguments):
        """A build that is given both secrets; the variable is in no environment but the client's."""
        environment = self.farm.environment()
        self.farm.environment = lambda: {**environment, "PLANTED_TOKEN": TOKEN}
        try:
            return self.farm.start_build(self.context, "--secret", f"id=key,src={self.key_file}",
                                         "--secret", "id=token,env=PLANTED_TOKEN", *arguments)
        finally:
            del self.farm.environment

    def finish(self, client, code):
        stdout, stderr = client.communicate(timeout=200)
        self.printed += [stdout, stderr]
        self.assertEqual(client.returncode, code, f"{stdout[-3000:]}\n{stderr[-3000:]}\n{self.farm.logs()}")
        return stdout + stderr

    def busy(self):
        """The name of a worker that runs something."""
        workers = json.loads(self.farm.cli("worker", "ls", "--json").stdout)
        return next((worker["name"] for worker in workers if worker["slots_used"]), None)

    # ---- the search ----

    def assert_in_nothing(self, what, data, forbidden=None):
        for content in contents(data):
            for needle in forbidden or PLAIN:
                at = content.find(needle)
                self.assertEqual(at, -1, f"{needle!r} is in {what}: ...{content[max(0, at - 60):at + 60]!r}...")

    def search_files(self):
        """Every file of the farm: databases with their journals, blobs, console logs, worker data, daemons' logs."""
        seen = 0
        for folder, _, names in os.walk(self.farm.folder):
            for name in names:
                path = pathlib.Path(folder, name)
                if path.is_symlink() or not path.is_file():
                    continue
                seen += 1
                is_console = "logs" in path.parts
                self.assert_in_nothing(path, read(path), PLAIN if is_console else PLAIN + ENCODED)
        self.assertGreater(seen, 10, "the search looks in the wrong place")

    def search_images(self):
        for image in json.loads(self.farm.cli("image", "ls", "--json").stdout):
            archive = self.context / "image.tar"
            result = self.farm.cli("image", "save", image["name"], "-o", archive)
            self.assertEqual(result.returncode, 0, result.stderr)
            with tarfile.open(archive) as layout:
                for member in layout:
                    if member.isfile():
                        self.assert_in_nothing(f"{image['name']} {member.name}", layout.extractfile(member).read())
            archive.unlink()

    def search_what_is_shown(self):
        builds = json.loads(self.farm.cli("ls", "--json").stdout)
        for build in builds:
            for command in (["show", "--json"], ["show"], ["logs"], ["packages", "--json"]):
                result = self.farm.cli(command[0], str(build["id"]), *command[1:])
                self.assert_in_nothing(" ".join(command), (result.stdout + result.stderr).encode())
        for text in self.printed:
            self.assert_in_nothing("what build printed", text.encode())

    def search_processes(self, builds_are_over=True):
        daemons = {str(process.pid) for process in [self.farm.coordinator, *self.farm.workers.values()]}
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            self.assert_in_nothing(f"arguments of {process.name}", read(process / "cmdline"))
            if builds_are_over or process.name in daemons:
                self.assert_in_nothing(f"environment of {process.name}", read(process / "environ"))

    def search_everything(self):
        self.search_processes()
        self.search_files()
        self.search_images()
        self.search_what_is_shown()
        cores = [*self.farm.folder.rglob("core"), *self.farm.folder.rglob("core.*")]
        self.assertEqual([core for core in cores if core.is_file()], [], "there is a core file")

    # ---- tests ----

    def test_the_search_finds_what_is_there(self):
        for content in (TOKEN.encode(), gzip.compress(KEY.encode()), base64.b64encode(TOKEN.encode())):
            planted = self.farm.data / "planted"
            planted.write_bytes(b"before" + content if content.startswith(b"cross") else content)
            try:
                with self.assertRaisesRegex(AssertionError, "planted"):
                    self.search_files()
            finally:
                planted.unlink()

    def test_a_build_that_shows_its_secrets_in_every_way_leaks_none(self):
        self.dockerfile("""
            FROM tiny
            RUN --mount=type=secret,id=key --mount=type=secret,id=token,env=TOKEN,target=/token \\
                cat /run/secrets/key; cat /token; echo; echo "$TOKEN"; env; busybox base64 /token; \\
                test "$(cat /token)" = "$TOKEN" && grep -q planted-line-two /run/secrets/key && echo used > /proof
            RUN test ! -e /run/secrets/key && test ! -e /token && test -z "$TOKEN" && cat /proof
            """)
        said = self.finish(self.start("-t", "planted:1"), 0)
        self.assertIn("***", said, "the console is masked")
        self.search_everything()

    def test_the_passwords_inside_files_are_masked_in_every_form(self):
        self.planted_files(pipconf=PIP_CONF, settings=SETTINGS)
        self.dockerfile(r"""
            FROM tiny
            RUN --mount=type=secret,id=pipconf,target=/etc/pip.conf,required=true --mount=type=secret,id=settings \
                cat /etc/pip.conf; url=$(sed -n 's/index-url = //p' /etc/pip.conf); echo "Looking in $url"; \
                word=$(echo "$url" | sed 's/.*builder:\(.*\)@.*/\1/'); echo "in the URL: <$word>"; \
                plain=$(printf "$(echo "$word" | sed 's/%/\\x/g')"); echo "alone: <$plain>"; \
                printf 'builder:%s' "$plain" | busybox base64; \
                sed 's/.*password": "\(.*\)".*/json: <\1>/' /run/secrets/settings; echo 'port 8080, debug true, https'
            """)
        said = self.finish(self.start(*self.given), 0)
        for text in ("in the URL: <***>", "alone: <***>", "json: <***>", "port 8080, debug true, https"):
            self.assertIn(text, said)
        self.search_everything()

    def test_the_password_of_a_file_in_a_layer_is_reported(self):
        # Another one: what is in a layer stays in the farm, which the other tests search.
        self.planted_files(pipconf="[global]\nindex-url = https://builder:leaked-Aa12Bb34@pypi.example/simple\n")
        self.dockerfile(r"""
            FROM tiny
            RUN --mount=type=secret,id=pipconf,target=/etc/pip.conf,required=true \
                sed -n 's/.*builder:\(.*\)@.*/\1/p' /etc/pip.conf > /leak
            """)
        said = self.finish(self.start(*self.given), 0)
        self.assertRegex(said, r"Dockerfile:2: .*pipconf.*/?leak")

    def test_neither_does_one_that_fails(self):
        self.dockerfile("""
            FROM tiny
            RUN --mount=type=secret,id=token,env=TOKEN echo "$TOKEN" >&2; cat /run/secrets/token; exit 3
            """)
        said = self.finish(self.start(), 1)
        self.assertIn("exit code 3", said)
        self.search_everything()

    def test_nor_executions_on_several_workers(self):
        self.dockerfile("""
            FROM tiny
            RUN --mount=type=secret,id=key cat /run/secrets/key; wc -c < /run/secrets/key > /size
            """)
        self.finish(self.start("--verify", "2", "--allow-same-host"), 0)
        self.search_everything()

    def test_nor_one_in_the_middle_of_which_the_coordinator_is_killed(self):
        marker = f"marker-{time.monotonic_ns()}"
        self.dockerfile(f"""
            FROM tiny
            RUN --mount=type=secret,id=token cat /run/secrets/token; echo {marker} > /first; sleep 5
            RUN --mount=type=secret,id=key cat /run/secrets/key; wc -l < /run/secrets/key > /lines; sleep 1
            RUN test "$(cat /lines)" = 4
            """)
        client = self.start()
        self.addCleanup(client.kill)
        wait_for(lambda: re.search(r'"status": "running"', self.farm.cli("show", "--json").stdout),
                 "the start of the step")
        time.sleep(1.5)
        self.search_processes(builds_are_over=False)
        self.farm.kill_coordinator()
        self.search_files()
        self.farm.start_coordinator()
        self.finish(client, 0)
        self.search_everything()

    def test_nor_one_that_loses_coordinator_and_worker_and_is_given_its_secrets_again(self):
        self.dockerfile(f"""
            FROM tiny
            RUN --mount=type=secret,id=token sleep 4; test "$(wc -c < /run/secrets/token)" = {len(TOKEN)}; \\
                echo {time.monotonic_ns()}
            """)
        client = self.start()
        self.addCleanup(client.kill)
        wait_for(self.busy, "the start of the step")
        time.sleep(1)
        victim = self.busy()
        self.farm.kill_worker(victim)
        self.farm.kill_coordinator()
        self.farm.start_coordinator()
        self.finish(client, 0)
        self.farm.start_worker(victim)
        self.farm.wait_for_workers(2)
        self.search_everything()

    def test_daemons_write_no_core_files(self):
        limits = read(f"/proc/{self.farm.coordinator.pid}/limits").decode()
        self.assertRegex(limits, r"Max core file size\s+0\s+0")

    def test_a_required_secret_that_was_not_given_is_named_with_its_line(self):
        self.dockerfile("""
            FROM tiny
            RUN echo before
            RUN --mount=type=secret,id=token,required=true cat /run/secrets/token
            """)
        result = self.build()
        self.assert_exit(result, 1)
        self.assert_says(result, "Dockerfile:3", "--secret id=token")

    def test_one_that_is_not_required_is_left_out(self):
        self.dockerfile("""
            FROM tiny
            RUN --mount=type=secret,id=token test ! -e /run/secrets/token
            """)
        self.assert_exit(self.build(), 0)

    def test_a_worker_whose_task_moves_on_takes_its_secrets_along(self):
        self.dockerfile(f"""
            FROM tiny
            RUN --mount=type=secret,id=token sleep 4; test "$(wc -c < /run/secrets/token)" = {len(TOKEN)}; \\
                echo {time.monotonic_ns()}
            """)
        client = self.start()
        self.addCleanup(client.kill)
        wait_for(self.busy, "the start of the step")
        time.sleep(1)
        victim = self.busy()
        self.farm.kill_worker(victim)
        self.search_files()
        self.finish(client, 0)
        self.farm.start_worker(victim)
        self.farm.wait_for_workers(2)
        self.search_everything()


class SshTest(FarmTestCase):
    """A step that asks the client's ssh agent for its keys."""

    def setUp(self):
        super().setUp()
        require_program("ssh-keygen", "ssh-agent", "ssh-add", "ldd")
        self.folder = pathlib.Path(str(self.context) + "-ssh")
        self.folder.mkdir(mode=0o700)
        self.addCleanup(shutil.rmtree, self.folder)
        # Also a client that is killed leaves nothing elsewhere.
        environment = self.farm.environment()
        self.farm.environment = lambda: {**environment, "TMPDIR": str(self.folder)}
        self.addCleanup(lambda: self.farm.__dict__.pop("environment"))
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "planted-key", "-f", self.folder / "id"],
                       check=True)

    def agents(self):
        """Agents that a client of this test started."""
        return subprocess.run(["pgrep", "-f", f"ssh-agent.*{self.folder}"], capture_output=True).stdout

    def add_ssh_add(self):
        """The host's ssh-add with its libraries, for the tiny base has none."""
        program = shutil.which("ssh-add")
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        for path in [program, *re.findall(r"(/\S+) \(0x", listed)]:
            copy = self.context / "ssh" / path.lstrip("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(os.path.realpath(path), copy)

    def test_step_sees_the_agent_and_the_key_stays_with_the_client(self):
        self.add_ssh_add()
        self.dockerfile("""
            FROM tiny
            COPY ssh/ /
            RUN --mount=type=ssh,id=github,required=true test -S "$SSH_AUTH_SOCK" && ssh-add -l && \\
                for i in 1 2 3 4; do ssh-add -L & done; wait; ssh-add -L > /keys
            RUN test -z "$SSH_AUTH_SOCK" && test ! -e /run/buildkit && grep planted-key /keys
            """)
        result = self.build("--ssh", f"github={self.folder / 'id'}")
        self.assert_exit(result, 0)
        self.assert_says(result, "planted-key (ED25519)")
        self.assertFalse(self.agents(), "the client's own agent goes with it")
        secret = (self.folder / "id").read_bytes().splitlines()[2]
        for folder, _, names in os.walk(self.farm.folder):
            for name in names:
                self.assertNotIn(secret, read(pathlib.Path(folder, name)))

    def test_agent_whose_client_left_is_explained(self):
        self.add_ssh_add()
        marker = f"marker-{time.monotonic_ns()}"
        self.dockerfile(f"""
            FROM tiny
            COPY ssh/ /
            RUN --mount=type=ssh,required=true ssh-add -l; echo {marker}; while ssh-add -l >/dev/null; do sleep 0.2; done; exit 1
            """)
        client = self.farm.start_build(self.context, "--ssh", f"default={self.folder / 'id'}")
        self.addCleanup(client.communicate)
        self.addCleanup(client.kill)
        wait_for(lambda: marker in self.farm.cli("logs").stdout, "the start of the step")
        self.assertTrue(self.agents(), "the test looks wrongly")
        client.kill()
        client.wait()
        wait_for(lambda: not self.agents(), "the end of the client's own agent", 15)
        result = self.farm.cli("watch", "--progress", "plain")
        self.assert_exit(result, 1)
        self.assert_says(result, "planted-key", "is attached to build")

    def test_agent_that_was_not_given_is_named_with_its_line(self):
        self.dockerfile("""
            FROM tiny
            RUN --mount=type=ssh,required=true true
            """)
        result = self.build()
        self.assert_exit(result, 1)
        self.assert_says(result, "Dockerfile:2", "--ssh default")


if __name__ == "__main__":
    main()
