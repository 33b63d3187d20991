"""Archives that are unpacked over links."""
from tar_writer import TarWriter
TarWriter().add("there2", data=b"in the link's folder\n").write("a.tar")
TarWriter().folder("own").link("etc", "own").add("etc/x", data=b"x\n").write("b.tar")
TarWriter().folder("up").add("up/x", data=b"x\n").write("c.tar")
