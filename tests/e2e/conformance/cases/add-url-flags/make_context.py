"""ADD of an address with --chown and --chmod."""
import os
served = os.environ["CASE_SERVED"]
for name, data in (("file.txt", b"from the server\n"), ("other.bin", bytes(range(256))), ("sub/deep.txt", b"deep\n")):
    path = os.path.join(served, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
