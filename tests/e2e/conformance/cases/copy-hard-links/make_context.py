"""Hard links of the context."""
import os
with open("first", "w") as file:
    file.write("shared\n")
os.link("first", "second")
os.mkdir("sub")
os.link("first", "sub/third")
