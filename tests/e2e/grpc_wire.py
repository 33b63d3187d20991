"""One unary gRPC call as bytes, and the status of its answer: for tests that send what no proper client sends.

Only what these tests need of HTTP/2 (RFC 9113): one stream, small messages, headers without Huffman coding.
"""
import re
import socket
import struct
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS = 0, 1, 4
END_STREAM, END_HEADERS = 1, 4


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def header(name, value):
    """A literal header field without indexing (RFC 7541, 6.2.2)."""
    def text(data):
        assert len(data) < 127 + 128
        length = bytes([len(data)]) if len(data) < 127 else bytes([127, len(data) - 127])
        return length + data
    return b"\0" + text(name.encode()) + text(value.encode())


def call(method, message=b"", token=None):
    """The bytes of a call of `method` ("/package.Service/Method")."""
    fields = [(":method", "POST"), (":scheme", "http"), (":path", method), (":authority", "localhost"),
              ("te", "trailers"), ("content-type", "application/grpc")]
    if token:
        fields.append(("authorization", f"Bearer {token}"))
    block = b"".join(header(name, value) for name, value in fields)
    return (PREFACE + frame(SETTINGS, 0, 0, b"") + frame(HEADERS, END_HEADERS, 1, block)
            + frame(DATA, END_STREAM, 1, b"\0" + struct.pack(">I", len(message)) + message))


def status(answer):
    """The grpc-status in the bytes of an answer, or None."""
    found = re.search(rb"grpc-status[\x01\x02](\d{1,2})", answer)
    return int(found[1]) if found else None


def message(answer):
    """The bytes of all DATA frames of stream 1."""
    out, position = b"", 0
    while position + 9 <= len(answer):
        length = int.from_bytes(answer[position:position + 3], "big")
        if answer[position + 3] == DATA:
            out += answer[position + 9:position + 9 + length]
        position += 9 + length
    return out


def send(port, data, limit=10):
    """Sends to 127.0.0.1 and returns what is answered until a status or the end."""
    answer = b""
    end = time.monotonic() + limit
    with socket.create_connection(("127.0.0.1", port), timeout=limit) as connection:
        connection.sendall(data)
        while status(answer) is None and time.monotonic() < end:
            connection.settimeout(max(0.1, end - time.monotonic()))
            try:
                more = connection.recv(65536)
            except TimeoutError:
                break
            if not more:
                break
            answer += more
    return answer


def bytes_field(number, data):
    """A length-delimited protobuf field."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint_field(number, value):
    return varint(number << 3) + varint(value)


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))
