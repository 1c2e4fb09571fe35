-- SPDX-License-Identifier: Apache-2.0
-- Deaths and hangs of the agent, from the watchdog's files. log: the agent's last lines, one a line.
CREATE TABLE failure (
  at_ms INTEGER PRIMARY KEY,
  reason TEXT NOT NULL,
  recovered_by TEXT CHECK (recovered_by IN ('systemd', 'watchdog')),
  recovery_seconds REAL,
  log TEXT NOT NULL
) STRICT;
