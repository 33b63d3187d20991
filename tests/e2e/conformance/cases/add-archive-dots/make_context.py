"""Names that are not clean."""
from tar_writer import TarWriter
TarWriter().folder("./").add("./a", data=b"a\n").add("//b", data=b"b\n").add("c//d", data=b"d\n").add("e/./f", data=b"f\n").write("a.tar")
