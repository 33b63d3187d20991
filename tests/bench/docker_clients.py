#!/usr/bin/env python3
"""Measures Docker's client at a farm against `crossmill build`, and against a buildkitd, in one run:

    docker_clients.py [--smoke] [--rounds N] [cached] [context] [push]

Cold and unchanged contexts of 20,000 files, pushes of 500 MB beside what the registry takes directly, builds of 20 cached steps.
Ratios are of medians over rounds in which all sides take turns. --smoke runs everything once with tiny sizes and judges
nothing. Needs root, docker-registry, skopeo and what scripts/install-buildkit makes.
"""
import argparse
import hashlib
import http.client
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "e2e")]

import daemons  # noqa: E402
import farm  # noqa: E402

SKIPPED = 77


class Sides:
    """buildx at the farm and at the daemon, and the farm's own command line."""

    def __init__(self, folder, made_farm, registry, buildkit):
        self.folder, self.farm, self.registry, self.buildkit = folder, made_farm, registry, buildkit
        settings = folder / "buildx"
        self.at_farm = {**os.environ, "BUILDX_CONFIG": str(settings), "DOCKER_CONFIG": str(settings), "BUILDX_BUILDER": "farm",
                        "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
        self.at_daemon = {**self.at_farm, **buildkit.environment, "BUILDX_BUILDER": "peer"}
        self.buildx(self.at_farm, "create", "--name", "farm", "--driver", "remote", f"unix://{made_farm.data}/buildkit.sock", "--use")

    def buildx(self, environment, *words):
        return seconds(daemons.PEERS_BIN / "buildx", *words, env=environment)

    def build(self, environment, context, *words):
        return self.buildx(environment, "build", "--progress", "quiet", *words, context)

    def crossmill(self, *words):
        return seconds(farm.BIN / "crossmill", "--data", self.farm.data, *words, env=os.environ)


def seconds(*words, env):
    begin = time.monotonic()
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, env=env)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, words))}: {done.stderr[-2000:]}")
    return time.monotonic() - begin


