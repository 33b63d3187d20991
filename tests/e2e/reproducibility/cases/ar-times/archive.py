"""Writes an ar archive of two members as `ar rcU` does."""
import time

archive = b"!<arch>\n"
for name, data in ((b"one.txt/", b"one\n"), (b"two.txt/", b"second\n")):
    archive += b"%-16s%-12d%-6d%-6d%-8o%-10d`\n" % (name, int(time.time()), 0, 0, 0o100644, len(data)) + data
    archive += b"\n" * (len(data) % 2)
open("/libs.a", "wb").write(archive)
