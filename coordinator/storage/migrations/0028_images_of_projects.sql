-- Each project has images of its own: the key of one in another project than "default" is "project NAME, IMAGE", as
-- elsewhere in the record. What a registry gave, and what an operator put there, is everybody's as before.
ALTER TABLE images ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;
UPDATE images SET shared = 1 WHERE owner = '' OR (owner IS NULL AND origin NOT LIKE 'build %');
-- Owners of other projects are "project/token".
INSERT OR IGNORE INTO images (name, root_hash, root_size, stand_in, origin, size_bytes, created_at, owner, shared)
  SELECT 'project ' || substr(owner, 1, instr(owner, '/') - 1) || ', ' || name, root_hash, root_size, stand_in, origin,
         size_bytes, created_at, owner, 0
  FROM images WHERE instr(owner, '/') > 0 AND name NOT LIKE 'project %';
INSERT OR IGNORE INTO image_platforms (image, position, os, architecture, variant)
  SELECT 'project ' || substr(images.owner, 1, instr(images.owner, '/') - 1) || ', ' || images.name, position, os,
         architecture, variant
  FROM image_platforms JOIN images ON images.name = image_platforms.image
  WHERE instr(images.owner, '/') > 0 AND images.name NOT LIKE 'project %';
DELETE FROM image_platforms WHERE image IN
  (SELECT name FROM images WHERE instr(owner, '/') > 0 AND name NOT LIKE 'project %');
DELETE FROM images WHERE instr(owner, '/') > 0 AND name NOT LIKE 'project %';
