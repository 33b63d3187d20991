"""A farm under full load on small disks for as long as one likes: does anything grow, is anything lost?

Coordinator and workers have a tmpfs each and budgets far below what the builds bring, so that everything is thrown away and
made again all the time. Clients submit without a pause, as scripts would: new steps, cached ones, changed contexts, failures,
cancels, images with names. Watched are memory, disks and the time of answers; at the end every build has the end that its
recipe asks for, and every image that is kept comes out with the digest that was told when it was built.

    soak_test.py [--builds 20000] [--minutes 60] [--clients 4]        what scripts/check soak runs
    soak_test.py                                                      a small one, for scripts/test

With programs that were made with sanitizers (CROSSMILL_BIN; scripts/check asan-soak) errors and leaks are looked for, too.

Absolute times and bytes are printed; what is asked for are shares of the first part of the run.
"""
import argparse
import collections
import http.client
import json
import os
import pathlib
import random
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import farm as farms

MEBI = 1 << 20
# Of the coordinator and of each worker.
DISK = 768 * MEBI
# What was used within the grace time stays whatever the budget: with some twenty builds a second it has to be short.
POLICIES = {"blobs.budget": "192MiB", "blobs.grace": "5s"}
WORKER_BUDGETS = ("--layers-budget", "128MiB", "--caches-budget", "32MiB")
# A step brings about so much, so that the budgets are used up a hundred times in a long run.
STEP_BYTES = 400_000

KINDS = (("new", 50), ("cached", 20), ("context", 12), ("fails", 8), ("cancelled", 4), ("named", 6))
RECIPES = {
    "new": "FROM tiny\nARG SALT\nRUN head -c {bytes} /dev/urandom > /data && echo $SALT\n",
    "cached": "FROM tiny\nRUN echo the same > /same\nRUN cat /same /same > /twice\n",
    "context": "FROM tiny\nCOPY . /context\nRUN cat /context/* > /all\n",
    "fails": "FROM tiny\nARG SALT\nRUN echo $SALT && exit 3\n",
    "cancelled": "FROM tiny\nARG SALT\nRUN echo $SALT && sleep 300\n",
    "named": "FROM tiny\nARG SALT\nRUN head -c {bytes} /dev/zero > /data && echo $SALT > /salt\n",
}
# Exit codes of crossmill build (docs/cli.md).
SUCCEEDED, RECIPE_FAILED = 0, 1


class Disk:
    """A tmpfs."""

    def __init__(self, path, size):
        self.path = path
        path.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", path], check=True)

    def used(self):
        info = os.statvfs(self.path)
        return (info.f_blocks - info.f_bfree) * info.f_frsize

    def close(self):
        # Lazily: what a worker leaves ends with it, moments later.
        subprocess.run(["umount", "-l", self.path], check=False)


class SmallFarm(farms.Farm):
    """Its data is on small disks, which are there before anything is written and gone when all has ended."""

    def __init__(self, http_port):
        super().__init__(workers=2, slots=2, worker_options=WORKER_BUDGETS,
                         coordinator_options=["--http", f"127.0.0.1:{http_port}", "--least-space", "64MiB"])
        # Nobody may trace a worker, itself neither, as looking for leaks would: they show in its memory alone.
        self.worker_environment = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
        self.http_port = http_port
        self.disks = {}

    def __enter__(self):
        for name in ("coordinator", "w1", "w2"):
            self.disks[name] = Disk(self.folder / name, DISK)
        return super().__enter__()

    def close(self):
        try:
            super().close()
        finally:
            for disk in self.disks.values():
                disk.close()
            subprocess.run(["rm", "-rf", "--one-file-system", self.folder], capture_output=True)


