-- Public keys that workers told, by key id (hex SHA-256 of the SubjectPublicKeyInfo), from their first statement on.
CREATE TABLE signing_keys (
  id TEXT PRIMARY KEY,
  pem TEXT NOT NULL,
  -- Who told it first.
  worker TEXT NOT NULL,
  first_seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX signing_keys_by_worker ON signing_keys (worker);

-- What a worker stated and signed about an execution, as it came: an envelope (docs/attestations.md). Only of those
-- whose signature and content were right.
CREATE TABLE execution_statements (
  execution INTEGER PRIMARY KEY REFERENCES executions (id),
  signing_key TEXT NOT NULL REFERENCES signing_keys (id),
  envelope BLOB NOT NULL
) STRICT;
