-- What URLs in recipes gave last, so that the server need only say that it still holds.
CREATE TABLE remote_files (
  -- Without credentials.
  url TEXT PRIMARY KEY,
  etag TEXT NOT NULL,
  last_modified TEXT NOT NULL,
  hash TEXT NOT NULL,
  size INTEGER NOT NULL,
  name TEXT NOT NULL,
  mtime INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The trees of commits of git repositories.
CREATE TABLE remote_trees (
  repository TEXT NOT NULL,
  commit_id TEXT NOT NULL,
  folder TEXT NOT NULL,
  keep_git_dir INTEGER NOT NULL,
  submodules INTEGER NOT NULL,
  commit_times INTEGER NOT NULL,
  ref TEXT NOT NULL,
  root_hash TEXT NOT NULL,
  root_size INTEGER NOT NULL,
  PRIMARY KEY (repository, commit_id, folder, keep_git_dir, submodules, commit_times, ref)
) STRICT, WITHOUT ROWID;
