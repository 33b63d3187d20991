-- The build in whose comparison the others outvoted this execution: nothing goes on from what it made. NULL: none.
ALTER TABLE executions ADD COLUMN outvoted_in INTEGER;
CREATE INDEX executions_outvoted ON executions(worker) WHERE outvoted_in IS NOT NULL;
