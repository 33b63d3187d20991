"""ADD of git repositories: branch, tag, sub-folder."""
import os

from git_repository import repository

repository(os.path.join(os.environ["CASE_SERVED"], "repo.git"))
