-- Pages of package indexes, the last one of each address: for workers that were not the first to ask, and for builds
-- that ask nobody outside. The page itself is a blob.
CREATE TABLE index_pages (
  url TEXT PRIMARY KEY,
  content_type TEXT NOT NULL,
  -- Where redirects led.
  page_url TEXT NOT NULL,
  etag TEXT NOT NULL,
  last_modified TEXT NOT NULL,
  -- Unix time in nanoseconds: good without asking until then.
  fresh_until INTEGER NOT NULL,
  hash TEXT NOT NULL,
  size INTEGER NOT NULL,
  saved_at INTEGER NOT NULL
) STRICT;
