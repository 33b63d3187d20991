#!/usr/bin/env python3
"""Measures the recording network against the host's in one run, modes taking turns: tests/bench/network.py [--rounds N]

A file of 200 MB and 500 files of 20 kB from a server on loopback, by a program that does what installers do (read, SHA-256,
write) and by one that only reads; and what the mode costs a trivial RUN. Prints medians. Needs root, the stand-in for
python:3.11, and $CROSSMILL_BIN, else build/release/bin.
"""
import argparse
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import textwrap

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "e2e")]

import farm  # noqa: E402
import stand_ins  # noqa: E402

LARGE, SMALL, COUNT = 200 << 20, 20_000, 500

SERVER = """
import http.server, os, sys
large = open(sys.argv[1], "rb")
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        size = %d if self.path == "/large" else %d
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        at = 0
        while at < size:
            at += os.sendfile(self.connection.fileno(), large.fileno(), at, size - at)
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
""" % (LARGE, SMALL)

CLIENT = """
import hashlib, sys, time, urllib.request
def fetch(path, keep):
    buffer, digest = bytearray(1 << 18), hashlib.sha256()
    with urllib.request.urlopen(sys.argv[1] + path) as answer, open("/tmp/out", "wb") as out:
        while count := answer.readinto(buffer):
            if keep:
                digest.update(memoryview(buffer)[:count])
                out.write(memoryview(buffer)[:count])
def timed(name, call):
    begin = time.monotonic()
    call()
    print("RESULT", name, time.monotonic() - begin, flush=True)
for _ in range(3):
    timed("large,installed", lambda: fetch("/large", True))
    timed("large,read", lambda: fetch("/large", False))
    timed("small,installed", lambda: [fetch("/%d" % i, True) for i in range({count})])
""".replace("{count}", str(COUNT))


def downloads(running, folder, port, rounds):
    (folder / "client.py").write_text(textwrap.dedent(CLIENT))
    (folder / "Dockerfile").write_text("FROM python:3.11\nARG URL\nCOPY client.py /\nRUN python3 /client.py $URL\n")
    times = {}
    for _ in range(rounds):
        for mode, host in (("host", "127.0.0.1"), ("recorded", "index.example")):
            result = running.build(folder, "--no-cache", "--network", mode, "--add-host", "index.example:127.0.0.1",
                                   "--build-arg", f"URL=http://{host}:{port}")
            if result.returncode != 0:
                raise SystemExit(result.stderr[-3000:])
            for name, seconds in re.findall(r"RESULT (\S+) ([\d.]+)", result.stderr):
                times.setdefault(name, {}).setdefault(mode, []).append(float(seconds))
    for name, by_mode in times.items():
        host, recorded = (statistics.median(by_mode[mode]) for mode in ("host", "recorded"))
        print(f"{name:16} host {host:.3f} s, recorded {recorded:.3f} s: {100 * host / recorded:.0f} % of the rate")


def overhead(running, folder, rounds):
    (folder / "Dockerfile").write_text("FROM tiny\n" + "".join(f"RUN echo {i} > /x{i}\n" for i in range(40)))
    times = {}
    for _ in range(rounds):
        for mode in ("none", "recorded"):
            build = json.loads(running.build(folder, "--no-cache", "--network", mode, "--json").stdout)
            times.setdefault(mode, []).extend(step["seconds"] for step in farm.steps(build)
                                              if step["instruction"] == "RUN")
    none, recorded = (1000 * statistics.median(times[mode]) for mode in ("none", "recorded"))
    print(f"a trivial RUN    none {none:.1f} ms, recorded {recorded:.1f} ms: {recorded - none:+.1f} ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    base = stand_ins.find("python:3.11")
    if base is None:
        raise SystemExit(stand_ins.why_missing("python:3.11"))
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        folder = pathlib.Path(folder)
        with open(folder / "large", "wb") as large:
            large.truncate(LARGE)
        server = subprocess.Popen([sys.executable, "-c", SERVER, folder / "large"], stdout=subprocess.PIPE, text=True)
        try:
            port = int(server.stdout.readline())
            context = folder / "context"
            context.mkdir()
            with farm.Farm(worker_options=["--network-allow-local", f"127.0.0.1:{port}"]) as running:
                running.import_base("tiny", farm.tiny_archive())
                running.import_base("python:3.11", base)
                overhead(running, context, rounds)
                downloads(running, context, port, rounds)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
