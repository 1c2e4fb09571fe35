// SPDX-License-Identifier: Apache-2.0
#include "kernel/local_users.h"

#include <fcntl.h>

#include <algorithm>
#include <limits>
#include <string_view>

#include "base/file.h"
#include "base/parse.h"

namespace npanel {
namespace {

std::string_view next_part(std::string_view& text, char end) {
  const std::string_view part = text.substr(0, text.find(end));
  text.remove_prefix(std::min(part.size() + 1, text.size()));
  return part;
}

}  // namespace

std::set<uid_t> local_uids(const std::vector<std::string>& users, const std::string& passwd) {
  std::set<uid_t> uids;
  const std::string text = read_file_at(AT_FDCWD, passwd).value_or("");
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view line = next_part(rest, '\n');  // name:password:uid:…
    const std::string_view name = next_part(line, ':');
    next_part(line, ':');
    const auto uid = parse_u64(next_part(line, ':'));
    if (uid && *uid < std::numeric_limits<uid_t>::max() && std::ranges::find(users, name) != users.end())
      uids.insert(static_cast<uid_t>(*uid));
  }
  return uids;
}

}  // namespace npanel
