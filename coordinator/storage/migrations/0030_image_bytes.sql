-- The most bytes of images that a project keeps; 0: no limit.
ALTER TABLE projects ADD COLUMN image_bytes INTEGER NOT NULL DEFAULT 0;
