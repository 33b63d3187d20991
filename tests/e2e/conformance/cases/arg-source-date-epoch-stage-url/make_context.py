"""A file that the run serves."""
import os
import pathlib
pathlib.Path(os.environ["CASE_SERVED"], "file.txt").write_text("served\n")
