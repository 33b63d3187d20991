-- Projects, tokens and whose a build is (storage/people, docs/security.md "Projects").

-- Who shares limits and a fair part of the farm. `default` is what a farm without projects has.
CREATE TABLE projects (
  name TEXT PRIMARY KEY,
  -- Most of each; 0: as many as there are.
  running_steps INTEGER NOT NULL DEFAULT 0,
  queued_builds INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO projects (name, created_at) VALUES ('default', 0);

-- Beside builds, whose rows are long: lists ask this of every build.
CREATE TABLE build_projects (
  build INTEGER PRIMARY KEY REFERENCES builds (id),
  project TEXT NOT NULL
) STRICT;
CREATE INDEX build_projects_by_project ON build_projects (project, build);
INSERT INTO build_projects (build, project) SELECT id, 'default' FROM builds;

CREATE TABLE tokens (
  -- AUTOINCREMENT: a number that was told to somebody is never given again.
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  -- Hex SHA-256 of the token, which is kept nowhere.
  hash TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  project TEXT NOT NULL REFERENCES projects (name),
  -- v1.Access: read, submit, operate, admin.
  role INTEGER NOT NULL,
  -- Where it may push: patterns, one a line; '' nowhere.
  pushes TEXT NOT NULL DEFAULT '',
  created_at INTEGER NOT NULL,
  -- Name of the token that made it; '' for the operator of the machine.
  created_by TEXT NOT NULL,
  -- 0: never.
  expires_at INTEGER NOT NULL DEFAULT 0,
  -- 0: not yet.
  used_at INTEGER NOT NULL DEFAULT 0,
  revoked_at INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX tokens_by_project ON tokens (project);
