-- Tokens of the farm for those that pipeline services sign (coordinator/people/identity, docs/security.md).
CREATE TABLE identity_rules (
  name TEXT PRIMARY KEY,
  project TEXT NOT NULL REFERENCES projects (name),
  -- v1.IdentityRule.
  rule BLOB NOT NULL
) STRICT, WITHOUT ROWID;
-- Of a token that a rule gave: its name, and whose the identity token was.
ALTER TABLE tokens ADD COLUMN identity_rule TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN subject TEXT NOT NULL DEFAULT '';
