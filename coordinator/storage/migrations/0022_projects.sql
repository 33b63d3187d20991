-- Projects, tokens and whose a build is (storage/people, docs/security.md "Projects").

-- Who shares builds, images, cache and limits. `default` is what a farm without projects has.
CREATE TABLE projects (
  name TEXT PRIMARY KEY,
  -- 'project': its builds are seen by its own people; 'farm': by everybody who has a token.
  visibility TEXT NOT NULL DEFAULT 'project' CHECK (visibility IN ('project', 'farm')),
  -- 'shared': its steps share results with all projects that say so; 'own': with none.
  cache TEXT NOT NULL DEFAULT 'own' CHECK (cache IN ('shared', 'own')),
  -- Most of each; 0: as many as there are.
  running_steps INTEGER NOT NULL DEFAULT 0,
  queued_builds INTEGER NOT NULL DEFAULT 0,
  stored_bytes INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO projects (name, cache, created_at) VALUES ('default', 'shared', 0);

-- Beside builds, whose rows are long: lists ask this of every build.
CREATE TABLE build_projects (
  build INTEGER PRIMARY KEY REFERENCES builds (id),
  project TEXT NOT NULL,
  -- Everybody with a token sees it.
  shared INTEGER NOT NULL DEFAULT 0
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
