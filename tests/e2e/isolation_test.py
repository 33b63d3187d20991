"""What a RUN step must not get at: the farm itself, and what the host's operator keeps in variables and files."""
import json
import os
import subprocess

import grpc_wire
from farm import BIN, FarmTestCase, main, require_program

UNAUTHENTICATED, PERMISSION_DENIED = 16, 7
HOST_SECRET = "host-secret-4711"


class FarmFromAStepTest(FarmTestCase):
    """A step on the host network reaches the coordinator's port; it gets nothing there."""

    def tearDown(self):
        self.assert_farm_goes_on()

    def test_calls_without_a_token_are_refused(self):
        for method in ("Builds/ListBuilds", "Builds/SubmitBuild", "Builds/CancelBuild", "Images/ImportImage",
                       "Farm/ListWorkers", "WorkerQueue/Synchronize"):
            with self.subTest(method):
                answer = grpc_wire.send(self.farm.port, grpc_wire.call(f"/crossmill.v1.{method}"))
                self.assertEqual(grpc_wire.status(answer), UNAUTHENTICATED, answer)

    def test_a_workers_token_does_not_submit_and_a_clients_does_not_work(self):
        for method, token in (("Builds/ListBuilds", self.farm.worker_token),
                              ("Builds/SubmitBuild", self.farm.worker_token),
                              ("Builds/CancelBuild", self.farm.worker_token),
                              ("WorkerQueue/Synchronize", self.farm.client_token)):
            with self.subTest(method):
                answer = grpc_wire.send(self.farm.port, grpc_wire.call(f"/crossmill.v1.{method}", token=token))
                self.assertEqual(grpc_wire.status(answer), PERMISSION_DENIED, answer)

    def test_a_step_on_the_host_network_is_refused(self):
        # The same program sends two requests from inside a step: with a client's token, to show that the
        # port is reached and the request is well-formed, and without one.
        self.write("with", grpc_wire.call("/crossmill.v1.Builds/ListBuilds", token=self.farm.client_token))
        self.write("without", grpc_wire.call("/crossmill.v1.Builds/ListBuilds"))
        self.dockerfile(f"""
            FROM tiny AS run
            COPY with without /
            RUN for i in with without; do (cat /$i; sleep 2) | nc 127.0.0.1 {self.farm.port} > /answer-$i; done; true
            FROM scratch
            COPY --from=run /answer-with /answer-without /
            """)
        out = self.context / "out.tar"
        result = self.build("--network", "host", "-o", f"type=oci,dest={out}")
        self.assert_exit(result, 0)
        layout = self.context / "bundle"
        subprocess.run(["umoci", "unpack", "--image", self.layout(out), layout], check=True, capture_output=True)
        answer = {name: (layout / "rootfs" / f"answer-{name}").read_bytes() for name in ("with", "without")}
        self.assertEqual(grpc_wire.status(answer["with"]), 0, answer["with"])
        self.assertEqual(grpc_wire.status(answer["without"]), UNAUTHENTICATED, answer["without"])

    def layout(self, archive):
        folder = self.context / "layout"
        folder.mkdir()
        subprocess.run(["tar", "-xf", archive, "-C", folder], check=True)
        entry, = json.loads((folder / "index.json").read_text())["manifests"]
        index = json.loads((folder / "blobs" / entry["digest"].replace(":", "/")).read_text())
        (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [
            {**index["manifests"][0], "annotations": {"org.opencontainers.image.ref.name": "image"}}]}))
        return f"{folder}:image"

    def test_a_step_without_network_reaches_nothing(self):
        self.dockerfile(f"FROM tiny\nRUN ! nc -w 3 127.0.0.1 {self.farm.port} < /dev/null\n")
        self.assert_exit(self.build("--network", "none"), 0)
        self.dockerfile(f"FROM tiny\nRUN nc -w 3 127.0.0.1 {self.farm.port} < /dev/null\n")
        self.assert_exit(self.build("--network", "host"), 0)

    def test_socket_tokens_and_data_are_not_visible(self):
        self.write("looked-for", f"{self.farm.worker_token}\n{self.farm.client_token}\n")
        self.dockerfile(f"""
            FROM tiny
            RUN ! test -e {self.farm.data} && ! test -e {self.farm.folder} && ! test -e {BIN}
            RUN ! find / -xdev -name 'coordinator.sock' -o -xdev -name token | grep .
            RUN ! env | grep -i -e token -e CROSSMILL_
            COPY looked-for /
            RUN ! grep -rsF -f /looked-for /proc/1/environ /proc/1/cmdline /proc/self/environ /run /etc /tmp
            RUN test "$(ls /proc | grep -c '^[0-9]*$')" -lt 10
            """)
        result = self.build()
        self.assert_exit(result, 0)

    def test_the_command_without_a_token_ends_with_4(self):
        result = subprocess.run([BIN / "crossmill", "--coordinator", f"127.0.0.1:{self.farm.port}", "worker", "ls"],
                                capture_output=True, text=True, timeout=60, env={"PATH": os.environ["PATH"]})
        self.assert_exit(result, 4)
        self.assert_says(result, "token")


