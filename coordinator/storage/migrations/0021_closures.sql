-- What is behind the roots of images and of pinned builds' trees (coordinator/needs): so that the documents, which may be
-- only in a bucket, are read once. Filled by garbage collection when it meets a root first; rows of roots that nothing
-- needs any more go.
CREATE TABLE closures (
  root TEXT NOT NULL,
  -- 1: a Merkle tree, 2: an image.
  form INTEGER NOT NULL,
  -- Hashes of 32 bytes, one after the other: all blobs, the root too; manifests of single platforms; documents that were
  -- not there.
  blobs BLOB NOT NULL,
  manifests BLOB NOT NULL,
  absent BLOB NOT NULL,
  PRIMARY KEY (root, form)
) STRICT, WITHOUT ROWID;
