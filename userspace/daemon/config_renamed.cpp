// SPDX-License-Identifier: Apache-2.0
#include "daemon/config_renamed.h"

#include <algorithm>

#include "daemon/config_keys.h"

namespace npanel {
std::optional<std::string> new_name_of_key(std::string_view former) {
  const auto found = std::ranges::find(kRenamedKeys, former, &RenamedKey::former);
  return found == kRenamedKeys.end() ? std::nullopt : std::optional(std::string(found->name));
}

std::optional<std::string> new_name_of_variable(std::string_view former) {
  const auto found =
      std::ranges::find_if(kRenamedKeys, [&](const RenamedKey& key) { return config_variable(key.former) == former; });
  return found == kRenamedKeys.end() ? std::nullopt : std::optional(config_variable(found->name));
}

}  // namespace npanel
