"""-f - reads the Dockerfile from standard input, beside a context."""
import os
with open(os.path.join(os.environ["CASE_WORK"], "Dockerfile"), "w") as file:
    file.write("FROM base\nCOPY a.txt /a\n")
