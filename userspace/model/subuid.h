// SPDX-License-Identifier: Apache-2.0
// subuid.h: which subordinate uids has a user?
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "npanel/identity.h"

namespace npanel {

// A line of /etc/subuid (subuid(5)): user or uid, first uid, count.
struct SubuidRange {
  std::string user;
  uint32_t first = 0;
  uint32_t count = 0;
};

struct SubuidRanges {
  std::vector<SubuidRange> ranges = {};
  std::vector<std::string> complaints = {};  // lines that are none, or whose uids must not be an account's
};

// Uids below `least` are the system's; whoever wrote a range with some of them, its processes are no account's. Ranges
// that share a uid with one before them are left out: they say of a process that it is two users'.
[[nodiscard]] SubuidRanges parse_subuids(std::string_view text, uint32_t least);

// The key of np_acct_subuid that finds a uid.
[[nodiscard]] np_uid_prefix whole_uid(uint32_t uid);

// The same uids as a range, as the longest prefixes that hold no other.
[[nodiscard]] std::vector<np_uid_prefix> prefixes_of(const SubuidRange& range);

}  // namespace npanel
