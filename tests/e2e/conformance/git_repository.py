"""The git repository of the cases about git: branches main and feature, tag v1, a sub-folder, a link."""
import os, subprocess
def git(*words, cwd):
    subprocess.run(["git", "-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main",
                    "-c", "protocol.file.allow=always", "-c", "commit.gpgsign=false", *words], cwd=cwd, check=True,
                   capture_output=True, env={**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
                   "GIT_AUTHOR_DATE": "1600000000 +0000", "GIT_COMMITTER_DATE": "1600000000 +0000"})
def write(folder, name, text, mode=0o644):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)
def repository(bare, dockerfile="FROM base\nCOPY . /all\n"):
    source = os.path.join(os.environ["CASE_WORK"], "source")
    os.makedirs(source)
    git("init", "-q", cwd=source)
    write(source, "file.txt", "first\n")
    write(source, "run.sh", "#!/bin/sh\n", 0o755)
    write(source, "sub/inner.txt", "inner\n")
    write(source, "Dockerfile", dockerfile)
    write(source, "sub/Dockerfile", "FROM base\nCOPY . /sub-all\n")
    os.symlink("file.txt", os.path.join(source, "link"))
    git("add", "-A", cwd=source)
    git("commit", "-q", "-m", "first", cwd=source)
    git("tag", "v1", cwd=source)
    git("checkout", "-q", "-b", "feature", cwd=source)
    write(source, "file.txt", "second\n")
    git("commit", "-q", "-am", "second", cwd=source)
    git("checkout", "-q", "main", cwd=source)
    write(source, "main.txt", "main\n")
    git("add", "-A", cwd=source)
    git("commit", "-q", "-m", "third", cwd=source)
    if not os.path.exists(bare):
        git("clone", "-q", "--bare", source, bare, cwd=source)
        git("update-server-info", cwd=bare)
