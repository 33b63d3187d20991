"""Paths of 4,095 bytes, the longest that a program can name."""
import os
os.mkdir("t")
here = os.getcwd()
os.chdir("t")
left = 4095 - len("/t")
while left > 256:
    os.mkdir("n" * 249)
    os.chdir("n" * 249)
    left -= 250
with open("f" * (left - 1), "w") as file:
    file.write("deepest\n")
os.chdir(here)
