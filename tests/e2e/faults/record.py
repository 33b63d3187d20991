"""The coordinator's record as the invariants ask of it (docs/formats.md, "Record (SQLite)"), and its blobs."""
import hashlib
import sqlite3

STATUS = {1: "planning", 2: "queued", 3: "running", 4: "succeeded", 5: "failed", 6: "cancelled",
          7: "infrastructure-failed", 8: "timed-out"}
MARK = b" crossmill parts 1\n"


class Record:
    def __init__(self, data):
        self.data = data
        self.database = sqlite3.connect(f"file:{data}/record.db", uri=True, timeout=20)
        self.database.row_factory = sqlite3.Row

    def close(self):
        self.database.close()

    def rows(self, statement, *values):
        return self.database.execute(statement, values).fetchall()

    def builds(self):
        return {row["id"]: row for row in self.rows("SELECT id, idempotency_key, status, message FROM builds")}

    def number_of(self, key):
        """The builds with an idempotency key, which is kept as KEY of OWNER."""
        return [row["id"] for row in self.rows("SELECT id FROM builds WHERE idempotency_key LIKE ?", f"{key} of %")]

    def losses(self, build):
        """The leases of a build that were lost, by stage and replica."""
        found = {}
        for row in self.rows("SELECT stage, replica, outcome FROM leases WHERE build = ? AND outcome LIKE 'lost:%'", build):
            found.setdefault((row["stage"], row["replica"]), []).append(row["outcome"])
        return found


def content(data, digest):
    """The bytes of a blob in the store, joined if it is in parts; None if it is not there."""
    path = data / "content" / "blobs" / digest[:2] / digest
    if path.exists():
        return path.read_bytes()
    parts = path.with_name(path.name + ".parts")
    if not parts.exists():
        return b"" if digest == hashlib.sha256(b"").hexdigest() else None
    whole = parts.read_bytes()
    assert whole.endswith(MARK), f"{parts} has no mark"
    own_end = len(whole) - len(MARK) - 16
    own = int(whole[own_end:own_end + 16], 16)
    found, at = b"", 0
    for line in whole[own:own_end].decode().splitlines():
        kind, *words = line.split()
        if kind == "bytes":
            found += whole[at:at + int(words[0])]
            at += int(words[0])
        else:
            part = content(data, words[0])
            if part is None:
                return None
            found += part
    return found


def fields(data):
    """(number, value) of a serialised message; values of length-delimited fields are bytes."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
    while at < len(data):
        tag = varint()
        kind = tag & 7
        if kind == 0:
            yield tag >> 3, varint()
        elif kind == 2:
            size = varint()
            yield tag >> 3, data[at:at + size]
            at += size
        else:
            size = {1: 8, 5: 4}[kind]
            yield tag >> 3, data[at:at + size]
            at += size


def first(data, number, default=None):
    return next((value for found, value in fields(data) if found == number), default)
