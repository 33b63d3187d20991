"""A name that leads out."""
from tar_writer import TarWriter
TarWriter().add("a", data=b"a\n").add("../b", data=b"b\n").add("/c", data=b"c\n").add("d/../../../e", data=b"e\n").write("a.tar")
