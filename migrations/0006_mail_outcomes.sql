-- SPDX-License-Identifier: Apache-2.0
-- When an account's owner was told last that his DNS is wrong, Unix time; 0: never. Nothing is held back for it, and so it
-- is a letter of its own.
ALTER TABLE mail_care ADD COLUMN dns_noticed_ms INTEGER NOT NULL DEFAULT 0;
