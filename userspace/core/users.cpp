// SPDX-License-Identifier: Apache-2.0
#include "core/users.h"

#include <sys/stat.h>

#include "base/clock.h"
#include "base/local_names.h"
#include "base/parse.h"

namespace npanel {
namespace {

constexpr int64_t kAskAgainMs = 5000;
constexpr auto kPatience = std::chrono::milliseconds(6000);  // the helper's is 5 s

constexpr size_t kKnownMost = 20'000;  // more than there are accounts

}  // namespace

bool Users::Entry::may_be_asked(int64_t now_ms) const {
  return !waiting && (!asked_ms || now_ms - *asked_ms >= kAskAgainMs);
}

Users::Found Users::find(const std::string& user) {
  if (const auto uid = local_uid(user, passwd_.c_str())) return {.uid = uid};
  return ask_service(user);
}

Users::Found Users::ask_service(const std::string& user) {
  if (entries_.size() >= kKnownMost) std::erase_if(entries_, [](const auto& each) { return !each.second.waiting; });
  Entry& entry = entries_[user];
  if (!entry.uid && entry.may_be_asked(steady_ms())) ask(user, entry);
  return {.uid = entry.uid, .asked = !entry.uid && (entry.waiting || entry.failed)};
}

std::optional<std::map<std::string, uid_t>> Users::changed_users() {
  const Version now = version();  // first: a change while we read is seen the next time
  if (version_ == now) return std::nullopt;
  version_ = now;
  return local_users(passwd_.c_str());
}

Users::Version Users::version() const {
  struct stat status{};
  if (::stat(passwd_.c_str(), &status) != 0) return {};
  return {static_cast<int64_t>(status.st_dev), static_cast<int64_t>(status.st_ino), status.st_size,
          status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec};
}

bool Users::is_due(const std::string& user) const {
  const auto entry = entries_.find(user);
  return entry == entries_.end() || (!entry->second.uid && entry->second.may_be_asked(steady_ms()));
}

bool Users::is_waited_for(const std::string& user) const {
  const auto entry = entries_.find(user);
  return entry != entries_.end() && !entry->second.uid && (entry->second.waiting || entry->second.failed);
}

std::set<uid_t> Users::find_all(const std::vector<std::string>& users) {
  std::set<uid_t> uids;
  for (const std::string& user : users) {
    if (const Found found = find(user); found.uid) uids.insert(*found.uid);
    if (const auto entry = entries_.find(user); entry != entries_.end()) entry->second.standing = true;
  }
  return uids;
}

void Users::retry() {
  for (auto& [user, entry] : entries_)
    if (entry.standing && entry.failed && entry.may_be_asked(steady_ms())) ask(user, entry);
}

void Users::ask(const std::string& user, Entry& entry) {
  entry.waiting = true;
  ++waiting_;
  entry.failed = false;
  entry.asked_ms = steady_ms();
  helper_.ask({.what = Ask::user, .text = user}, kPatience, [this, user](const Answer& answer) { hear(user, answer); });
}

void Users::hear(const std::string& user, const Answer& answer) {
  Entry& entry = entries_[user];
  entry.waiting = false;
  --waiting_;
  entry.failed = answer.error != 0;
  if (entry.failed) return;
  const auto text = find_field(answer.fields, "uid");
  const auto uid = text ? parse_u64(*text) : std::nullopt;
  entry.uid = uid ? std::optional(static_cast<uid_t>(*uid)) : std::nullopt;
  tell_(user);
}

}  // namespace npanel
