"""An entry below a link to a folder that only the image has."""
from tar_writer import TarWriter
TarWriter().link("etc", "/etc").add("etc/x", data=b"x\n").write("a.tar")
