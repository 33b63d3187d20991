"""The networks of RUN steps: what the recording one lets out and records, and what none of them lets a step reach."""
import csv
import gzip
import hashlib
import http.server
import io
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tarfile
import textwrap
import threading
import time
import unittest

import stand_ins
from farm import FarmTestCase, can_run_arm64, main, require_program, require_root_and_user, step, wait_for

BODY = b"something to fetch\n" * 1000
PROXY = "http://127.0.0.1:61180"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path.startswith("/never"):
            self.server.held.set()
            time.sleep(60)
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_):
        pass


class Origin:
    """A server on the host's loopback."""

    def __init__(self):
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.held = threading.Event()
        self.port = self.http.server_port
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


class NetworkTestCase(FarmTestCase):
    workers = {"workers": 1}

    @classmethod
    def setUpClass(cls):
        require_root_and_user()
        cls.origin = Origin()
        cls.addClassCleanup(cls.origin.close)
        cls.url = f"http://index.example:{cls.origin.port}"
        cls.farm_options = {**cls.workers, "worker_options": [
            "--network-allow-local", f"index.example:{cls.origin.port}", "--network-deny", "*.denied.example",
            *cls.workers.get("worker_options", ())]}
        super().setUpClass()

    def build(self, *arguments):
        return super().build("--add-host", "index.example:127.0.0.1", *arguments)

    def fetches(self, *arguments):
        result = self.farm.cli("fetches", "--json", *arguments)
        self.assert_exit(result, 0)
        return json.loads(result.stdout)


