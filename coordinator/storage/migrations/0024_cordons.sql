-- Workers that an operator cordoned: they get tasks of builds up to that one, and of no later ones.
CREATE TABLE cordoned_workers (
  name TEXT PRIMARY KEY,
  last_build INTEGER NOT NULL,
  cordoned_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
