"""The recipes that tutorials teach, in examples/: built for real on a farm of two workers, then run, and they answer.

Dockerfiles and sources are taken as they are. Where no registry answers the bases are the stand-ins that
scripts/base-images keeps (stand_ins.py); packages come from the indexes this machine is set up for.
Python's are built for linux/arm64 too, emulated on x86_64.
"""
import functools
import json
import subprocess
import sys
import tempfile
import unittest

import stand_ins
import tiny_base
from container import STOP_LIMIT, Container, Unpacked
from farm import ROOT, FarmTestCase, can_run_arm64, main, require_root_and_user, steps, wait_for

NATIVE = f"linux/{tiny_base.machine_architecture()}"
MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}


@functools.cache
def package_index_answers():
    """Whether this machine, not a step, gets a package: a step that then cannot is a failure, not a skip."""
    with tempfile.TemporaryDirectory() as folder:
        made = subprocess.run([sys.executable, "-m", "venv", f"{folder}/venv"], capture_output=True)
        if made.returncode != 0:
            return False
        return subprocess.run([f"{folder}/venv/bin/pip", "download", "--quiet", "--no-deps", "--dest", folder, "six"],
                              capture_output=True, timeout=120).returncode == 0


def python_platforms():
    return [NATIVE, "linux/arm64"] if NATIVE == "linux/amd64" and can_run_arm64() else [NATIVE]


