-- SPDX-License-Identifier: Apache-2.0
-- The mode redirect, and what an account may send by mail: NULL is "no limit", which accounts of an older version get, for
-- an upgrade must limit nothing that was not limited. A raise lasts until raise_until_ms (Unix time).
CREATE TABLE account_with_mail (
  name TEXT PRIMARY KEY,
  slot INTEGER NOT NULL UNIQUE,
  uid INTEGER UNIQUE,
  state TEXT NOT NULL CHECK (state IN ('active', 'suspended', 'deleting')),
  cpu_percent INTEGER,
  memory_max_bytes INTEGER,
  memory_high_bytes INTEGER,
  swap_max_bytes INTEGER,
  io_read_bytes_per_s INTEGER,
  io_write_bytes_per_s INTEGER,
  pids_max INTEGER,
  smtp_per_minute INTEGER NOT NULL,
  smtp_burst INTEGER NOT NULL,
  smtp_mode TEXT NOT NULL CHECK (smtp_mode IN ('off', 'observe', 'redirect', 'enforce')),
  mail_messages_per_15min INTEGER,
  mail_recipients_per_15min INTEGER,
  mail_bytes_per_15min INTEGER,
  mail_messages_per_hour INTEGER,
  mail_recipients_per_hour INTEGER,
  mail_bytes_per_hour INTEGER,
  mail_messages_per_day INTEGER,
  mail_recipients_per_day INTEGER,
  mail_bytes_per_day INTEGER,
  mail_connections INTEGER,
  raise_messages_per_hour INTEGER,
  raise_until_ms INTEGER
) STRICT;
INSERT INTO account_with_mail
  SELECT name, slot, uid, state, cpu_percent, memory_max_bytes, memory_high_bytes, swap_max_bytes, io_read_bytes_per_s,
    io_write_bytes_per_s, pids_max, smtp_per_minute, smtp_burst, smtp_mode,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM account;
DROP TABLE account;
ALTER TABLE account_with_mail RENAME TO account;

-- What accounts have sent, for the kernel's map does not outlive a reboot. cells: one array a window (15 minutes, hour,
-- day) of [steps before saved_ms, messages, recipients, bytes].
CREATE TABLE mail_budget (
  account TEXT PRIMARY KEY,
  saved_ms INTEGER NOT NULL,
  cells TEXT NOT NULL
) STRICT;
