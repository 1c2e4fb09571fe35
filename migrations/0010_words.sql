-- SPDX-License-Identifier: Apache-2.0
-- The field's words. What is in the tables stays as it is; the audit trail, which is a chain of hashes, keeps its own.
ALTER TABLE kept_answer RENAME TO idempotent_reply;
DROP INDEX kept_answer_time;
CREATE INDEX idempotent_reply_time ON idempotent_reply (at_ms);

ALTER TABLE mail_care RENAME TO mail_decision;
ALTER TABLE mail_decision RENAME COLUMN brake_cause TO throttle_cause;
ALTER TABLE mail_decision RENAME COLUMN brake_percent TO throttle_percent;
ALTER TABLE mail_decision RENAME COLUMN brake_until_ms TO throttle_until_ms;

-- Events are asked for by their kind, those of before, too. store/salvage reads a damaged file likewise.
UPDATE event SET
  kind = CASE kind WHEN 'mail_braked' THEN 'mail_throttled' ELSE 'mail_throttle_released' END,
  detail = replace(detail, '"brake":', '"throttle":')
  WHERE kind IN ('mail_braked', 'mail_brake_released');
UPDATE event SET kind = 'smtp_changed' WHERE kind = 'rate_limit_changed';
UPDATE event SET detail = replace(detail, '"limit":"rate_limit"', '"limit":"smtp"') WHERE kind IN ('smtp_denied', 'smtp_would_deny');
UPDATE event SET detail = replace(detail, '"reason":"rate_limit"', '"reason":"smtp"') WHERE kind = 'owner_told';
UPDATE event SET detail = replace(detail, '"rate_limit":', '"smtp":') WHERE kind IN ('account_created', 'account_adopted', 'limits_kept');
