"""Files with names of one character and files to tell classes by."""
import os
os.makedirs("d")
for name in ("a", "b", "c", "!", "^", "-", "]"):
    for folder in ("d",):
        with open(os.path.join(folder, name), "w") as file:
            file.write(name + "\n")
