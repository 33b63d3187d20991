"""A git repository as context."""
import os
import git_repository
git_repository.repository(os.path.join(os.environ["CASE_SERVED"], "repo.git"),
                          'FROM base\nARG SOURCE_DATE_EPOCH\nRUN echo "${SOURCE_DATE_EPOCH-unset}" > /inside\n')
