// SPDX-License-Identifier: Apache-2.0
// refusals.h: how do ten thousand refusals a second become one line?
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "mail/evidence.h"
#include "model/event.h"
#include "npanel/smtp.h"

namespace npanel {

// "192.0.2.1:25", "[2001:db8::1]:25".
[[nodiscard]] std::string destination(const np_smtp_refusal& refusal);

// Keeps, for each account and verdict, the first refusal since the last take() and how many there were.
class Refusals {
 public:
  // `look` is asked about the first of them at once: its process may be gone a second later.
  void add(const np_smtp_refusal& refusal, const Look& look);
  // One event each; `account_of` names a slot's account, nullopt drops the record (the account was deleted meanwhile).
  // What still waits for its evidence stays, unless `all` is asked for.
  [[nodiscard]] std::vector<Event> take(const std::function<std::optional<std::string>(uint32_t slot)>& account_of,
                                        bool all = false);
  // Refusals whose evidence is not, or not all, known: too late, gone, nobody to ask.
  [[nodiscard]] uint64_t evidence_missing() const { return missing_; }

 private:
  using Key = std::pair<uint32_t, uint8_t>;  // slot and verdict
  struct Bundle {
    np_smtp_refusal first;
    uint64_t number;  // so that a late answer is not taken for the next one's
    std::optional<Evidence> evidence = {};
    uint64_t count = 0;
  };
  void put_evidence(const Key& key, uint64_t number, Evidence evidence);
  std::map<Key, Bundle> bundles_;
  uint64_t next_ = 0;
  uint64_t missing_ = 0;
};

}  // namespace npanel
