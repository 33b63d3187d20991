"""A hard link out of the archive."""
from tar_writer import TarWriter
TarWriter().add("x", data=b"x\n").hard("y", "../etc/passwd").write("a.tar")
