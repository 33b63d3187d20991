-- Wheels that the farm compiled, for builds that would compile the same. The files are blobs.
CREATE TABLE farm_wheels (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  -- Digest over all that may have influenced the wheel but its build dependencies (docs/formats.md).
  key TEXT NOT NULL,
  project TEXT NOT NULL,
  version TEXT NOT NULL,
  source_file TEXT NOT NULL,
  source_sha256 TEXT NOT NULL,
  platform TEXT NOT NULL,
  file_name TEXT NOT NULL,
  hash TEXT NOT NULL,
  size INTEGER NOT NULL,
  -- v1.BuildDependencies, serialised.
  build_dependencies BLOB NOT NULL,
  -- What compiled it. The build may be forgotten, the wheel stays.
  build INTEGER NOT NULL,
  execution INTEGER NOT NULL,
  seconds REAL NOT NULL,
  emulated INTEGER NOT NULL,
  -- Unix time in nanoseconds.
  compiled_at INTEGER NOT NULL,
  -- How often it was offered, and when it was last.
  uses INTEGER NOT NULL DEFAULT 0,
  used_at INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX farm_wheels_by_key ON farm_wheels (key);
CREATE INDEX farm_wheels_by_project ON farm_wheels (project, version);

-- Of packages that were installed from such a wheel; else 0.
ALTER TABLE packages ADD COLUMN compiled_in_build INTEGER NOT NULL DEFAULT 0;
ALTER TABLE packages ADD COLUMN compiled_by_execution INTEGER NOT NULL DEFAULT 0;

-- Of a build that compiles wheels for another one: that build; else 0.
ALTER TABLE builds ADD COLUMN ahead_of INTEGER NOT NULL DEFAULT 0;
