"""Hard links between and inside folders."""
import os
for folder in ("one", "two", "ignored"):
    os.mkdir(folder)
with open("one/a", "w") as file:
    file.write("shared\n")
for name in ("one/b", "two/a", "two/c", "h1", "h2"):
    os.link("one/a", name)
with open("ignored/kept", "w") as file:
    file.write("kept\n")
os.link("ignored/kept", "ignored/left-out")
with open(".dockerignore", "w") as file:
    file.write("ignored/left-out\n")
