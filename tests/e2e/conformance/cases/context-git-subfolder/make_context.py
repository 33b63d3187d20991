"""A folder of a git branch as context."""
import os

from git_repository import repository

repository(os.path.join(os.environ["CASE_SERVED"], "repo.git"))
