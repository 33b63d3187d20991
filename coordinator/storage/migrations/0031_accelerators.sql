-- The set by which native programs could stand in for emulated ones ("sha256:..."); empty: none. The rest of what is
-- known of it is among the circumstances.
ALTER TABLE executions ADD COLUMN accelerator TEXT NOT NULL DEFAULT '';
-- 1: an emulated execution beside it gave the same.
ALTER TABLE executions ADD COLUMN accelerator_equal INTEGER NOT NULL DEFAULT 0;
CREATE INDEX executions_by_accelerator ON executions (accelerator) WHERE accelerator <> '';
-- Sets that a comparison found at fault: no step gets them until an operator allows them again.
CREATE TABLE switched_off_accelerators (
  digest TEXT PRIMARY KEY,
  -- Unix time in nanoseconds.
  off_at INTEGER NOT NULL,
  -- v1.SwitchedOffAccelerator.
  told BLOB NOT NULL
) STRICT, WITHOUT ROWID;
