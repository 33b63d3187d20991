-- Changes of state and webhooks (storage/notices), and workers that an operator drained (drain_records.h).

CREATE TABLE drained_workers (
  name TEXT PRIMARY KEY,
  drained_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What tells this farm from others: in the ids of feeds and webhooks. One row.
CREATE TABLE farm_identity (
  id TEXT NOT NULL,
  -- "2026-11-27".
  since TEXT NOT NULL
) STRICT;
INSERT INTO farm_identity (id, since) VALUES (lower(hex(randomblob(8))), date('now'));

-- What each name on each platform is now (v1.NameState; core::StateNames says which names). Derived from builds, as the changes are.
CREATE TABLE name_states (
  name TEXT NOT NULL,
  platform TEXT NOT NULL,
  -- v1.BuildStatus and v1.Verdict; 0: none is known.
  status INTEGER NOT NULL,
  status_build INTEGER NOT NULL,
  status_since INTEGER NOT NULL,
  verdict INTEGER NOT NULL,
  verdict_build INTEGER NOT NULL,
  verdict_since INTEGER NOT NULL,
  PRIMARY KEY (name, platform)
) STRICT, WITHOUT ROWID;

CREATE TABLE state_changes (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  platform TEXT NOT NULL,
  -- v1.StateChange without id.
  change BLOB NOT NULL
) STRICT;
CREATE INDEX state_changes_by_name ON state_changes (name, id);
CREATE INDEX state_changes_by_platform ON state_changes (name, platform, id);

CREATE TABLE webhooks (
  -- AUTOINCREMENT: a number that was told to somebody is never given again.
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  url TEXT NOT NULL,
  names TEXT NOT NULL,
  -- "whsec_...": deliveries are signed with it, so its hash would not do. The file is its owner's (0600).
  secret TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE webhook_deliveries (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  webhook INTEGER NOT NULL REFERENCES webhooks (id),
  change INTEGER NOT NULL REFERENCES state_changes (id),
  -- v1.WebhookDelivery.State.
  state INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  last_attempt_at INTEGER NOT NULL DEFAULT 0,
  -- 0 unless it is pending.
  next_attempt_at INTEGER NOT NULL,
  status INTEGER NOT NULL DEFAULT 0,
  problem TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook, id);
CREATE INDEX webhook_deliveries_by_state ON webhook_deliveries (webhook, state);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_attempt_at) WHERE state = 1;
