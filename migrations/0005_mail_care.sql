-- SPDX-License-Identifier: Apache-2.0
-- Where an account's owner is told, and in which language; NULL: the system user's mailbox, the server's language.
ALTER TABLE account ADD COLUMN contact_email TEXT;
ALTER TABLE account ADD COLUMN contact_language TEXT;

-- What the agent itself has decided about an account's mail. brake_cause is NULL when it is not braked; times are Unix time.
CREATE TABLE mail_care (
  account TEXT PRIMARY KEY,
  brake_cause TEXT,
  brake_percent INTEGER NOT NULL,
  brake_until_ms INTEGER NOT NULL,
  noticed_ms INTEGER NOT NULL
) STRICT;
