-- SPDX-License-Identifier: Apache-2.0
-- A kept answer is complete: headers is a JSON array of [name, value].
ALTER TABLE kept_answer ADD COLUMN headers TEXT NOT NULL DEFAULT '[]';

-- uid_of_user: 1 when the uid is that of the system user of the account's name, as soon as there is one; 0 when it is what
-- the administrator said. An account without a uid was made before its user; from now on it finds him.
ALTER TABLE account ADD COLUMN uid_of_user INTEGER NOT NULL DEFAULT 0 CHECK (uid_of_user IN (0, 1));
UPDATE account SET uid_of_user = 1 WHERE uid IS NULL;
-- The account's cgroup directory while it is not that of its name: it was renamed while something ran in it.
ALTER TABLE account ADD COLUMN cgroup_directory TEXT;
