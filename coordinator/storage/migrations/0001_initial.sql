-- The record of the farm. Times are Unix nanoseconds of the coordinator's clock. Columns named after
-- a message hold it serialised (proto/crossmill/v1); *_hash are sha256 in lower-case hex.

CREATE TABLE builds (
  -- AUTOINCREMENT: a number that was told to somebody is never given again.
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  idempotency_key TEXT,
  submission_digest TEXT NOT NULL,
  submission BLOB NOT NULL,
  submitted_at INTEGER NOT NULL,
  plan BLOB,
  view BLOB NOT NULL,
  -- BuildStatus; 4 and above are final.
  status INTEGER NOT NULL,
  finished_at INTEGER,
  message TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX builds_by_idempotency_key ON builds (idempotency_key, submitted_at)
  WHERE idempotency_key IS NOT NULL;
CREATE INDEX unfinished_builds ON builds (id) WHERE status < 4;

-- The numbered log of a build: from 1, without gaps.
CREATE TABLE events (
  build INTEGER NOT NULL REFERENCES builds (id),
  number INTEGER NOT NULL CHECK (number >= 1),
  time INTEGER NOT NULL,
  event BLOB NOT NULL,
  PRIMARY KEY (build, number)
) STRICT;

CREATE TABLE leases (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  build INTEGER NOT NULL REFERENCES builds (id),
  stage INTEGER NOT NULL,
  replica INTEGER NOT NULL,
  worker TEXT NOT NULL,
  task BLOB NOT NULL,
  granted_at INTEGER NOT NULL,
  -- How it ended, for people; NULL while active.
  outcome TEXT
) STRICT;
CREATE INDEX active_leases ON leases (number) WHERE outcome IS NULL;

-- One row per execution of a step: the step cache, and the witnesses of comparisons.
CREATE TABLE executions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL,
  build INTEGER NOT NULL REFERENCES builds (id),
  stage INTEGER NOT NULL,
  step_number INTEGER NOT NULL,
  replica INTEGER NOT NULL,
  lease INTEGER REFERENCES leases (number),
  worker TEXT NOT NULL,
  host_id TEXT NOT NULL,
  host_name TEXT NOT NULL,
  emulated INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  -- NULL while it runs, and for ever when it was abandoned.
  finished_at INTEGER,
  duration_ns INTEGER NOT NULL DEFAULT 0,
  exit_code INTEGER NOT NULL DEFAULT 0,
  -- Empty: succeeded.
  failure TEXT NOT NULL DEFAULT '',
  timed_out INTEGER NOT NULL DEFAULT 0,
  -- NULL: no layer, the step failed.
  tar_hash TEXT,
  tar_size INTEGER,
  manifest_hash TEXT,
  manifest_size INTEGER,
  content_bytes INTEGER NOT NULL DEFAULT 0,
  -- The worker was lost: no result will come.
  abandoned INTEGER NOT NULL DEFAULT 0,
  CHECK (abandoned = 0 OR finished_at IS NULL)
) STRICT;
CREATE INDEX executions_by_key ON executions (key, finished_at);
CREATE INDEX unfinished_executions ON executions (id) WHERE finished_at IS NULL AND abandoned = 0;

-- ExportKey to blob.
CREATE TABLE exports (
  key TEXT PRIMARY KEY,
  blob_hash TEXT NOT NULL,
  blob_size INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- PackageOutcome by column; `position` keeps the order in which they were reported.
CREATE TABLE packages (
  execution INTEGER NOT NULL REFERENCES executions (id),
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  outcome INTEGER NOT NULL,
  scope TEXT NOT NULL,
  tag TEXT NOT NULL,
  file_name TEXT NOT NULL,
  seconds REAL NOT NULL,
  built_sha256 TEXT NOT NULL,
  built_size INTEGER NOT NULL,
  failure_class TEXT NOT NULL,
  failure_line TEXT NOT NULL,
  remedy TEXT NOT NULL,
  -- Comma separated.
  witnesses TEXT NOT NULL,
  conflict TEXT NOT NULL,
  emulated INTEGER NOT NULL,
  PRIMARY KEY (execution, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX packages_by_name ON packages (name, version);

CREATE TABLE workers (
  name TEXT PRIMARY KEY,
  info BLOB NOT NULL,
  last_seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;


-- The farm's image store: a name and the index or manifest it points to.
CREATE TABLE images (
  name TEXT PRIMARY KEY,
  root_hash TEXT NOT NULL,
  root_size INTEGER NOT NULL,
  stand_in INTEGER NOT NULL,
  origin TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX images_by_root ON images (root_hash);

CREATE TABLE image_platforms (
  image TEXT NOT NULL REFERENCES images (name),
  position INTEGER NOT NULL,
  os TEXT NOT NULL,
  architecture TEXT NOT NULL,
  variant TEXT NOT NULL,
  PRIMARY KEY (image, position)
) STRICT, WITHOUT ROWID;

-- One platform's image, pulled or imported and unpacked to layers.
CREATE TABLE image_manifests (
  manifest_hash TEXT PRIMARY KEY,
  manifest_size INTEGER NOT NULL,
  -- PinnedImage without reference and stand_in.
  image BLOB NOT NULL
) STRICT;

-- Layers that were compressed here, once.
CREATE TABLE compressed_layers (
  tar_hash TEXT NOT NULL,
  -- Library, version and level, which decide the bytes.
  compressor TEXT NOT NULL,
  tar_size INTEGER NOT NULL,
  blob_hash TEXT NOT NULL,
  blob_size INTEGER NOT NULL,
  PRIMARY KEY (tar_hash, compressor)
) STRICT, WITHOUT ROWID;
