-- What a RUN does whatever it does it to (core/step_history.h), and what it used: placing looks it up.
ALTER TABLE executions ADD COLUMN shape TEXT NOT NULL DEFAULT '';
-- Processor time of all its processes. NULL: not measured.
ALTER TABLE executions ADD COLUMN cpu_ns INTEGER;
-- The most memory that one of them had, in bytes.
ALTER TABLE executions ADD COLUMN peak_memory INTEGER;
-- Share of its time in which some process of the machine waited for a processor.
ALTER TABLE executions ADD COLUMN cpu_wait_share REAL NOT NULL DEFAULT 0;
CREATE INDEX executions_by_shape ON executions (shape, emulated, id)
  WHERE cpu_ns IS NOT NULL AND exit_code = 0 AND failure = '';
