-- SPDX-License-Identifier: Apache-2.0
-- The field's words. What is in the tables stays as it is; the audit trail, which is a chain of hashes, keeps its own.
ALTER TABLE kept_answer RENAME TO idempotent_reply;
DROP INDEX kept_answer_time;
CREATE INDEX idempotent_reply_time ON idempotent_reply (at_ms);
