-- Where the chain of a log of the audit ends (coordinator/audit): kept here, so that lines that were taken off its end
-- are missed.
CREATE TABLE audit_heads (
  -- "audit.log"
  log TEXT PRIMARY KEY,
  number INTEGER NOT NULL,
  -- Hex SHA-256 of the line.
  hash TEXT NOT NULL
) STRICT, WITHOUT ROWID;
