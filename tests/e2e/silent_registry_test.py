"""A registry that takes connections and never answers: nobody waits for it to end."""
import signal
import socket
import subprocess
import time

from farm import FarmTestCase, main, wait_for

# Far below a registry client's patience (a minute for each of several tries), far above what a busy machine needs.
SOON = 25


class SilentRegistryTest(FarmTestCase):

    def setUp(self):
        super().setUp()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.addCleanup(self.listener.close)
        self.name = f"127.0.0.1:{self.listener.getsockname()[1]}/silent/image"
        self.dockerfile(f"""
            FROM {self.name}
            RUN true
            """)

    def start(self, *arguments):
        client = self.farm.start_build(self.context, *arguments)
        self.addCleanup(client.kill)
        # Connected: the coordinator waits for an answer.
        self.listener.settimeout(30)
        connection, _ = self.listener.accept()
        self.addCleanup(connection.close)
        return client

    def assert_ends(self, client, code):
        begun = time.monotonic()
        stdout, stderr = client.communicate(timeout=300)
        self.assertEqual(client.returncode, code, f"{stdout[-2000:]}{stderr[-2000:]}")
        self.assertLess(time.monotonic() - begun, SOON)

    def test_ctrl_c_ends_the_build(self):
        client = self.start()
        client.send_signal(signal.SIGINT)
        self.assert_ends(client, 130)

    def test_timeout_ends_the_build(self):
        self.assert_ends(self.start("--timeout", "2"), 124)

    def test_builds_without_it_go_on(self):
        clients = [self.start()]
        other = self.context / "other"
        other.mkdir()
        (other / "Dockerfile").write_text("FROM tiny\nRUN true\n")
        for number in range(6):
            (self.context / "Dockerfile").write_text(f"FROM {self.name}:{number}\nRUN true\n")
            clients.append(self.start())
        self.assert_exit(self.farm.build(other), 0)
        for client in clients:
            self.assertIsNone(client.poll())
            client.send_signal(signal.SIGINT)
        for client in clients:
            self.assert_ends(client, 130)

    def test_stopping_the_coordinator_does_not_wait_and_the_build_goes_on_after_it(self):
        client = self.start()
        pull = subprocess.Popen([*self.pull_command(), self.name + ":other"], stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, env=self.farm.environment())
        self.addCleanup(pull.communicate)
        self.addCleanup(pull.kill)
        connection, _ = self.listener.accept()
        self.addCleanup(connection.close)
        begun = time.monotonic()
        self.farm.coordinator.send_signal(signal.SIGTERM)
        self.assertEqual(self.farm.coordinator.wait(timeout=300), 0)
        self.assertLess(time.monotonic() - begun, SOON)
        self.farm.start_coordinator()
        connection, _ = self.listener.accept()
        self.addCleanup(connection.close)
        wait_for(lambda: self.farm.show()["status"] == "planning", "the planning after the restart")
        client.send_signal(signal.SIGINT)
        self.assert_ends(client, 130)

    @staticmethod
    def pull_command():
        from farm import BIN
        return [BIN / "crossmill", "image", "pull"]


if __name__ == "__main__":
    main()
