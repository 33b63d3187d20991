"""Extended attributes of the context."""
import os
import struct
with open("caps", "w") as file:
    file.write("caps\n")
os.setxattr("caps", "security.capability", struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0))
with open("coloured", "w") as file:
    file.write("blue\n")
os.setxattr("coloured", "user.colour", b"blue")
