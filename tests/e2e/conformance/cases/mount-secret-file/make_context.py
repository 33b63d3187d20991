"""A secret as a file: default place, own place, mode and owner."""
import os
with open(os.path.join(os.environ["CASE_WORK"], "token"), "w") as file:
    file.write("correct horse battery staple")