class RecordingTest(NetworkTestCase):
    tiny_architectures = ()

    def test_the_default_records_a_fetch_with_its_digest(self):
        self.dockerfile(f"FROM tiny\nRUN wget -q -O /file '{self.url}/file?page=1&token=hidden' && sha256sum /file\n")
        build = self.build_json()
        self.assertEqual(build["options"]["network"], "recorded")
        fetch, = build["fetches"]
        self.assertEqual(fetch["url"], f"{self.url}/file?page=1&token=***")
        self.assertEqual(fetch["digest"], "sha256:" + hashlib.sha256(BODY).hexdigest())
        expected = {"kind": "http", "method": "GET", "scheme": "http", "host": "index.example",
                    "port": self.origin.port, "status": 200, "bytes_down": len(BODY), "bytes_up": 0,
                    "refused_by": None, "error": None, "step": 2, "stage": 0, "stage_name": "stage-0"}
        self.assertEqual({name: fetch[name] for name in expected}, expected)
        self.assertGreater(fetch["seconds"], 0)
        self.assertEqual(self.fetches(), [fetch])
        host, = build["fetch_hosts"]
        self.assertEqual((host["host"], host["fetches"], host["bytes_down"]), ("index.example", 1, len(BODY)))
        # What the cache gives shows the fetches of its execution.
        again = self.build_json()
        self.assertEqual(step(again, "RUN")["status"], "cached")
        self.assertEqual(again["fetches"], [fetch])
        report = self.farm.cli("show")
        self.assert_says(report, "fetched   1 from 1 host", "index.example")
        rows = list(csv.DictReader(io.StringIO(self.farm.cli("fetches", "--csv").stdout)))
        self.assertEqual([row["url"] for row in rows], [fetch["url"]])
        self.assert_says(self.farm.cli("fetches"), fetch["url"], fetch["digest"][7:19])

    def test_nothing_of_it_is_in_the_image(self):
        self.dockerfile(f"FROM tiny\nRUN wget -q -O /file {self.url}/file; env | grep -c 6118[0]\n")
        result = self.build("-t", "clean:1")
        self.assert_exit(result, 0)
        out = self.context / "out.tar"
        self.assert_exit(self.farm.cli("image", "save", "clean:1", "-o", out), 0)
        # With what stands before it: the port's digits alone may be in a digest.
        image = out.read_bytes()
        with tarfile.open(out) as layout:
            blobs = [layout.extractfile(member).read() for member in layout if member.isreg()]
        image += b"".join(gzip.decompress(blob) for blob in blobs if blob[:2] == b"\x1f\x8b")
        self.assertIn(BODY, image, "layers are not looked into")
        for part in (PROXY, PROXY.removeprefix("http://"), "proxyPort=61180", "proxyHost=127.0.0.1"):
            self.assertFalse(part.encode() in image, part)

    def test_what_the_dockerfile_sets_wins(self):
        self.dockerfile("""
            FROM tiny
            ENV HTTPS_PROXY=http://mine.example:1 MAVEN_OPTS=-Dmine
            RUN env | sort
            """)
        result = self.build()
        self.assert_exit(result, 0)
        self.assert_says(result, "HTTPS_PROXY=http://mine.example:1", "MAVEN_OPTS=-Dmine", f"http_proxy={PROXY}",
                         f"HTTP_PROXY={PROXY}", "no_proxy=localhost,127.0.0.1,::1,crossmill")
        self.assertNotIn("https_proxy=", result.stderr)

    def test_a_tunnel_is_recorded_with_its_bytes(self):
        host = f"index.example:{self.origin.port}"
        self.dockerfile(f"""
            FROM tiny
            RUN (printf 'CONNECT {host} HTTP/1.1\\r\\n\\r\\n'; sleep 1; \\
                 printf 'GET / HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n'; sleep 1) \\
                | nc 127.0.0.1 61180 > /answer; head -c 40 /answer
            """)
        build = self.build_json()
        fetch, = build["fetches"]
        self.assertEqual((fetch["kind"], fetch["method"], fetch["host"], fetch["url"], fetch["digest"]),
                         ("tunnel", "CONNECT", "index.example", None, None))
        self.assertGreater(fetch["bytes_down"], len(BODY))

    def test_a_denied_fetch_fails_in_the_step_with_the_rules_name(self):
        self.dockerfile("FROM tiny\nRUN wget -O /x http://www.denied.example/x\n")
        result = self.build()
        self.assert_exit(result, 1)
        self.assert_says(result, "was refused by the rule 'deny *.denied.example'")
        fetch, = self.fetches()
        self.assertEqual((fetch["refused_by"], fetch["status"]), ("deny *.denied.example", 403))
        self.assert_says(self.farm.cli("show"), "1 refused")

    def test_a_program_that_goes_around_the_proxy_gets_a_hint(self):
        self.dockerfile("FROM tiny\nRUN unset http_proxy; wget -O /x http://index.example.invalid/x\n")
        result = self.build()
        self.assert_exit(result, 1)
        self.assert_says(result, "hint: ", "--network=host")
        self.dockerfile("FROM tiny\nRUN echo unrelated; false\n")
        self.assertNotIn("hint: ", self.build().stderr)

    def test_none_and_host_are_as_before(self):
        port = self.origin.port
        self.dockerfile(f"""
            FROM tiny
            RUN --network=none ! nc -w 2 127.0.0.1 {port} < /dev/null && ! env | grep -i proxy
            RUN --network=none ! nc -w 2 127.0.0.1 61180 < /dev/null
            RUN --network=host wget -q -O /file http://127.0.0.1:{port}/x && ! env | grep 61180
            RUN wget -q -O /file {self.url}/file && ! nc -w 2 127.0.0.1 {port} < /dev/null
            """)
        build = self.build_json()
        self.assertEqual([fetch["step"] for fetch in build["fetches"]], [5])
        for mode in ("none", "host"):
            self.dockerfile(f"FROM tiny\nRUN nc -w 2 127.0.0.1 {port} < /dev/null\n")
            self.assert_exit(self.build("--network", mode), {"none": 1, "host": 0}[mode])
        self.assert_exit(self.build("--network", "bridge"), 2)

    def test_the_mode_is_in_the_key(self):
        self.dockerfile("FROM tiny\nRUN echo which network > /x\n")
        for mode in ("recorded", "none", "host"):
            self.assertEqual(step(self.build_json("--network", mode), "RUN")["status"], "executed")
        for mode in ("default", "none", "host"):
            self.assertEqual(step(self.build_json("--network", mode), "RUN")["status"], "cached")

    def test_steps_side_by_side_have_their_own_records(self):
        stages = "".join(f"FROM tiny AS s{i}\nRUN for n in 1 2 3; do wget -q -O /f {self.url}/stage{i}; done\n"
                         for i in range(4))
        copies = "".join(f"COPY --from=s{i} /f /f{i}\n" for i in range(4))
        self.dockerfile(f"{stages}FROM tiny\n{copies}")
        build = self.build_json()
        for stage in build["stages"][:-1]:
            urls = [fetch["url"] for fetch in build["fetches"] if fetch["stage"] == stage["index"]]
            self.assertEqual(urls, [f"{self.url}/stage{stage['name'][1:]}"] * 3)

    def test_a_step_that_is_stopped_leaves_nothing(self):
        self.origin.http.held.clear()
        self.dockerfile(f"FROM tiny\nRUN wget -q -O /x {self.url}/never\n")
        before = worker_inventory(self.farm.workers["w1"].pid)
        process = self.farm.start_build(self.context, "--add-host", "index.example:127.0.0.1")
        self.assertTrue(self.origin.http.held.wait(30))
        self.farm.cli("cancel", str(self.farm.show()["id"]))
        process.communicate(timeout=60)
        wait_for(lambda: same_inventory(before, worker_inventory(self.farm.workers["w1"].pid)),
                 "the end of the step's network", 20)

    def test_hostile_requests_are_answered_and_harm_nobody(self):
        self.dockerfile(f"""
            FROM tiny
            RUN printf 'GET http://index.example/ HTTP/1.1\\r\\nHost: other\\r\\n\\r\\n' | nc 127.0.0.1 61180 | head -n 1
            RUN printf 'POST {self.url}/ HTTP/1.1\\r\\nHost: index.example:{self.origin.port}\\r\\nContent-Length: 3\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\n' | nc 127.0.0.1 61180 | head -n 1
            RUN (printf 'GET http://x/ HTTP/1.1\\r\\nX: '; dd if=/dev/zero bs=1024 count=200 2>/dev/null | tr '\\0' x) | nc 127.0.0.1 61180 | head -n 1
            RUN wget -q -O /file {self.url}/file
            """)
        result = self.build("--no-cache")
        self.assert_exit(result, 0)
        self.assert_says(result, "HTTP/1.1 400 Bad Request", "HTTP/1.1 431 ", "a malformed request was refused")


