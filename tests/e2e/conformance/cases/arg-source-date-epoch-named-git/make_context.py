"""A git repository that the run serves."""
import os
import git_repository
git_repository.repository(os.path.join(os.environ["CASE_SERVED"], "repo.git"))
