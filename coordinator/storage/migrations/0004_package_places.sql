-- Where a package is, and whether an interpreter of the image finds it there. Of earlier records nothing is known but
-- that what did not fail counted as installed.
ALTER TABLE packages ADD COLUMN environment TEXT NOT NULL DEFAULT '';
ALTER TABLE packages ADD COLUMN installed INTEGER NOT NULL DEFAULT 0;
UPDATE packages SET installed = 1 WHERE outcome <> 8 AND scope = 'runtime';
