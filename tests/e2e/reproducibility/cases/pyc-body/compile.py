"""Compiles m.py as tools do that keep code in a cache of the machine; only one machine has it."""
import importlib.util
import marshal
import socket

source = b"def f(a, b=1):\n    return a + b\n\n\nclass C:\n    x = (\"one\", 2.5)\n"
code = compile(source, "m.py", "exec")
data = marshal.dumps(code)
if socket.gethostname() == "crossmill":
    data = marshal.dumps(marshal.loads(data))
flags, digest = (1).to_bytes(4, "little"), importlib.util.source_hash(source)
with open("/app/m.pyc", "wb") as file:
    file.write(importlib.util.MAGIC_NUMBER + flags + digest + data)
