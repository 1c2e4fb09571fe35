// SPDX-License-Identifier: Apache-2.0
// room.h: what is every capability asked, whatever it does?
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "api/route.h"
#include "model/account.h"
#include "model/effective.h"

namespace npanel {

// A capability: it owns its state, its rows and its routes, and knows no other room. Bodies are empty: a room answers
// what concerns it. The list of rooms stands in agent/agent.cpp.
class Room {
 public:
  Room() = default;
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;
  virtual ~Room() = default;

  [[nodiscard]] virtual std::vector<Route> routes() { return {}; }
  // Another configuration is in force.
  virtual void configured() {}
  // The kernel's side of direct SMTP is there, at the start or later.
  virtual void smtp_came() {}
  // What of an account's limits is different at this moment from what was said, and why: a sentence each.
  virtual void adjust(const Account& /*said*/, EffectiveLimits&) const {}
  virtual void add_reasons(const Account& /*said*/, std::vector<std::string>&) const {}
  // What waits to be told of the account happened under the name, and with the slot, that it has until now.
  virtual void account_leaves(const Account&) {}
  // It is neither in the store nor in the kernel any more.
  virtual void account_gone(const std::string& /*name*/) {}
  virtual void account_renamed(const std::string& /*from*/, const std::string& /*to*/) {}
  virtual void every_second() {}
  // The wall clock was set, ahead or back.
  virtual void clock_was_set(int64_t /*by_ms*/) {}
  virtual void before_exit() {}
  // What is not as it should be, a sentence each.
  virtual void add_problems(std::vector<std::string>&) {}
};

}  // namespace npanel