def worker_inventory(pid):
    """Processes, threads, descriptors and network namespaces of a worker (the last of its three processes)."""
    def children(of):
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]) == of:
                        found.append(int(entry.name))
                except (OSError, ValueError):
                    pass
        return found
    tree = [pid]
    for each in tree:
        tree += children(each)
    worker = tree[2]
    fds = os.listdir(f"/proc/{worker}/fd")
    mounts = [line for line in pathlib.Path(f"/proc/{worker}/mountinfo").read_text().splitlines() if " nsfs " in line]
    return {"processes": len(tree), "threads": len(os.listdir(f"/proc/{worker}/task")), "fds": len(fds),
            "namespaces": len(mounts)}


def same_inventory(before, now):
    # Descriptors for the next prepared namespace come and go.
    return (now["processes"] <= before["processes"] and now["namespaces"] <= before["namespaces"] + 1
            and now["fds"] <= before["fds"] + 6 and now["threads"] <= before["threads"] + 3)


REACH = '''
    import errno, os, socket, struct
    def refused(what, call):
        try:
            call()
        except OSError as error:
            print("refused", what, errno.errorcode.get(error.errno, error), flush=True)
        else:
            raise SystemExit("reached " + what)
    def tcp(family, address):
        with socket.socket(family, socket.SOCK_STREAM) as s:
            s.settimeout(3)
            s.connect(address)
    def udp(address):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"x", address)
    def unix(name):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(name)
    def raw():
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as s:
            s.sendto(b"\\x08\\x00\\xf7\\xff\\x00\\x00\\x00\\x00", (os.environ["HOST_ADDRESS"], 0))
    names = sorted(name for _, name in socket.if_nameindex())
    assert names == ["lo"], names
    refused("host loopback", lambda: tcp(socket.AF_INET, ("127.0.0.1", int(os.environ["ORIGIN"]))))
    refused("the coordinator", lambda: tcp(socket.AF_INET, ("127.0.0.1", int(os.environ["COORDINATOR"]))))
    refused("metadata", lambda: tcp(socket.AF_INET, ("169.254.169.254", 80)))
    refused("the host's address", lambda: tcp(socket.AF_INET, (os.environ["HOST_ADDRESS"], int(os.environ["ORIGIN"]))))
    refused("IPv6", lambda: tcp(socket.AF_INET6, ("2001:db8::1", 80)))
    refused("IPv6 loopback", lambda: tcp(socket.AF_INET6, ("::1", int(os.environ["ORIGIN"]))))
    refused("UDP", lambda: udp(("192.0.2.1", 53)))
    refused("an abstract socket", lambda: unix("\\0" + os.environ["ABSTRACT"]))
    refused("a raw socket", raw)
    refused("vsock", lambda: socket.socket(40, socket.SOCK_STREAM))
    # A packet socket sees this step's loopback and nothing else.
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as s:
        s.settimeout(1)
        refused("packets of others", lambda: s.recv(100))
    for target in ("127.0.0.1:%s" % os.environ["ORIGIN"], "localhost:22", "169.254.169.254:80", "2130706433:22",
                   "0x7f.1:22", "0177.0.0.1:22", "127.1:22", "[::1]:22", "[::ffff:127.0.0.1]:22", "[fe80::1]:80",
                   "[::ffff:169.254.169.254]:80", "0.0.0.0:22", "[::]:22", "224.0.0.1:80", "255.255.255.255:80",
                   "%s:22" % os.environ["HOST_ADDRESS"]):
        with socket.create_connection(("127.0.0.1", 61180), 5) as s:
            s.sendall(("CONNECT %s HTTP/1.1\\r\\n\\r\\n" % target).encode())
            answer = s.makefile("rb").readline().decode().strip()
            print(target, answer, flush=True)
            assert answer.startswith("HTTP/1.1 403 "), (target, answer)
    print("REACHED NOTHING")
'''