def fill(context, files, mark):
    """Files that nobody has seen: 20 folders of small ones."""
    shutil.rmtree(context, ignore_errors=True)
    for number in range(files):
        path = context / f"folder-{number % 20}" / f"file-{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{mark} {number}\n" * 8)
    (context / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")


def contexts(sides, rounds, files):
    """Seconds of a cold context, and of the same once more, by side."""
    cold, warm = {}, {}
    names = {"crossmill": lambda path: sides.crossmill("build", path),
             "farm": lambda path: sides.build(sides.at_farm, path),
             "daemon": lambda path: sides.build(sides.at_daemon, path)}
    for number in range(rounds):
        for name in names:
            path = sides.folder / f"context-{name}"
            fill(path, files, f"{name} {number} {time.time_ns()}")
            cold.setdefault(name, []).append(names[name](path))
            warm.setdefault(name, []).append(names[name](path))
    return cold, warm


def upload(host, repository, path):
    """Seconds of one request with the file, which is what the registry takes at most."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    connection = http.client.HTTPConnection(host, blocksize=1 << 20)
    connection.request("POST", f"/v2/{repository}/blobs/uploads/")
    answer = connection.getresponse()
    answer.read()
    place = answer.headers["Location"].split(host, 1)[-1]
    begin = time.monotonic()
    with open(path, "rb") as file:
        connection.request("PUT", f"{place}&digest=sha256:{digest}", body=file, headers={"Content-Length": str(path.stat().st_size)})
        answer = connection.getresponse()
    if answer.status != 201:
        raise SystemExit(f"the registry says {answer.status}: {answer.read()[:500]}")
    return time.monotonic() - begin


def pushes(sides, rounds, size):
    """Seconds that a push takes beyond a build that is all cached, by side; `direct`: as many bytes in one request."""
    taken = {}
    for number in range(rounds):
        for name, environment in (("farm", sides.at_farm), ("daemon", sides.at_daemon)):
            path = sides.folder / f"push-{name}"
            path.mkdir(exist_ok=True)
            with open(path / "noise", "wb") as file:
                for _ in range(size >> 20):
                    file.write(os.urandom(1 << 20))
            (path / "Dockerfile").write_text("FROM scratch\nCOPY noise /\n")
            # Compressed, too. A file that was written just now is read once more, since it might change within its time's precision.
            for _ in range(2):
                sides.build(environment, path, "-o", f"type=image,name=local/{name}:{number}")
            cached = sides.build(environment, path, "-o", f"type=image,name=local/{name}:{number}")
            pushed = sides.build(environment, path, "-o", f"type=image,name={sides.registry.host}/{name}/{number}:1,push=true")
            taken.setdefault(name, []).append(max(pushed - cached, 0.001))
            if name == "farm":
                taken.setdefault("direct", []).append(upload(sides.registry.host, f"direct/{number}", path / "noise"))
    return taken


def cached_steps(sides, rounds):
    """Seconds of a build of 20 cached steps, and of buildx asking the same builder for nothing but itself."""
    path = sides.folder / "steps"
    path.mkdir()
    for number in range(20):
        (path / f"file-{number}").write_text(f"{number}\n")
    (path / "Dockerfile").write_text("FROM scratch\n" + "".join(f"COPY file-{number} /{number}\n" for number in range(20)))
    taken = {}
    for environment, name in ((sides.at_farm, "farm"), (sides.at_daemon, "daemon")):
        sides.build(environment, path)
        for _ in range(rounds):
            taken.setdefault(name, []).append(sides.build(environment, path))
            taken.setdefault(f"{name}, start", []).append(sides.buildx(environment, "inspect"))
    return taken


def median(taken, name):
    return statistics.median(taken[name])


def say(what, ours, other, theirs, most=None):
    """One row; `most`: what the ratio should not be above."""
    ratio = ours / theirs if theirs > 0 else float("nan")
    print(f"{what}: {ours:.2f} s, {other} {theirs:.2f} s, ratio {ratio:.2f}" + (f" (at most {most})" if most else ""), flush=True)


def context_case(sides, rounds, files, _):
    cold, warm = contexts(sides, rounds, files)
    say("cold context", median(cold, "farm"), "crossmill build", median(cold, "crossmill"), 1.3)
    say("cold context", median(cold, "farm"), "buildkitd", median(cold, "daemon"))
    say("unchanged context", median(warm, "farm"), "crossmill build", median(warm, "crossmill"))
    say("unchanged context", median(warm, "farm"), "buildkitd", median(warm, "daemon"))


def push_case(sides, rounds, _, size):
    taken = pushes(sides, rounds, size)
    say("push", median(taken, "farm"), "one request", median(taken, "direct"), 1.25)
    say("push", median(taken, "farm"), "buildkitd", median(taken, "daemon"))


def cached_case(sides, rounds, *_):
    taken = cached_steps(sides, rounds)
    say("20 cached steps without buildx's start", median(taken, "farm") - median(taken, "farm, start"), "buildkitd",
        median(taken, "daemon") - median(taken, "daemon, start"))


CASES = {"cached": cached_case, "context": context_case, "push": push_case}


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--smoke", action="store_true")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("case", nargs="*", help=f"of {', '.join(CASES)}; all without")
    chosen = options.parse_args()
    files, size, rounds = (200, 2 << 20, 1) if chosen.smoke else (20_000, 500 << 20, chosen.rounds)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-bench-", dir="/var/tmp"))
    try:
        with daemons.Registry(folder, farm.free_port()) as registry, daemons.BuildKit(folder, registry) as buildkit:
            problem = registry.problem or buildkit.problem
            if problem:
                print(f"skipped: {problem}")
                return SKIPPED
            with farm.Farm(workers=1, slots=None) as made:
                sides = Sides(folder, made, registry, buildkit)
                for case in chosen.case or CASES:
                    CASES[case](sides, rounds, files, size)
    finally:
        subprocess.run(["rm", "-rf", folder], capture_output=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
