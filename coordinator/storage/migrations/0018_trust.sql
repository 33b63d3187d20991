-- Workers whose results an operator does not believe: none is used until the name is taken out.
CREATE TABLE distrusted_workers (
  name TEXT PRIMARY KEY,
  -- Unix time in nanoseconds.
  distrusted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- How often a worker reported what it had made up, and what the last time.
CREATE TABLE untrue_reports (
  worker TEXT PRIMARY KEY,
  reports INTEGER NOT NULL,
  last TEXT NOT NULL,
  last_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Since when nothing goes on from what an execution made, for ever, because its worker is not believed. NULL: it may
-- be used.
ALTER TABLE executions ADD COLUMN distrusted_at INTEGER;
CREATE INDEX executions_by_worker ON executions (worker, finished_at);
-- What was installed from a wheel that an execution compiled.
CREATE INDEX packages_by_compiler ON packages (compiled_by_execution, execution) WHERE compiled_by_execution <> 0;
-- Who made an export, and when. Of those from before this nobody knows: '' and 0.
ALTER TABLE exports ADD COLUMN worker TEXT NOT NULL DEFAULT '';
ALTER TABLE exports ADD COLUMN made_at INTEGER NOT NULL DEFAULT 0;
