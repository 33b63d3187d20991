"""--parents: folders in between have the modes of the context's."""
import os
os.makedirs("a/b")
with open("a/b/file", "w") as file:
    file.write("f\n")
os.chmod("a/b/file", 0o600)
os.chmod("a/b", 0o711)
os.chmod("a", 0o750)
