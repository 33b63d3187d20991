"""An archive with large owners."""
from tar_writer import TarWriter
TarWriter().folder("d", 0o750, (70000, 80000)).add("d/x", data=b"x\n", owner=(1000000, 2000000)).add("y", data=b"y\n", owner=(65534, 65536)).write("a.tar")
