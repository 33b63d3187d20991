"""An archive with large owners, and a tar program."""
from tar_writer import TarWriter
TarWriter().add("x", data=b"x\n", owner=(1000000, 2000000)).write("a.tar")