def host_address():
    """An address of this machine that is not loopback, or a documentation address where it has none."""
    for line in subprocess.run(["ip", "-4", "-o", "addr"], capture_output=True, text=True).stdout.splitlines() \
            if shutil.which("ip") else []:
        address = line.split()[3].split("/")[0]
        if not address.startswith("127."):
            return address
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return probe.getsockname()[0]
        except OSError:
            return "192.0.2.1"


class ReachTest(NetworkTestCase):
    """A step on the recording network gets at nothing but the proxy; under both runtimes."""

    workers = {"workers": 2, "options_of": {"w1": ["--runtime", "crun"], "w2": ["--runtime", "runc"]}}

    @classmethod
    def setUpClass(cls):
        require_program("crun", "runc")
        super().setUpClass()

    def test_a_step_reaches_nothing_but_the_proxy(self):
        base = stand_ins.find("python:3.11-slim")
        if base is None:
            raise unittest.SkipTest(stand_ins.why_missing("python:3.11-slim"))
        self.farm.import_base("python-slim", base)
        name = f"crossmill-e2e-{os.getpid()}"
        with socket.socket(socket.AF_UNIX) as abstract:
            abstract.bind("\0" + name)
            abstract.listen()
            self.write("reach.py", textwrap.dedent(REACH))
            self.dockerfile(f"""
                FROM python-slim
                COPY reach.py /
                ENV ORIGIN={self.origin.port} COORDINATOR={self.farm.port} ABSTRACT={name} HOST_ADDRESS={host_address()}
                RUN python3 /reach.py
                """)
            result = self.build("--verify", "2", "--allow-same-host", "--require", "reproducible")
        self.assert_exit(result, 0)
        self.assertGreaterEqual(result.stderr.count("REACHED NOTHING"), 1)
        refused = {fetch["refused_by"] for fetch in self.fetches()}
        self.assertLessEqual({"loopback", "metadata", "unspecified", "multicast", "reserved", "link-local"}, refused)

    def test_another_steps_proxy_is_not_seen(self):
        # Both listen at the same address; a step finds its own, where nobody else connects.
        self.dockerfile(f"""
            FROM tiny AS a
            RUN wget -q -O /f {self.url}/a; sleep 1; cat /proc/net/tcp | wc -l > /n
            FROM tiny AS b
            RUN wget -q -O /f {self.url}/b; sleep 1; cat /proc/net/tcp | wc -l > /n
            FROM tiny
            COPY --from=a /f /a
            COPY --from=b /f /b
            """)
        build = self.build_json()
        self.assertEqual(sorted(fetch["url"][-1] for fetch in build["fetches"]), ["a", "b"])


