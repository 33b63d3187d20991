-- What steps fetched through their recording network. The list is read as a whole, so it is one value; what is asked of
-- it over many steps is counted beside it.

CREATE TABLE fetches (
  execution INTEGER PRIMARY KEY REFERENCES executions (id),
  -- StepFetches: its `fetches`, in the order in which they began.
  fetches BLOB NOT NULL
) STRICT;

CREATE TABLE fetch_hosts (
  execution INTEGER NOT NULL REFERENCES executions (id),
  -- Lower case; '' for hosts that are not counted by name.
  host TEXT NOT NULL,
  -- Also those that are not in the list.
  fetches INTEGER NOT NULL,
  bytes_up INTEGER NOT NULL,
  bytes_down INTEGER NOT NULL,
  refused INTEGER NOT NULL,
  PRIMARY KEY (execution, host)
) STRICT, WITHOUT ROWID;
CREATE INDEX fetch_hosts_by_host ON fetch_hosts (host, execution);
