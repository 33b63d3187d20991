"""A named context that is a folder, with its own ignore file."""
import os
work = os.environ["CASE_WORK"]
os.makedirs(os.path.join(work, "other", "sub"))
for name, text in (("file.txt", "other context\n"), ("sub/deep.txt", "deep\n"), ("skip.log", "log\n"), (".dockerignore", "*.log\n")):
    with open(os.path.join(work, "other", name), "w") as file:
        file.write(text)
