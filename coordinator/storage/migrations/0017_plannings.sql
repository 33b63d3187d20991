-- Builds that are being planned (planning_records.h): a coordinator that is killed leaves its own here.

CREATE TABLE plannings (
  build INTEGER PRIMARY KEY,
  -- Of these beginnings none came to an end.
  begun INTEGER NOT NULL
) STRICT;
