// SPDX-License-Identifier: Apache-2.0
#include "core/accounts.h"

#include <utility>

namespace npanel {

AccountEntry* Accounts::get(const std::string& name) {
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : &found->second;
}

Result<AccountEntry*> Accounts::find(const std::string& name) {
  if (AccountEntry* entry = get(name)) return entry;
  return failure("there is no account \"" + name + "\"", ENOENT);
}

Result<AccountEntry*> Accounts::find_lasting(const std::string& name) {
  AccountEntry* entry = NP_TRY(find(name));
  if (entry->account.state == AccountState::deleting)
    return failure("account \"" + name + "\" is being deleted", EBUSY);
  return entry;
}

AccountEntry* Accounts::of_slot(uint32_t slot) {
  const auto owner = slots_.find(slot);
  return owner == slots_.end() ? nullptr : get(owner->second);
}

std::optional<std::string> Accounts::owner_of_slot(uint32_t slot) const {
  const auto owner = slots_.find(slot);
  return owner == slots_.end() || owner->second.empty() ? std::nullopt : std::optional(owner->second);
}

void Accounts::index(const Account& account) {
  slots_[account.slot] = account.name;
  if (account.state == AccountState::deleting) deleting_.insert(account.name);
  if (account.directory)
    in_former_directory_.insert(account.name);
  else
    in_former_directory_.erase(account.name);
}

AccountEntry& Accounts::add(Account account, uint64_t since_ns) {
  index(account);
  const std::string name = account.name;
  return entries_.emplace(name, AccountEntry{.account = std::move(account), .since_ns = since_ns}).first->second;
}

void Accounts::set(AccountEntry& entry, Account account) {
  index(account);
  entry.account = std::move(account);
}

AccountEntry& Accounts::rename(const std::string& from, Account account) {
  auto moved = entries_.extract(from);
  moved.key() = account.name;
  AccountEntry& entry = entries_.insert(std::move(moved)).position->second;
  in_former_directory_.erase(from);
  set(entry, std::move(account));
  return entry;
}

void Accounts::erase(const std::string& name) {
  const auto entry = entries_.find(name);
  if (entry == entries_.end()) return;
  slots_.erase(entry->second.account.slot);
  deleting_.erase(name);
  in_former_directory_.erase(name);
  entries_.erase(entry);
}

void Accounts::clear() {
  entries_.clear();
  slots_.clear();
  deleting_.clear();
  in_former_directory_.clear();
}

uint32_t Accounts::free_slot() const {
  uint32_t slot = 0;
  for (const auto& [taken, name] : slots_) {
    if (taken != slot) break;
    ++slot;
  }
  return slot;
}

}  // namespace npanel