class ExamplesTest(FarmTestCase):
    @classmethod
    def setUpClass(cls):
        require_root_and_user()
        cls.farm_options = {"workers": 2}
        super().setUpClass()
        cls.imported = set()

    def require_bases(self, *names):
        for name in names:
            if stand_ins.registry_answers():
                continue
            archive = stand_ins.find(name)
            if archive is None:
                self.skipTest(f"no registry answers, and {stand_ins.why_missing(name)}")
            if name not in self.imported:
                self.farm.import_base(name, archive)
                self.imported.add(name)

    def require_packages(self):
        if not package_index_answers():
            self.skipTest("this machine reaches no package index")

    def build_example(self, example, *arguments, platforms=(NATIVE,), tag=None):
        """Builds it, and once more: nothing of it may be executed again."""
        tag = tag or f"examples/{example}"
        command = ("--platform", ",".join(platforms), "-t", tag, *arguments, "--json")
        first = self.farm.build(ROOT / "examples" / example, *command)
        self.assert_exit(first, 0)
        built = json.loads(first.stdout)
        for base in built["bases"]:
            print(f"{example}: {base['reference']} {base['platform']}{' (stand-in)' if base['stand_in'] else ''}",
                  file=sys.stderr)
        second = self.farm.build(ROOT / "examples" / example, *command)
        self.assert_exit(second, 0)
        again = json.loads(second.stdout)
        self.assertEqual({step["status"] for step in steps(again)} - {"cached", "metadata"}, set())
        self.assertEqual(again["index_digest"], built["index_digest"])
        return built

    def unpack(self, name, platform=NATIVE):
        image = Unpacked(self.farm, name, platform)
        self.addCleanup(image.close)
        return image

    def assert_answers(self, container, url, status, text):
        self.assertEqual(container.get(url), (status, text))

    def assert_json(self, container, url, document, status=200):
        got, body = container.get(url)
        self.assertEqual((got, json.loads(body)), (status, document), container.output())

    # ---- ending in scratch ----

    def test_c_program_in_scratch(self):
        self.require_bases("gcc:12")
        self.build_example("scratch-c")
        image = self.unpack("examples/scratch-c")
        self.assertEqual([path.name for path in image.root.iterdir()], ["hello"])
        with Container(image) as container:
            self.assertEqual((container.wait(), container.output()), (0, "hello, world\n"))
        with Container(image, ["Ada", "Grace"]) as container:
            self.assertEqual((container.wait(), container.output()), (0, "hello, Ada\nhello, Grace\n"))

    def test_go_service_in_scratch(self):
        self.require_bases("golang:1.19")
        self.require_packages()
        self.build_example("scratch-go")
        image = self.unpack("examples/scratch-go")
        self.assertEqual([path.name for path in image.root.iterdir()], ["server"])
        with Container(image) as container:
            self.assert_answers(container, "http://127.0.0.1:8080/id?name=x", 200,
                                "4cd605e7-afa2-5360-b5b9-c5e9fb5c76f4\n")
            self.assertEqual(container.user(), (65534, 65534))

    # ---- a builder and a runtime ----

    def test_java_service_built_with_maven(self):
        self.require_bases("maven:3.8-eclipse-temurin-17", "eclipse-temurin:17-jre")
        self.require_packages()
        self.build_example("java-maven")
        image = self.unpack("examples/java-maven")
        self.assertFalse(list(image.root.glob("usr/share/maven")))
        with Container(image) as container:
            self.assert_json(container, "http://127.0.0.1:8080/greet/Ada", {"greeting": "hello, Ada"})
            self.assert_json(container, "http://127.0.0.1:8080/greet/", {"greeting": "hello, world"})

    def test_page_built_with_node_served_by_nginx(self):
        self.require_bases("node:18", "nginx:1.22")
        self.require_packages()
        self.build_example("node-nginx")
        image = self.unpack("examples/node-nginx")
        self.assertFalse(list(image.root.glob("usr/bin/node")))
        script, = image.root.glob("usr/share/nginx/html/assets/*.js")
        self.assertIn("hello, ", script.read_text())
        with Container(image) as container:
            status, page = container.get("http://127.0.0.1/")
            self.assertEqual(status, 200)
            self.assertIn("<title>Three stages</title>", page)
            self.assertIn(f"/assets/{script.name}", page)
            self.assert_answers(container, f"http://127.0.0.1/assets/{script.name}", 200, script.read_text())
            self.assert_answers(container, "http://127.0.0.1/a/route/of/the/page", 200, page)
            self.assertEqual(container.get("http://127.0.0.1/assets/nothing.js")[0], 404)
            container.send("QUIT")
            self.assertEqual(container.wait(), 0, container.output())

    def test_python_service_in_a_virtual_environment(self):
        self.require_bases("python:3.11", "python:3.11-slim")
        self.require_packages()
        platforms = python_platforms()
        self.build_example("python-multistage", platforms=platforms)
        for platform in platforms:
            with self.subTest(platform=platform), Unpacked(self.farm, "examples/python-multistage", platform) as image:
                with Container(image) as container:
                    self.assert_json(container, "http://127.0.0.1:8000/?name=Ada", {"hello": "Ada"})
                    status, body = container.get("http://127.0.0.1:8000/machine")
                    self.assertEqual((status, json.loads(body)["machine"]), (200, MACHINES[platform]))

    # ---- stages of one project ----

    def test_development_testing_and_production_are_targets_of_one_recipe(self):
        self.require_bases("python:3.11-slim")
        self.require_packages()
        platforms = python_platforms()
        tested = self.build_example("stages", "--target", "testing", platforms=platforms, tag="examples/stages:testing")
        self.assertEqual({step["text"] for step in steps(tested) if "pytest" in step["text"] and
                          step["status"] == "executed"}, {"RUN python -m pytest -p no:cacheprovider"})
        production = self.build_example("stages", "--target", "production", platforms=platforms,
                                        tag="examples/stages:production")
        self.assertNotIn("testing", {stage["name"] for stage in production["stages"]})
        for platform in platforms:
            with self.subTest(platform=platform):
                with Unpacked(self.farm, "examples/stages:production", platform) as image:
                    self.assertFalse(list(image.root.glob("usr/local/lib/python3*/dist-packages/pytest")))
                    self.assertEqual([path.name for path in image.root.glob("app/*.py")], ["shop.py"])
                    with Container(image) as container:
                        self.assert_json(container, "http://127.0.0.1:8000/total?price=2&price=3.5", {"total": 5.5})
                        self.assertNotEqual(container.user()[0], 0)
        with Unpacked(self.farm, "examples/stages:testing", NATIVE) as image, Container(image) as container:
            self.assertEqual(container.wait(), 0, container.output())
            self.assertIn("3 passed", container.output())

    def test_a_failing_test_fails_the_testing_target_only(self):
        self.require_bases("python:3.11-slim")
        self.require_packages()
        for path in (ROOT / "examples/stages").rglob("*"):
            if path.is_file():
                self.write(path.relative_to(ROOT / "examples/stages"), path.read_bytes())
        self.write("shop.py", (self.context / "shop.py").read_text().replace("price < 0", "price < -5"))
        failed = self.build("--target", "testing")
        self.assert_exit(failed, 1)
        self.assert_says(failed, "test_a_negative_price_is_refused", "RUN python -m pytest")
        self.assert_exit(self.build("--target", "production"), 0)

    # ---- ready for production ----

    def test_production_image_has_user_health_check_labels_and_stops_on_a_signal(self):
        self.require_bases("python:3.11-slim")
        self.require_packages()
        platforms = python_platforms()
        self.build_example("production", platforms=platforms)
        for platform in platforms:
            with self.subTest(platform=platform), Unpacked(self.farm, "examples/production", platform) as image:
                config = image.config
                self.assertEqual(config["User"], "app")
                self.assertEqual(config["ExposedPorts"], {"8000/tcp": {}})
                self.assertEqual(config["StopSignal"], "SIGTERM")
                self.assertEqual(config["Labels"]["org.opencontainers.image.title"], "production")
                self.assertEqual(config["Cmd"][0], "uvicorn")
                health = config["Healthcheck"]
                self.assertEqual((health["Test"][0], health["Interval"], health["Timeout"], health["StartPeriod"],
                                  health["Retries"]), ("CMD", 30 * 10**9, 3 * 10**9, 5 * 10**9, 3))
                with Container(image) as container:
                    self.assert_json(container, "http://127.0.0.1:8000/items/7?q=x", {"item": 7, "q": "x"})
                    self.assertEqual(container.user(), (10001, 10001))
                    code, said = container.execute(*health["Test"][1:])
                    self.assertEqual(code, 0, said)
                    code, said = container.execute("python", "-c", "open('/app/main.py.new', 'w')")
                    self.assertNotEqual(code, 0)
                    self.assertIn("Permission denied", said)
                    container.send("TERM")
                    wait_for(lambda: "stopped cleanly" in container.output(), "a clean stop", STOP_LIMIT)
                    # uvicorn ends by the signal it got. The kernel spares a process 1 that, and qemu waits for it.
                    if platform == NATIVE:
                        self.assertEqual(container.wait(), 0)


if __name__ == "__main__":
    main()
