"""The package index that steps see: real pip against an index of the test's, which is on the machine's loopback.

Needs the stand-in for python:3.11 that scripts/base-images keeps (stand_ins.py).
"""
import http.server
import json
import pathlib
import tempfile
import threading
import unittest

import stand_ins
from farm import FarmTestCase, main, require_root_and_user

PAGE = "http://127.0.0.1:61181/simple/"


def find_base():
    archive = stand_ins.find("python:3.11")
    if archive is None:
        raise unittest.SkipTest(stand_ins.why_missing("python:3.11"))
    return archive


class IndexTestCase(FarmTestCase):
    tiny_architectures = ()

    @classmethod
    def start_farm(cls, url):
        cls.farm_options = {"workers": 1, "worker_options": ["--index-url", url],
                            "worker_environment": {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}}
        super().setUpClass()
        cls.farm.import_base("python:3.11", find_base())

    def packages(self):
        return {(p["name"], p["scope"]): p for p in json.loads(self.farm.cli("packages", "--json").stdout)}

    def fetches(self):
        return json.loads(self.farm.cli("fetches", "--json").stdout)


class RealIndexTest(IndexTestCase):
    @classmethod
    def setUpClass(cls):
        require_root_and_user()
        find_base()
        cls.log = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-index-")) / "log"
        cls.start_farm(cls.serve_packages(log=cls.log))

    def asked(self, part):
        return sum(part in line for line in self.log.read_text().splitlines())

    def test_a_silent_install_is_proved_by_what_came(self):
        self.dockerfile("FROM python:3.11\nRUN pip install -q --no-cache-dir purepkg puresrc cextpkg\n")
        result = self.build()
        self.assert_exit(result, 0)
        packages = self.packages()
        found = {name: (p["outcome"], p["witnesses"]) for (name, scope), p in packages.items() if scope == "runtime"}
        self.assertEqual(found, {"purepkg": ("wheel", ["layer", "index"]), "puresrc": ("source", ["layer", "index"]),
                                 "cextpkg": ("source", ["layer", "index"])})
        self.assertEqual(packages["tinybackend", "build-dep"]["outcome"], "wheel")
        files = {f["file_name"]: f for f in self.fetches() if f["file_name"]}
        wheel = files["purepkg-1.2.0-py3-none-any.whl"]
        self.assertEqual((wheel["kind"], wheel["project"], wheel["status"]), ("index", "purepkg", 200))
        self.assertRegex(wheel["digest"], "^sha256:[0-9a-f]{64}$")
        self.assertTrue(wheel["url"].startswith("http://127.0.0.1:"), wheel["url"])

    def test_a_file_comes_from_outside_once_per_farm(self):
        self.dockerfile("FROM python:3.11\nRUN pip install --no-cache-dir binpkg\n")
        before = self.asked("binpkg-2.0.1")
        for _ in range(2):
            self.assert_exit(self.build("--no-cache"), 0)
        self.assertEqual(self.asked("binpkg-2.0.1") - before, 1)
        file, = {f["file_name"]: f for f in self.fetches() if f["file_name"]}.values()
        self.assertTrue(file["from_farm"])

    def test_offline_gives_what_the_farm_has_and_nothing_else(self):
        self.dockerfile("FROM python:3.11\nRUN pip install --no-cache-dir scriptpkg\n")
        result = self.build("--offline")
        self.assertNotEqual(result.returncode, 0)
        self.assert_exit(self.build("--no-cache"), 0)
        before = len(self.log.read_text())
        self.assert_exit(self.build("--no-cache", "--offline"), 0)
        self.assertEqual(len(self.log.read_text()), before, "somebody asked outside")
        self.dockerfile("FROM python:3.11\nRUN python3 -c 'import urllib.request as r; r.urlopen(\"http://files.example/\")'\n")
        result = self.build("--offline")
        self.assertNotEqual(result.returncode, 0)
        self.assert_says(result, "Refused by the rule 'offline'")
        self.dockerfile("FROM python:3.11\nRUN pip download intree\n")
        result = self.build("--offline")
        self.assertNotEqual(result.returncode, 0)
        self.assert_says(result, "is not kept on the farm, and --offline asks nobody else")

    def test_files_of_which_nobody_knows_when_are_too_new(self):
        self.dockerfile("FROM python:3.11\nRUN pip install --no-cache-dir purepkg\n")
        result = self.build("--exclude-newer", "2020-01-01")
        self.assertNotEqual(result.returncode, 0)
        self.assert_says(result, "No matching distribution found for purepkg")
        result = self.build("--exclude-newer", "yesterday")
        self.assert_exit(result, 2)
        self.assert_says(result, "--exclude-newer: yesterday is no date")
        result = self.build("--exclude-newer", "2020-01-01", "--network", "host")
        self.assert_exit(result, 2)
        self.assert_says(result, "recorded network")

    def test_an_index_of_the_images_own_stays(self):
        self.dockerfile("""
            FROM python:3.11
            RUN env | grep PIP_INDEX_URL
            RUN printf '[global]\\nindex-url = https://own.example/simple\\n' > /etc/pip.conf
            RUN env | grep PIP_INDEX_URL || echo file wins
            RUN rm /etc/pip.conf
            ENV PIP_INDEX_URL=https://env.example/simple
            RUN env | grep PIP_INDEX_URL
            """)
        result = self.build()
        self.assert_exit(result, 0)
        self.assert_says(result, f"PIP_INDEX_URL={PAGE}", "file wins", "PIP_INDEX_URL=https://env.example/simple")

    def test_nothing_of_it_is_in_the_image(self):
        self.dockerfile("FROM python:3.11\nRUN pip install --no-cache-dir purepkg\n"
                        "RUN ! grep -rlF 127.0.0.1:61181 / --exclude-dir=proc --exclude-dir=sys 2>/dev/null | grep .\n")
        self.assert_exit(self.build(), 0)


