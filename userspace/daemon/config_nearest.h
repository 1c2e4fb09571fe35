// SPDX-License-Identifier: Apache-2.0
// config_nearest.h: which name did the administrator mean?
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace npanel {

// The candidate with the fewest letters to add, to remove or to replace (Levenshtein); nullopt when even that one
// differs in more than a quarter of its letters.
[[nodiscard]] std::optional<std::string> nearest(std::string_view wrong, const std::vector<std::string>& candidates);

}  // namespace npanel
