"""A hard link with a mode and an owner of its own."""
from tar_writer import TarWriter
(TarWriter().add("a", mode=0o600, data=b"a\n", owner=(1, 2)).hard("b", "a", 0o755, (3, 4)).add("c", mode=0o640, data=b"c\n")
 .folder("d").hard("d/e", "c", 0o4711, (5, 6)).write("a.tar"))
