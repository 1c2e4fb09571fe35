// SPDX-License-Identifier: Apache-2.0
#include "core/subuids.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>

#include "base/file.h"
#include "base/local_names.h"
#include "base/parse.h"
#include "model/account.h"
#include "model/subuid.h"

namespace npanel {
Subuids::Version Subuids::version() const {
  struct stat status{};
  if (::stat(subuid_.c_str(), &status) != 0) return {0, 0};
  return {status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec, status.st_size};
}

bool Subuids::is_stale() const {
  return version() != version_;
}

std::vector<Identity::Subuids> Subuids::owners(const std::vector<Account>& accounts) {
  version_ = version();  // first: a change while we read is seen the next time
  const auto text = read_file_at(AT_FDCWD, subuid_);
  if (!text) return {};  // a host without it has no such uids
  SubuidRanges found = parse_subuids(*text, static_cast<uint32_t>(kLeastUid));
  for (std::string& complaint : found.complaints) complaint.insert(0, subuid_ + ": ");
  if (found.complaints != told_) complaints_ = told_ = found.complaints;

  std::map<std::string, uint32_t> by_name;
  std::map<uint64_t, uint32_t> by_uid;
  for (const Account& account : accounts) {
    by_name.emplace(account.name, account.slot);
    if (account.uid) by_uid.emplace(*account.uid, account.slot);
  }
  const auto users = local_users(passwd_.c_str());
  const auto slot_of = [&](const std::string& user) -> std::optional<uint32_t> {
    const auto number = parse_u64(user);
    const auto named = by_name.find(user);
    if (named != by_name.end() && !number) return named->second;
    const auto listed = users.find(user);
    const auto uid = listed != users.end() ? std::optional<uint64_t>(listed->second) : number;
    const auto owned = uid ? by_uid.find(*uid) : by_uid.end();
    const auto by = [](const auto& whose, const auto& all) {
      return whose == all.end() ? std::nullopt : std::optional(whose->second);
    };
    if (named == by_name.end()) return by(owned, by_uid);
    // "1001" may mean the user of that name or the uid: of two accounts, it is neither's.
    return owned == by_uid.end() || owned->second == named->second ? by(named, by_name) : std::nullopt;
  };
  std::map<uint32_t, std::vector<SubuidRange>> by_slot;
  for (SubuidRange& range : found.ranges)
    if (const auto slot = slot_of(range.user)) by_slot[*slot].push_back(std::move(range));
  std::vector<Identity::Subuids> owners;
  owners.reserve(by_slot.size());
  for (auto& [slot, ranges] : by_slot) owners.push_back({.slot = slot, .ranges = std::move(ranges)});
  return owners;
}

}  // namespace npanel
