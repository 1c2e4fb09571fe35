-- SPDX-License-Identifier: Apache-2.0
-- What the administrator said. NULL in a limit is "no limit".
CREATE TABLE account (
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
  smtp_mode TEXT NOT NULL CHECK (smtp_mode IN ('off', 'observe', 'enforce'))
) STRICT;

-- What happened: changes, refusals, failures. detail is JSON.
CREATE TABLE event (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms INTEGER NOT NULL,
  account TEXT,
  kind TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;
CREATE INDEX event_account ON event (account, id);
