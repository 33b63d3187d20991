"""Archives with entries below their own links."""
from tar_writer import TarWriter
(TarWriter().link("up", "..").add("up/x", data=b"through up\n").link("root", "/").add("root/y", data=b"through root\n")
 .link("far", "../../../..").add("far/z", data=b"through far\n").write("out.tar"))
(TarWriter().folder("in").link("inside", "in").add("inside/x", data=b"through inside\n").link("absolute", "/in")
 .add("absolute/y", data=b"through absolute\n").write("in.tar"))
(TarWriter().link("dangling", "/etc/made").add("dangling", data=b"over the link\n").link("folder", "nowhere").folder("folder")
 .add("folder/x", data=b"in the folder\n").write("over.tar"))
