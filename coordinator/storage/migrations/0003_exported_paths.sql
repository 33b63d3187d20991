-- ExportedPaths: what each export was made of. Those made before did not say; they are made again when they
-- are asked for (the blob is the same, and no step runs).
DELETE FROM exports;
-- NULL: the worker did not say.
ALTER TABLE exports ADD COLUMN paths BLOB;
