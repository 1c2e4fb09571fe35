// SPDX-License-Identifier: Apache-2.0
// local_users.h: which uids have these users of this host?
#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <vector>

namespace npanel {

// By the file alone, and not through NSS, which may ask an LDAP server and wait for it: the MTA's users and their like
// are the package's, in /etc/passwd. A user that is not there (the other MTA's) is left out.
[[nodiscard]] std::set<uid_t> local_uids(const std::vector<std::string>& users,
                                         const std::string& passwd = "/etc/passwd");

}  // namespace npanel
