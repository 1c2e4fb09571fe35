-- SPDX-License-Identifier: Apache-2.0
-- When a raise ends by CLOCK_BOOTTIME, in milliseconds: the wall clock may be set. NULL: an older version has begun it.
ALTER TABLE account ADD COLUMN raise_until_boot_ms INTEGER;
