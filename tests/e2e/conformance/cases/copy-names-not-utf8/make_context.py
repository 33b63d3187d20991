"""Names and link targets that are not UTF-8."""
import os
os.mkdir(b"folder\xff")
for name in (b"lat\xefn", b"folder\xff/\x80\x81", b"\xc3("):
    with open(name, "wb") as file:
        file.write(name)
os.symlink(b"t\xe4rget", b"folder\xff/l\xefnk")
