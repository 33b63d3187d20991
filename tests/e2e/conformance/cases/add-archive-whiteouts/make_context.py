"""Whiteouts in an archive."""
from tar_writer import TarWriter
TarWriter().add("x", data=b"x\n").add(".wh.y", data=b"y\n").write("a.tar")
