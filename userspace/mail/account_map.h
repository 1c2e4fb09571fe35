// SPDX-License-Identifier: Apache-2.0
// account_map.h: whose is this login, whose is this domain?
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"

namespace npanel {

// A file of "key: account" or "key account" lines, as panels keep them (/etc/userdomains); # begins a comment. Keys are
// compared without regard to case.
class AccountMap {
 public:
  AccountMap() = default;  // knows nobody
  // Lines that are none, and names that cannot be an account's, are left out and told in `complaints()`, with file and
  // line.
  static Result<AccountMap> read(std::string path);

  [[nodiscard]] std::optional<std::string> find(std::string_view key) const;
  [[nodiscard]] size_t size() const { return accounts_.size(); }
  [[nodiscard]] const std::vector<std::string>& complaints() const { return complaints_; }
  // Has the file changed since it was read?
  [[nodiscard]] bool is_stale() const;

 private:
  std::string path_;
  int64_t version_ = 0;  // of the file: when it was changed, and how large it was
  std::unordered_map<std::string, std::string> accounts_;
  std::vector<std::string> complaints_;
};

}  // namespace npanel
