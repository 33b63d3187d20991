"""Paths near 4,096 bytes and names of 255."""
import os
os.mkdir("tree")
here = os.getcwd()
os.chdir("tree")
for depth in range(13):
    os.mkdir("n" * 255)
    os.chdir("n" * 255)
with open("f" * 200, "w") as file:
    file.write("deep\n")
os.chdir(here)
with open("tree/" + "g" * 255, "w") as file:
    file.write("long\n")
