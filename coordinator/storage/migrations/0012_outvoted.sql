-- The build in whose comparison the others outvoted this execution: nothing goes on from what it made. NULL: none.
ALTER TABLE executions ADD COLUMN outvoted_in INTEGER;
-- 1: it is one of those others. They agree under different variations, so later builds may go on from it.
ALTER TABLE executions ADD COLUMN endorsed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX executions_outvoted ON executions(worker) WHERE outvoted_in IS NOT NULL;