class EmulatedTest(NetworkTestCase):
    tiny_architectures = ("amd64", "arm64")

    @classmethod
    def setUpClass(cls):
        if os.uname().machine != "x86_64" or not can_run_arm64():
            raise unittest.SkipTest("needs emulation of arm64 on x86_64")
        super().setUpClass()

    def test_an_emulated_step_is_recorded_too(self):
        self.dockerfile(f"FROM tiny\nRUN wget -q -O /file {self.url}/file && ls /sys/class/net\n")
        build = self.build_json("--platform", "linux/amd64,linux/arm64")
        self.assertEqual(sorted(fetch["platform"] for fetch in build["fetches"]), ["linux/amd64", "linux/arm64"])
        self.assertEqual({fetch["digest"] for fetch in build["fetches"]},
                         {"sha256:" + hashlib.sha256(BODY).hexdigest()})


class RootlessTest(NetworkTestCase):
    """Workers that an ordinary user starts."""

    workers = {"workers": 1, "worker_command": ["setpriv", "--reuid", "crossmill", "--regid", "crossmill",
                                                "--init-groups"]}

    def test_an_ordinary_users_worker_records(self):
        require_program("setpriv")
        self.dockerfile(f"FROM tiny\nRUN wget -q -O /file {self.url}/file\n")
        self.assertEqual(len(self.build_json()["fetches"]), 1)


class KilledTest(NetworkTestCase):
    def test_a_killed_worker_leaves_nothing(self):
        self.origin.http.held.clear()
        self.dockerfile(f"FROM tiny\nRUN wget -q -O /x {self.url}/never\n")
        process = self.farm.start_build(self.context, "--add-host", "index.example:127.0.0.1")
        self.assertTrue(self.origin.http.held.wait(30))
        # Of this worker's step: other farms of the machine have theirs.
        own = network_namespaces(descendants(self.farm.workers["w1"].pid)) - network_namespaces([os.getpid()])
        self.assertTrue(own)
        self.farm.kill_worker("w1")
        wait_for(lambda: not own & network_namespaces(processes()), "the end of the worker's namespaces", 20)
        # The last of its processes removes its control groups, when the kernel is done with what was in them.
        wait_for(lambda: not subprocess.run(["pgrep", "-f", f"{self.farm.folder}/w1"], capture_output=True).stdout,
                 "the end of the worker's processes", 20)
        mounts = pathlib.Path("/proc/self/mountinfo").read_text()
        self.assertNotIn(f"{self.farm.folder}/w1", mounts)
        # The next one begins where that one was.
        self.farm.start_worker("w1")
        process.kill()
        process.communicate()
        self.farm.cli("cancel", str(self.farm.show()["id"]))
        self.assert_farm_goes_on()


def processes():
    return [int(entry.name) for entry in pathlib.Path("/proc").iterdir() if entry.name.isdigit()]


def descendants(ancestor):
    children = {}
    for process in processes():
        try:
            stat = pathlib.Path(f"/proc/{process}/stat").read_text()
        except OSError:
            continue
        children.setdefault(int(stat[stat.rindex(")") + 2:].split()[1]), []).append(process)
    found = [ancestor]
    for process in found:
        found += children.get(process, [])
    return found


def network_namespaces(of):
    """Network namespaces of these processes, as numbers."""
    found = set()
    for process in of:
        try:
            found.add(os.readlink(f"/proc/{process}/ns/net"))
        except OSError:
            pass
    return found


if __name__ == "__main__":
    main()