def resident(pid):
    """Bytes of memory of a process, without what its children have."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) * 1024


class Sampler(threading.Thread):
    """Looks at memory, disks and answers, over and over."""

    def __init__(self, farm):
        super().__init__()
        self.farm = farm
        self.ends = threading.Event()
        self.memory = collections.defaultdict(list)
        self.disks = collections.defaultdict(list)
        self.answers = []
        self.problems = []

    def run(self):
        while not self.ends.wait(0.5):
            try:
                self.look()
            except (OSError, http.client.HTTPException) as error:
                self.problems.append(f"a look failed: {error!r}")

    def look(self):
        processes = {"coordinator": self.farm.coordinator, **self.farm.workers}
        for name, process in processes.items():
            if process.poll() is not None:
                self.problems.append(f"{name} ended with {process.returncode}")
                continue
            self.memory[name].append(resident(process.pid))
        for name, disk in self.farm.disks.items():
            self.disks[name].append(disk.used())
        began = time.monotonic()
        ask(self.farm, "/api/v1/builds?page_size=20")
        self.answers.append(time.monotonic() - began)


class Client(threading.Thread):
    """Submits one build after the other, each with the end that it should have."""

    def __init__(self, number, soak):
        super().__init__()
        self.number = number
        self.soak = soak
        self.random = random.Random(number)
        self.folder = soak.farm.folder / f"client{number}"
        self.folder.mkdir()
        for kind in RECIPES:
            context = self.folder / kind
            context.mkdir()
            (context / "Dockerfile").write_text(RECIPES[kind].format(bytes=STEP_BYTES))

    def run(self):
        count = 0
        while self.soak.goes_on():
            kind = self.random.choices([kind for kind, _ in KINDS], [weight for _, weight in KINDS])[0]
            count += 1
            try:
                self.build(kind, f"{self.number}-{count}")
            except (subprocess.TimeoutExpired, ValueError, OSError) as error:
                self.soak.wrong(f"{kind} {self.number}-{count}: {error!r}")

    def build(self, kind, salt):
        context = self.folder / kind
        arguments = ["build", "--json", "--build-arg", f"SALT={salt}", context]
        if kind == "context":
            (context / f"file{self.random.randrange(5)}").write_bytes(self.random.randbytes(50_000))
        if kind == "named":
            arguments[1:1] = ["-t", f"soak:{self.number}-{self.random.randrange(3)}"]
        if kind == "cancelled":
            return self.cancel(arguments)
        result = self.soak.farm.cli(*arguments, timeout=300)
        expected = RECIPE_FAILED if kind == "fails" else SUCCEEDED
        if result.returncode != expected:
            return self.soak.wrong(f"{kind} {salt}: exit code {result.returncode}, expected {expected}: "
                                   f"{result.stdout[-300:]} {result.stderr[-300:]}")
        document = json.loads(result.stdout)
        self.soak.done(kind, document)
        return None

    def cancel(self, arguments):
        began = time.monotonic()
        result = self.soak.farm.cli(*[a for a in ("build", "--detach", *arguments[1:]) if a != "--json"], timeout=300)
        self.soak.submitted(time.monotonic() - began)
        if result.returncode != 0:
            return self.soak.wrong(f"cancelled: submission failed: {result.stderr[-300:]}")
        build = int(result.stdout)
        time.sleep(self.random.random() / 2)
        if self.soak.farm.cli("cancel", str(build)).returncode != 0:
            return self.soak.wrong(f"build {build} could not be cancelled")
        self.soak.done("cancelled", {"id": build})
        return None


class Soak:
    def __init__(self, farm, builds, minutes):
        self.farm = farm
        self.builds = builds
        self.until = time.monotonic() + 60 * minutes
        self.lock = threading.Lock()
        self.counts = collections.Counter()
        self.ends = {}
        self.problems = []
        self.submissions = []

    def goes_on(self):
        with self.lock:
            return (sum(self.counts.values()) < self.builds and time.monotonic() < self.until and
                    len(self.problems) < 10)

    def done(self, kind, document):
        with self.lock:
            self.counts[kind] += 1
            self.ends[int(document["id"])] = kind

    def submitted(self, seconds):
        """By a command that begins, looks through its context, and ends when the build is there."""
        with self.lock:
            self.submissions.append(seconds)

    def wrong(self, what):
        with self.lock:
            self.problems.append(what)


def ask(farm, path):
    """The JSON that the HTTP door answers."""
    connection = http.client.HTTPConnection("127.0.0.1", farm.http_port, timeout=60)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {farm.client_token}"})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise OSError(f"{path} answered {answer.status}: {body[:300]}")
        return json.loads(body)
    finally:
        connection.close()


def pages(farm, path):
    token = ""
    while True:
        page = ask(farm, path + (f"&page_token={token}" if token else ""))
        yield page
        token = page.get("nextPageToken", "")
        if not token:
            return


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def quarters(values):
    """The means of the second quarter and of the last: the first fills caches and pools."""
    size = max(1, len(values) // 4)
    return statistics.mean(values[size:2 * size]), statistics.mean(values[-size:])


class SoakTest(unittest.TestCase):
    builds = 150
    minutes = 3
    clients = 4

    def setUp(self):
        farms.require_root_and_user()

    def test_nothing_grows_and_nothing_is_lost(self):
        with SmallFarm(farms.free_port()) as farm:
            for name, value in POLICIES.items():
                result = farm.cli("admin", "policy", "set", f"{name}={value}")
                self.assertEqual(result.returncode, 0, result.stderr)
            farm.import_base("tiny", farms.tiny_archive())
            soak = Soak(farm, self.builds, self.minutes)
            sampler = Sampler(farm)
            sampler.start()
            began = time.monotonic()
            clients = [Client(number, soak) for number in range(self.clients)]
            for client in clients:
                client.start()
            for client in clients:
                client.join()
            took = time.monotonic() - began
            sampler.ends.set()
            sampler.join()
            self.tell(soak, sampler, took)
            print(farm.cli("df").stdout)
            story = "\n".join([*soak.problems, *sampler.problems, farm.logs()])
            self.assertFalse(soak.problems or sampler.problems, story)
            self.check_builds(farm, soak)
            self.check_images(farm)
            self.check_sizes(sampler)
            self.check_ends(farm)

    def tell(self, soak, sampler, took):
        print(f"{sum(soak.counts.values())} builds in {took:.0f} s: {dict(soak.counts)}")
        print(f"list of builds: median {quantile(sampler.answers, 0.5) * 1000:.1f} ms, "
              f"99 % {quantile(sampler.answers, 0.99) * 1000:.1f} ms of {len(sampler.answers)}")
        print(f"submissions, the command whole: median {quantile(soak.submissions, 0.5) * 1000:.1f} ms, "
              f"99 % {quantile(soak.submissions, 0.99) * 1000:.1f} ms of {len(soak.submissions)}")
        for name, values in sampler.memory.items():
            tenths = [values[min(len(values) - 1, len(values) * part // 10)] // MEBI for part in range(1, 11)]
            print(f"memory of {name}, MiB after each tenth: {' '.join(map(str, tenths))}")
        for name, values in sampler.disks.items():
            print(f"disk of {name}: at most {max(values) / MEBI:.0f} MiB of {DISK / MEBI:.0f}")

    def check_builds(self, farm, soak):
        """Every build is there, with its end."""
        expected = {"fails": "FAILED", "cancelled": "CANCELLED"}
        listed = {}
        for page in pages(farm, "/api/v1/builds?page_size=500"):
            listed.update((int(build["id"]), build["status"].removeprefix("BUILD_STATUS_")) for build in page["builds"])
        for build, kind in soak.ends.items():
            # A cancel may come when the build has failed already: `sleep` cannot be done in that time.
            self.assertEqual(listed.get(build), expected.get(kind, "SUCCEEDED"), f"build {build}, {kind}")

    def check_images(self, farm):
        """Whatever is named is whole."""
        result = farm.cli("image", "ls", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        names = [image["name"] for image in json.loads(result.stdout) if image["name"].startswith("soak:")]
        self.assertTrue(names)
        for name in names:
            layout = farm.folder / "saved.tar"
            saved = farm.cli("image", "save", name, "-o", str(layout))
            self.assertEqual(saved.returncode, 0, f"{name}: {saved.stderr}")
            layout.unlink()

    def check_ends(self, farm):
        """Programs that are told to end do so well; made with sanitizers they tell of errors and leaks by then."""
        for name, process in {**farm.workers, "coordinator": farm.coordinator}.items():
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(120), 0, f"{name}: {farm.logs()}")
        for log in farm.folder.glob("*.log"):
            text = log.read_text(errors="replace")
            self.assertFalse(re.search(r"\w+Sanitizer|runtime error:", text), f"{log.name}: {text[-20000:]}")

    def check_sizes(self, sampler):
        for name, values in sampler.disks.items():
            self.assertLess(max(values), DISK, name)
        # Short runs only show that all of this runs: their caches are still being filled.
        if self.minutes < 20:
            return
        for name, values in sampler.memory.items():
            early, late = quarters(values)
            self.assertLess(late, early * 1.15, f"the memory of {name} grows")
        early, late = sampler.answers[len(sampler.answers) // 4:len(sampler.answers) // 2], sampler.answers[-len(sampler.answers) // 4:]
        self.assertLess(quantile(late, 0.5), quantile(early, 0.5) * 2, "answers become slower")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--builds", type=int, default=SoakTest.builds)
    parser.add_argument("--minutes", type=float, default=SoakTest.minutes)
    parser.add_argument("--clients", type=int, default=SoakTest.clients)
    options, rest = parser.parse_known_args()
    SoakTest.builds, SoakTest.minutes, SoakTest.clients = options.builds, options.minutes, options.clients
    sys.argv[1:] = rest
    farms.main()
