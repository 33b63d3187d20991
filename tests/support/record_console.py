#!/usr/bin/env python3
"""Runs a command and records its console as the worker would see it: one line per piece that arrived.

  record_console.py OUTPUT COMMAND...

A line is MILLISECONDS STREAM JSON_STRING, the time counted from the start, the stream `out` or `err`. The
exit status of the command is the last line: `exit N`. Tests replay such files (tests/golden/packages).
"""
import json
import os
import selectors
import subprocess
import sys
import time


def main():
    output, command = sys.argv[1], sys.argv[2:]
    start = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    selector = selectors.DefaultSelector()
    selector.register(process.stdout, selectors.EVENT_READ, "out")
    selector.register(process.stderr, selectors.EVENT_READ, "err")
    with open(output, "w", encoding="ascii") as file:
        while selector.get_map():
            for key, _ in selector.select():
                piece = os.read(key.fd, 65536)
                if not piece:
                    selector.unregister(key.fileobj)
                    continue
                elapsed = int((time.monotonic() - start) * 1000)
                file.write(f"{elapsed} {key.data} {json.dumps(piece.decode('latin-1'))}\n")
        file.write(f"exit {process.wait()}\n")


if __name__ == "__main__":
    main()
