"""gRPC as bytes, for peers that send what no proper one sends: messages from protobuf's text form (protoc), calls of any kind
whose frames keep to the server's windows, and answers as text.

Beyond ../grpc_wire.py: several messages in a call, both ways, and messages of any size.
"""
import contextlib
import pathlib
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import grpc_wire
from farm import ROOT

PROTO = ROOT / "proto"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
ACK = 1
FILE_OF_PACKAGE = {"build.bazel.remote.execution.v2": "build/bazel/remote/execution/v2/remote_execution.proto",
                   "google.bytestream": "google/bytestream/bytestream.proto"}
OK, CANCELLED, UNKNOWN, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED = range(8)
RESOURCE_EXHAUSTED, FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS = range(8, 16)
UNAUTHENTICATED = 16


def file_of(message):
    package, _, _ = message.rpartition(".")
    if package in FILE_OF_PACKAGE:
        return FILE_OF_PACKAGE[package]
    name = message.rpartition(".")[2]
    for file in sorted((PROTO / "crossmill/v1").glob("*.proto")):
        if f"message {name} " in file.read_text():
            return file.relative_to(PROTO)
    raise KeyError(message)


def full(message):
    return message if "." in message else f"crossmill.v1.{message}"


def quoted(data):
    """Bytes as a string of protobuf's text form."""
    data = data if isinstance(data, bytes) else data.encode("utf-8", "surrogateescape")
    return '"' + "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\{b:03o}" for b in data) + '"'


def protoc(mode, message, data):
    result = subprocess.run(["protoc", f"-I{PROTO}", f"--{mode}={full(message)}", PROTO / file_of(full(message))],
                            input=data, capture_output=True)
    if result.returncode != 0:
        raise ValueError(f"{message}: {result.stderr.decode(errors='replace')}")
    return result.stdout


def encode(message, text):
    return protoc("encode", message, text.encode())


def decode(message, data):
    return protoc("decode", message, data).decode(errors="replace")


def headers(method, token=None, fields=()):
    block = [(":method", "POST"), (":scheme", "http"), (":path", method), (":authority", "localhost"),
             ("te", "trailers"), ("content-type", "application/grpc"), *fields]
    if token:
        block.append(("authorization", f"Bearer {token}"))
    return b"".join(grpc_wire.header(name, value) for name, value in block)


class Call:
    """One call on a connection of its own. Use as a context manager; a thread reads what the server sends."""

    def __init__(self, port, method, token=None, fields=(), path=None):
        if path:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(str(path))
        else:
            self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.settimeout(None)
        self.changed = threading.Condition()
        self.windows = {0: 65535, 1: 65535}
        self.initial = 65535
        self.data = b""
        self.trailers = b""
        self.ended = False
        self.writing = threading.Lock()
        self.write(grpc_wire.PREFACE + grpc_wire.frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 30))
                   + grpc_wire.frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 30))
                   + grpc_wire.frame(HEADERS, grpc_wire.END_HEADERS, 1, headers(method, token, fields)))
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.reader.join(10)

    def write(self, data):
        with self.writing:
            self.socket.sendall(data)

    def read(self):
        pending = b""
        with contextlib.suppress(OSError):
            while more := self.socket.recv(65536):
                pending += more
                while len(pending) >= 9:
                    length = int.from_bytes(pending[:3], "big")
                    if len(pending) < 9 + length:
                        break
                    self.take(pending[3], pending[4], int.from_bytes(pending[5:9], "big"), pending[9:9 + length])
                    pending = pending[9 + length:]
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def take(self, kind, flags, stream, payload):
        with self.changed:
            if kind == SETTINGS and not flags & ACK:
                for i in range(0, len(payload), 6):
                    name, value = struct.unpack(">HI", payload[i:i + 6])
                    if name == 4:
                        self.windows[1] += value - self.initial
                        self.initial = value
                self.write(grpc_wire.frame(SETTINGS, ACK, 0, b""))
            elif kind == PING and not flags & ACK:
                self.write(grpc_wire.frame(PING, ACK, 0, payload))
            elif kind == WINDOW_UPDATE:
                self.windows[stream] = self.windows.get(stream, 0) + int.from_bytes(payload, "big")
            elif kind == DATA:
                self.data += payload
            elif kind == HEADERS:
                self.trailers += payload
                self.ended = self.ended or bool(flags & grpc_wire.END_STREAM)
            elif kind in (RST_STREAM, GOAWAY):
                self.ended = True
            self.changed.notify_all()

    def send(self, message, end=False, compressed=0, length=None):
        """A message in as many frames as the windows let through; False when the server has ended the call before."""
        data = bytes([compressed]) + struct.pack(">I", len(message) if length is None else length) + message
        return self.send_raw(data, end)

    def send_raw(self, data, end=False):
        position = 0
        with contextlib.suppress(OSError):
            while True:
                with self.changed:
                    self.changed.wait_for(lambda: self.ended or min(self.windows[0], self.windows[1]) > 0 or position >= len(data), 60)
                    if self.ended:
                        return False
                    size = max(0, min(16384, self.windows[0], self.windows[1], len(data) - position))
                    self.windows[0] -= size
                    self.windows[1] -= size
                last = position + size >= len(data)
                self.write(grpc_wire.frame(DATA, grpc_wire.END_STREAM if end and last else 0, 1, data[position:position + size]))
                position += size
                if last:
                    return True
        return False

    def messages(self):
        """Those that have come whole."""
        with self.changed:
            data = self.data
        found = []
        while len(data) >= 5:
            length = int.from_bytes(data[1:5], "big")
            if len(data) < 5 + length:
                break
            found.append(data[5:5 + length])
            data = data[5 + length:]
        return found

    def wait(self, condition, limit=20):
        end = time.monotonic() + limit
        with self.changed:
            while not condition() and not self.ended and time.monotonic() < end:
                self.changed.wait(0.1)
        return condition()

    def status(self, limit=20):
        """The status that ended it, or None."""
        with self.changed:
            self.changed.wait_for(lambda: self.ended, limit)
            return grpc_wire.status(self.trailers)

    def said(self):
        """grpc-message of the end."""
        with self.changed:
            at = self.trailers.find(b"grpc-message")
            if at < 0:
                return ""
            rest = self.trailers[at + len(b"grpc-message"):]
            length, shift = rest[0] & 127, 1
            if length == 127:
                factor = 0
                while True:
                    length += (rest[shift] & 127) << factor
                    factor += 7
                    shift += 1
                    if rest[shift - 1] < 128:
                        break
            return urllib.parse.unquote(rest[shift:shift + length].decode(errors="replace"))


def unary(port, method, message=b"", token=None, fields=(), limit=30, path=None):
    """Status, sentence and messages of a call with one message."""
    with Call(port, method, token, fields, path) as call:
        call.send(message, end=True)
        status = call.status(limit)
        return status, call.said(), call.messages()
