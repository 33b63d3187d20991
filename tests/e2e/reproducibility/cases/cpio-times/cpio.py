"""Writes a cpio archive of the format newc; inode numbers are counted, as `cpio --reproducible` does."""
import time


def entry(inode, name, data, mode, mtime):
    numbers = (inode, mode, 0, 0, 1, mtime, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % number for number in numbers) + name + b"\0"
    head += bytes(-len(head) % 4)
    return head + data + bytes(-len(data) % 4)


now = int(time.time())
archive = entry(1, b"init", b"#!/bin/sh\n", 0o100755, now) + entry(2, b"motd", b"welcome\n", 0o100644, now)
archive += entry(0, b"TRAILER!!!", b"", 0, 0)
open("/s.cpio", "wb").write(archive + bytes(-len(archive) % 512))
