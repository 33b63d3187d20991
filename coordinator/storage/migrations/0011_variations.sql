-- v1.Variation.number of a replica's task. Not 0: no later build goes on from what it made.
ALTER TABLE executions ADD COLUMN variation INTEGER NOT NULL DEFAULT 0;
-- v1.StepResult with its circumstances alone. NULL: none were told.
ALTER TABLE executions ADD COLUMN circumstances BLOB;
