"""What tests of the HTTP door share: a farm that has one, requests, and the events of streams."""
import http.client
import json
import socket

import farm

HTTP_PORT = farm.free_port()


class HttpCase(farm.FarmTestCase):
    farm_options = {"workers": 1, "coordinator_options": ["--http", f"127.0.0.1:{HTTP_PORT}"]}

    def request(self, verb, path, body=None, token=True, **fields):
        """Status, fields and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", HTTP_PORT, timeout=60)
        self.addCleanup(connection.close)
        given = {name.replace("_", "-"): value for name, value in fields.items()}
        if token:
            given.setdefault("Authorization", f"Bearer {self.farm.client_token}")
        connection.request(verb, path, body, given)
        response = connection.getresponse()
        return response.status, response.headers, response.read()

    def json(self, path, status=200, verb="GET", **more):
        got, fields, body = self.request(verb, path, **more)
        self.assertEqual(got, status, body)
        document = json.loads(body)
        if status >= 400:
            self.assertEqual(fields["Content-Type"], "application/problem+json")
            self.assertEqual(document["status"], status)
            self.assertRegex(document["requestId"], "^[0-9a-f]{16}$")
        return document

    def raw(self, data, wait=5):
        """What the door answers to bytes."""
        with socket.create_connection(("127.0.0.1", HTTP_PORT), timeout=wait) as connection:
            connection.sendall(data)
            answer = b""
            try:
                while piece := connection.recv(65536):
                    answer += piece
            except (TimeoutError, ConnectionResetError):
                pass
        return answer

    def events(self, path, most=10_000, **fields):
        """The events of a stream to its end, or the first ones: (id, kind, data)."""
        connection = http.client.HTTPConnection("127.0.0.1", HTTP_PORT, timeout=60)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.farm.client_token}",
                                                     **{n.replace("_", "-"): v for n, v in fields.items()}})
            response = connection.getresponse()
            self.assertEqual(response.status, 200, path)
            self.assertEqual(response.headers["Content-Type"], "text/event-stream")
            found, current = [], {}
            while len(found) < most and (line := response.readline()):
                line = line.decode().rstrip("\n")
                if line.startswith(":"):
                    continue
                if line:
                    name, value = line.split(": ", 1)
                    current[name] = value
                elif current:
                    found.append((current.get("id"), current["event"], json.loads(current["data"])))
                    current = {}
            return found
        finally:
            connection.close()
