-- SPDX-License-Identifier: Apache-2.0
-- Which capabilities are switched on. An administrator may edit it, and the agent takes it over within a second:
-- sqlite3 npanel.db "UPDATE feature_flags SET enabled = 1 WHERE name IN ('audit_logs_v2', 'config_layering')".
-- switched_off: why the agent switched it off by itself.
CREATE TABLE feature_flags (
  name TEXT PRIMARY KEY,
  enabled INTEGER NOT NULL DEFAULT 0 CHECK (enabled IN (0, 1)),
  mode TEXT NOT NULL DEFAULT 'enforce' CHECK (mode IN ('observe', 'enforce')),
  rollout INTEGER NOT NULL DEFAULT 100 CHECK (rollout BETWEEN 0 AND 100),
  switched_off TEXT NOT NULL DEFAULT ''
) STRICT;
INSERT INTO feature_flags (name) VALUES
  ('cgroups_isolation'), ('email_rate_limiting'), ('agent_watchdog'), ('graceful_reloads'), ('config_layering'),
  ('soak_testing'), ('package_templates'), ('quota_enforcement'), ('reseller_hierarchy'), ('whmcs_integration'),
  ('progress_tracking'), ('health_scoring'), ('audit_logs_v2'), ('smart_defaults'), ('upgrade_framework');
-- A server that has accounts comes from a version without switches: an upgrade must not lift a limit.
UPDATE feature_flags SET enabled = 1
  WHERE name IN ('cgroups_isolation', 'email_rate_limiting', 'agent_watchdog') AND EXISTS (SELECT 1 FROM account);

-- What was said about one account, whatever the percentage says.
CREATE TABLE feature_override (
  feature TEXT NOT NULL,
  account TEXT NOT NULL,
  enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  PRIMARY KEY (feature, account)
) STRICT;

-- Who did what. ids have no gap; hash is that of the row and of the hash before it. before and after are JSON or empty.
CREATE TABLE audit (
  id INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  actor TEXT NOT NULL,
  source TEXT NOT NULL,
  action TEXT NOT NULL,
  account TEXT,
  target TEXT NOT NULL,
  before TEXT NOT NULL,
  after TEXT NOT NULL,
  result TEXT NOT NULL,
  duration_us INTEGER NOT NULL,
  request_id TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT;
CREATE INDEX audit_account ON audit (account, at_ms);
CREATE INDEX audit_actor ON audit (actor, at_ms);
CREATE INDEX audit_action ON audit (action, at_ms);
-- Holds all that several conditions at once can ask for, so that rows are read only when they fit.
CREATE INDEX audit_time ON audit (at_ms, id, account, actor, action);
-- The two ends of the chain: the oldest row that is kept with the hash before it, and the newest row with its own.
CREATE TABLE audit_base (
  only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
  first_id INTEGER NOT NULL,
  hash TEXT NOT NULL
) STRICT;
INSERT INTO audit_base VALUES (1, 1, '0000000000000000000000000000000000000000000000000000000000000000');
CREATE TABLE audit_head (
  only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
  id INTEGER NOT NULL,
  hash TEXT NOT NULL
) STRICT;
INSERT INTO audit_head VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

-- Who may use the API over TCP. hash: SHA-256 of the secret, which is not kept.
CREATE TABLE token (
  name TEXT PRIMARY KEY,
  scope TEXT NOT NULL CHECK (scope IN ('read', 'write')),
  hash TEXT NOT NULL CHECK (length(hash) = 64),
  created_ms INTEGER NOT NULL
) STRICT;

-- Answers to requests with an Idempotency-Key.
CREATE TABLE kept_answer (
  client TEXT NOT NULL,
  key TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  status INTEGER NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (client, key)
) STRICT;
CREATE INDEX kept_answer_time ON kept_answer (at_ms);

-- Configurations that were in force. files: a JSON object, text by path.
CREATE TABLE config_version (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms INTEGER NOT NULL,
  actor TEXT NOT NULL,
  files TEXT NOT NULL
) STRICT;
