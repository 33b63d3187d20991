-- Builds that their project lets all others read (docs/security.md "Projects").
CREATE TABLE shared_builds (
  build INTEGER PRIMARY KEY REFERENCES builds (id),
  shared_by TEXT NOT NULL,
  shared_at INTEGER NOT NULL
) STRICT;
