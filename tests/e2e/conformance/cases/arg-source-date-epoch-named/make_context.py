"""Another context."""
import os
folder = os.path.join(os.environ["CASE_WORK"], "other")
os.makedirs(folder)
with open(os.path.join(folder, "x"), "w") as file:
    file.write("x\n")
os.utime(os.path.join(folder, "x"), (1500000000, 1500000000))
