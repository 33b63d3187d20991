"""Archives with an odd first entry."""
import tarfile
from tar_writer import TarWriter
TarWriter().add("", tarfile.DIRTYPE, 0o755).add("x", data=b"x\n").write("a.tar")
TarWriter().folder("/").add("x", data=b"x\n").write("b.tar")
TarWriter().folder(".", 0o750).add("x", data=b"x\n").write("c.tar")
TarWriter().write("d.tar")
TarWriter().add("", tarfile.XGLTYPE).add("x", data=b"x\n").write("e.tar")
