-- Machines that became workers by an invitation (docs/security.md, "Machines").
CREATE TABLE invitations (
  id INTEGER PRIMARY KEY,
  -- Hex SHA-256 of the secret.
  hash TEXT NOT NULL UNIQUE,
  pool TEXT NOT NULL,
  -- Empty: any that is free.
  name TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at INTEGER NOT NULL DEFAULT 0,
  revoked_at INTEGER NOT NULL DEFAULT 0,
  -- Who joined with it.
  worker TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE worker_certificates (
  -- Hex SHA-256 of the DER.
  fingerprint TEXT PRIMARY KEY,
  worker TEXT NOT NULL,
  pool TEXT NOT NULL,
  -- Of the invitation that the machine joined with.
  invitation INTEGER NOT NULL REFERENCES invitations (id),
  joined_at INTEGER NOT NULL,
  issued_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  -- The first call that came with it; 0: none did.
  used_at INTEGER NOT NULL DEFAULT 0,
  -- Another one of the worker was used first after this.
  replaced_at INTEGER NOT NULL DEFAULT 0,
  revoked_at INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX worker_certificates_by_worker ON worker_certificates (worker);
