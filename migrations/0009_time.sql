-- SPDX-License-Identifier: Apache-2.0
-- How long this server has lived with the agent: time that has passed for sure, whatever the wall clock says (model/lived_time.h).
CREATE TABLE lived_time (
  only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
  boot_id TEXT NOT NULL,
  boot_ms INTEGER NOT NULL,
  wall_ms INTEGER NOT NULL,
  lived_ms INTEGER NOT NULL
) STRICT;

-- The newest entry of the audit trail when a day of that time began: what is older than it is at least that old.
CREATE TABLE audit_age (
  lived_day INTEGER PRIMARY KEY,
  newest_id INTEGER NOT NULL
) STRICT;

-- kept_answer.at_ms is in that time from now on: what is kept already is as if it came now.
UPDATE kept_answer SET at_ms = 0;

-- Of each kind so many are kept of an account, and refusals, which anybody can cause, displace nothing else.
ALTER TABLE event ADD COLUMN is_refusal INTEGER GENERATED ALWAYS AS (kind IN (
  'smtp_denied', 'smtp_would_deny', 'mail_deferred', 'mail_would_defer', 'mail_unattributed_deferred', 'mail_unattributed_would_defer')) VIRTUAL;
CREATE INDEX event_refusal ON event (is_refusal, id);
CREATE INDEX event_kind ON event (account, kind, id);