class FarmFromAStepOfRuncTest(FarmFromAStepTest):
    """The same where steps are run by the other runtime. More of the tests do with CROSSMILL_E2E_RUNTIME=runc."""
    farm_options = {"workers": 1, "worker_options": ["--runtime", "runc"]}

    @classmethod
    def setUpClass(cls):
        require_program("runc")
        super().setUpClass()

    def test_that_it_is_that_runtime(self):
        workers = json.loads(self.farm.cli("worker", "ls", "--json").stdout)
        self.assertEqual({worker["runtime"].split()[0] for worker in workers}, {"runc"})


class HostVariablesTest(FarmTestCase):
    farm_options = {"workers": 1, "worker_options": ["--pass-env", "PIP_INDEX_URL"],
                    "worker_environment": {"SECRET_OF_THE_HOST": HOST_SECRET, "http_proxy": "http://127.0.0.1:9/",
                                           "NO_PROXY": "localhost,127.0.0.1,example.test",
                                           "no_proxy": "localhost,127.0.0.1,example.test",
                                           "PIP_INDEX_URL": "http://127.0.0.1:9/simple/"}}

    def test_only_what_is_on_the_list_reaches_a_step_and_nothing_the_image(self):
        self.dockerfile("""
            FROM tiny
            ENV OF_THE_IMAGE=yes
            RUN env | sort
            """)
        result = self.build("-t", "variables:1", "--network", "host")
        self.assert_exit(result, 0)
        self.assertNotIn(HOST_SECRET, result.stdout + result.stderr)
        self.assert_says(result, "http_proxy=http://127.0.0.1:9/", "PIP_INDEX_URL=http://127.0.0.1:9/simple/",
                         "OF_THE_IMAGE=yes", "SOURCE_DATE_EPOCH=")
        out = self.context / "out.tar"
        self.assert_exit(self.farm.cli("image", "save", "variables:1", "-o", out), 0)
        config = json.loads(subprocess.run(["skopeo", "inspect", "--config", f"oci-archive:{out}"], check=True,
                                           capture_output=True, text=True).stdout)
        self.assertEqual(sorted(config["config"]["Env"]), ["OF_THE_IMAGE=yes", "PATH=/bin:/usr/bin"])
        everything = out.read_bytes()
        for text in (HOST_SECRET, "127.0.0.1:9", "example.test"):
            self.assertNotIn(text.encode(), everything)
        self.assertNotIn("127.0.0.1:9", json.dumps(config))

    def test_the_hosts_variables_are_not_in_the_cache_key(self):
        self.dockerfile("FROM tiny\nRUN echo the key knows nothing of proxies > /key\n")
        first = self.build_json("--network", "host")
        self.farm.kill_worker("w1")
        self.farm.worker_environment = {"PIP_INDEX_URL": "http://127.0.0.1:10/", "http_proxy": "http://127.0.0.1:10/"}
        self.farm.start_worker("w2")
        self.farm.wait_for_workers(1)
        second = self.build_json("--network", "host")
        self.assertEqual(second["stages"][0]["steps"][0]["status"], "cached")
        self.assertEqual(second["index_digest"], first["index_digest"])
        self.assert_farm_goes_on()


if __name__ == "__main__":
    main()
