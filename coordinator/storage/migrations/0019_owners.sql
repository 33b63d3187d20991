-- Whose the name of an image is: the name of a token, '' for the operator and what registries gave. NULL: from before
-- this, anybody's.
ALTER TABLE images ADD COLUMN owner TEXT;
-- Few, and asked for with every view of a build.
CREATE INDEX executions_distrusted ON executions (id) WHERE distrusted_at IS NOT NULL;
