"""A Dockerfile from an address."""
import os
with open(os.path.join(os.environ["CASE_SERVED"], "Dockerfile"), "w") as file:
    file.write("FROM base\nRUN echo alone > /alone\n")
