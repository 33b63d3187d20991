#!/usr/bin/env python3
"""Connections that say nothing, more than the coordinator has descriptors: from a step on the host's network and from
this machine. Clients with a token, the operator at the unix socket, browsers and workers go on."""
import http.client
import pathlib
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import grpc_wire
from farm import HTTP_PORT, HttpCase, main, wait_for

DESCRIPTORS = 1024
ATTACK = 1500

# Each nc holds a connection and says nothing: its input is a pipe that nobody writes to.
HOLD = """FROM tiny
RUN --network=host mkfifo /tmp/p; exec 3<>/tmp/p; i=0; while [ $i -lt {count} ]; do nc 127.0.0.1 {port} <&3 & i=$((i+1)); done; echo held; sleep 60
"""


class ConnectionsTest(HttpCase):
    """Its coordinator has few descriptors, and cannot get more."""
    farm_options = {"workers": 1, "coordinator_command": ["prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}"],
                    "coordinator_options": [*HttpCase.farm_options["coordinator_options"], "--limit",
                                                          "unknown-seconds=3"]}

    def idle(self, port, count, say=b""):
        held = []
        self.addCleanup(lambda: [connection.close() for connection in held])
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", port), timeout=10)
            held.append(connection)
            try:
                connection.sendall(say)
            except OSError:
                pass
        return held

    def descriptors(self):
        return len(list(pathlib.Path(f"/proc/{self.farm.coordinator.pid}/fd").iterdir()))

    def assert_everybody_is_served(self):
        operator = self.farm.cli("ls", timeout=30)
        self.assert_exit(operator, 0)
        # Who has not shown its token yet may be the one that goes: it comes again.
        client = self.farm.cli("ls", timeout=120, env={"CROSSMILL_COORDINATOR": f"127.0.0.1:{self.farm.port}",
                                                       "CROSSMILL_TOKEN": self.farm.client_token})
        self.assert_exit(client, 0)
        self.assertEqual(self.request("GET", "/api/v1/builds")[0], 200)
        self.assert_farm_goes_on()

    def still_open(self, held):
        count = 0
        for connection in held:
            connection.setblocking(False)
            try:
                while connection.recv(65536):
                    pass
            except BlockingIOError:
                count += 1
            except OSError:
                pass
        return count

    def attack(self, port, say=b""):
        before = self.descriptors()
        held = self.idle(port, ATTACK, say)
        self.assert_everybody_is_served()
        self.assertLess(self.descriptors(), before + 250, "one address without a token takes a part only")
        wait_for(lambda: self.still_open(held) == 0, "the end of who shows no token", 30)
        wait_for(lambda: self.descriptors() <= before + 10, "the descriptors of those", 10)

    def test_that_say_nothing_to_the_grpc_door(self):
        self.attack(self.farm.port)

    def test_that_begin_http_2_and_go_no_further(self):
        self.attack(self.farm.port, grpc_wire.PREFACE + grpc_wire.frame(grpc_wire.SETTINGS, 0, 0, b""))

    def test_that_call_with_a_wrong_token(self):
        self.attack(self.farm.port, grpc_wire.call("/crossmill.v1.Builds/ListBuilds", token="guessed"))

    def test_that_say_nothing_to_the_http_door(self):
        self.attack(HTTP_PORT)

    def test_that_begin_a_request_and_go_no_further(self):
        self.attack(HTTP_PORT, b"GET /api/v1/builds HTTP/1.1\r\nHost: ")

    def test_of_a_step_on_the_host_network(self):
        self.dockerfile(HOLD.format(count=800, port=self.farm.port))
        before = self.descriptors()
        build = self.farm.start_build(self.context)
        self.addCleanup(build.communicate)
        wait_for(lambda: self.descriptors() > before + 60, "connections of the step", 30)
        self.assert_everybody_is_served()
        build.terminate()
        build.wait(30)
        wait_for(lambda: self.descriptors() <= before + 10, "the end of the step", 30)

    def test_a_watcher_with_a_token_outlives_the_flood(self):
        self.dockerfile("FROM tiny\nRUN sleep 8; echo done\n")
        build = self.farm.start_build(self.context, "--tag", "watched")
        self.addCleanup(build.communicate)
        wait_for(lambda: self.json("/api/v1/builds")["builds"], "the build", 20)
        number = self.json("/api/v1/builds")["builds"][0]["id"]
        connection = http.client.HTTPConnection("127.0.0.1", HTTP_PORT, timeout=60)
        self.addCleanup(connection.close)
        connection.request("GET", f"/api/v1/builds/{number}/events",
                           headers={"Authorization": f"Bearer {self.farm.client_token}"})
        response = connection.getresponse()
        self.assertEqual(response.status, 200)
        for _ in range(3):
            self.idle(HTTP_PORT, 500)
            self.idle(self.farm.port, 500)
            time.sleep(1)
        text = response.read().decode()
        self.assertIn("event: end", text)
        self.assertEqual(build.wait(60), 0)


if __name__ == "__main__":
    main()