class Liar(http.server.BaseHTTPRequestHandler):
    """An index that is wrong in one way for each project."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        name = self.path.strip("/").split("/")[-1]
        server = f"http://127.0.0.1:{self.server.server_port}"
        pages = {
            "wrong-hash": f'<a href="{server}/files/wrong_hash-1.0-py3-none-any.whl#sha256={"0" * 64}">wrong_hash-1.0-py3-none-any.whl</a>',
            "to-file": '<a href="file:///etc/passwd">to_file-1.0-py3-none-any.whl</a>',
            "to-metadata": '<a href="http://169.254.169.254/to_metadata-1.0-py3-none-any.whl">to_metadata-1.0-py3-none-any.whl</a>',
            "upwards": f'<a href="{server}/files/x.whl">../../upwards-1.0-py3-none-any.whl</a>',
            "many": "".join(f'<a href="{server}/files/many-{i}.tar.gz">x</a>' for i in range(120_000)),
        }
        body = (pages.get(name) or "bytes").encode()
        if name == "endless":
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b" " * 65536)
            except OSError:
                self.close_connection = True
                return
        if name == "to-loopback":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:1/")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class HostileIndexTest(IndexTestCase):
    @classmethod
    def setUpClass(cls):
        require_root_and_user()
        find_base()
        cls.liar = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar)
        threading.Thread(target=cls.liar.serve_forever, daemon=True).start()
        cls.addClassCleanup(cls.liar.server_close)
        cls.addClassCleanup(cls.liar.shutdown)
        cls.start_farm(f"http://127.0.0.1:{cls.liar.server_port}/simple/")

    def test_each_lie_is_an_error_that_says_so_and_the_farm_goes_on(self):
        lies = {
            "wrong-hash": "SHA-256",
            "to-file": "No matching distribution",
            "to-metadata": "metadata",
            "upwards": "No matching distribution",
            "many": "more than 100000 files",
            "endless": "33554432",
            "to-loopback": "loopback",
        }
        for name, words in lies.items():
            with self.subTest(name):
                self.dockerfile(f"FROM python:3.11\nRUN pip --retries 0 install --no-cache-dir {name}\n")
                result = self.build()
                self.assertEqual(result.returncode, 1, result.stderr[-2000:])
                self.assert_says(result, words)
        self.dockerfile("FROM python:3.11\nRUN echo fine\n")
        self.assert_exit(self.build(), 0)


if __name__ == "__main__":
    main()
