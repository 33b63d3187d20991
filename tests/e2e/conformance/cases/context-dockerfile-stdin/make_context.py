"""A Dockerfile alone on standard input: no context."""
import os
with open(os.path.join(os.environ["CASE_WORK"], "Dockerfile"), "w") as file:
    file.write("FROM base\nRUN echo alone > /alone\n")
