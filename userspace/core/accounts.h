// SPDX-License-Identifier: Apache-2.0
// accounts.h: which accounts are there, and whose is a slot?
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/result.h"
#include "core/reconciler.h"
#include "model/account.h"

namespace npanel {

struct AccountEntry {
  Account account;
  Applied applied = {};
  uint64_t since_ns = 0;  // CLOCK_BOOTTIME, when this agent made it: older mail was of whoever had the slot before
};

// What the store says of accounts, in memory: changed after the store, never before it.
class Accounts {
 public:
  using Map = std::map<std::string, AccountEntry, std::less<>>;
  [[nodiscard]] Map& all() { return entries_; }
  [[nodiscard]] const Map& all() const { return entries_; }

  // nullptr: there is none.
  [[nodiscard]] AccountEntry* get(const std::string& name);
  // ENOENT names the account.
  [[nodiscard]] Result<AccountEntry*> find(const std::string& name);
  // EBUSY, too: it is being deleted.
  [[nodiscard]] Result<AccountEntry*> find_lasting(const std::string& name);
  [[nodiscard]] AccountEntry* of_slot(uint32_t slot);
  [[nodiscard]] std::optional<std::string> owner_of_slot(uint32_t slot) const;

  AccountEntry& add(Account account, uint64_t since_ns = 0);
  // The account as it is now; its name stays.
  void set(AccountEntry& entry, Account account);
  AccountEntry& rename(const std::string& from, Account account);
  void erase(const std::string& name);
  void clear();

  // NP_SLOTS: none is free.
  [[nodiscard]] uint32_t free_slot() const;
  // Nobody gets it: something still speaks of the slot, and would speak of its next owner.
  void withhold(uint32_t slot) { slots_.emplace(slot, ""); }
  // By slot, the account's name; "": withheld.
  [[nodiscard]] const std::map<uint32_t, std::string>& slots() const { return slots_; }

  [[nodiscard]] const std::set<std::string>& deleting() const { return deleting_; }
  // Whose cgroup is not where the name says.
  [[nodiscard]] const std::set<std::string>& in_former_directory() const { return in_former_directory_; }

 private:
  void index(const Account& account);
  Map entries_;
  std::map<uint32_t, std::string> slots_;
  std::set<std::string> deleting_;
  std::set<std::string> in_former_directory_;
};

}  // namespace npanel
