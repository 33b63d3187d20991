"""A server on loopback whose files change with every request: /counter says how often it was asked, /once answers
only each file's first request. For recipes whose inputs drift."""
import collections
import http.server
import threading


class DriftingServer:
    """Use as a context manager; `port` is where it listens."""

    def __init__(self):
        counts, lock = collections.Counter(), threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                with lock:
                    counts[self.path] += 1
                    count = counts[self.path]
                refused = self.path.startswith("/once/") and count > 1
                body = f"release {count}\n".encode()
                self.send_response(503 if refused else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
