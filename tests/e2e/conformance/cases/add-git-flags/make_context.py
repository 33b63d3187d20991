"""ADD of a git repository with --chown and a query."""
import os

from git_repository import repository

repository(os.path.join(os.environ["CASE_SERVED"], "repo.git"))
