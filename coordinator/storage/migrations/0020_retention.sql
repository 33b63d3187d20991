-- How much a farm keeps (coordinator/retention, docs/operations.md "What is kept").

-- Policies that an operator set; of the others the usual value holds.
CREATE TABLE policies (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL,
  -- Unix time in nanoseconds.
  set_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Builds of which everything is kept.
CREATE TABLE pins (
  build INTEGER PRIMARY KEY REFERENCES builds (id),
  pinned_at INTEGER NOT NULL,
  -- Name of the token; '' for the operator.
  pinned_by TEXT NOT NULL
) STRICT;

-- How far work over all executions or builds, in order, has come.
CREATE TABLE retention_marks (
  name TEXT PRIMARY KEY,
  mark INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What a build needs while it runs or is pinned, and whose consoles and events get old.
CREATE INDEX executions_by_build ON executions (build);
-- When the console was removed by a policy. NULL: it was not.
ALTER TABLE executions ADD COLUMN log_removed_at INTEGER;
-- When the events were thinned by a policy. NULL: all are there.
ALTER TABLE builds ADD COLUMN events_thinned_at INTEGER;
-- Whose tasks go with their build's events.
CREATE INDEX leases_by_build ON leases (build);
