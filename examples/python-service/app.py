"""A small service: GET / answers with the mean of the numbers in ?n=1&n=2, as JSON.

`python app.py --once` answers one made-up request on standard output and ends (used by tests).
"""
import http.server
import json
import platform
import sys
import urllib.parse

import numpy
import prctl
import six


def answer(query):
    numbers = [float(text) for text in urllib.parse.parse_qs(query).get("n", [])]
    return {
        "mean": float(numpy.mean(numbers)) if numbers else None,
        "machine": platform.machine(),
        "process": prctl.get_name(),
        "text_type": six.text_type.__name__,
    }


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            status, body = 200, answer(urllib.parse.urlsplit(self.path).query)
        except ValueError as error:
            status, body = 400, {"error": str(error)}
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def main():
    prctl.set_name("python-service")
    if sys.argv[1:] == ["--once"]:
        print(json.dumps(answer("n=1&n=2&n=6")))
        return
    http.server.ThreadingHTTPServer(("", 8000), Handler).serve_forever()


if __name__ == "__main__":
    main()
