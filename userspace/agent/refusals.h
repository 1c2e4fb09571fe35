// SPDX-License-Identifier: Apache-2.0
// refusals.h: how do ten thousand refusals a second become one line?
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/event.h"
#include "npanel/smtp.h"

namespace npanel {

// "192.0.2.1:25", "[2001:db8::1]:25".
[[nodiscard]] std::string destination(const np_smtp_refusal& refusal);

// Keeps, for each account and verdict, the first refusal since the last take() and how many there were.
class Refusals {
 public:
  void add(const np_smtp_refusal& refusal);
  // One event each; `account_of` names a slot's account, nullopt drops the record (the account was deleted meanwhile).
  [[nodiscard]] std::vector<Event> take(const std::function<std::optional<std::string>(uint32_t slot)>& account_of);

 private:
  struct Bundle {
    np_smtp_refusal first;
    // Looked up at once: the process may be gone a second later.
    std::optional<std::string> exe;
    std::optional<std::string> cwd;
    std::optional<std::string> command;
    uint64_t count;
  };
  std::map<std::pair<uint32_t, uint8_t>, Bundle> bundles_;  // by slot and verdict
};

}  // namespace npanel
