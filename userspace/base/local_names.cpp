// SPDX-License-Identifier: Apache-2.0
#include "base/local_names.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

#include <cstdio>
#include <memory>
#include <utility>

namespace npanel {
namespace {

using File = std::unique_ptr<FILE, decltype([](FILE* file) { std::fclose(file); })>;

// The first entry that fits; `next` is fgetpwent(3) or fgetgrent(3).
template <class Entry, class Fits>
const Entry* find_entry(const File& file, Entry* (*next)(FILE*), Fits fits) {
  if (!file) return nullptr;
  while (const Entry* entry = next(file.get()))
    if (fits(*entry)) return entry;
  return nullptr;
}

}  // namespace

std::optional<uid_t> local_uid(const std::string& user, const char* file) {
  const File passwords(std::fopen(file, "re"));
  const auto* found =
      find_entry<passwd>(passwords, ::fgetpwent, [&](const passwd& one) { return user == one.pw_name; });
  return found ? std::optional(found->pw_uid) : std::nullopt;
}

std::optional<std::string> local_user(uid_t uid, const char* file) {
  const File passwords(std::fopen(file, "re"));
  const auto* found = find_entry<passwd>(passwords, ::fgetpwent, [&](const passwd& one) { return uid == one.pw_uid; });
  return found ? std::optional<std::string>(found->pw_name) : std::nullopt;
}

std::map<std::string, uid_t> local_users(const char* file) {
  std::map<std::string, uid_t> users;
  const File passwords(std::fopen(file, "re"));
  find_entry<passwd>(passwords, ::fgetpwent, [&](const passwd& one) {
    users.emplace(one.pw_name, one.pw_uid);
    return false;
  });
  return users;
}

const std::set<std::string>& LocalHomes::look(const char* file) {
  constexpr uid_t kFirst = 1000;
  constexpr uid_t kLast = 60000;
  struct stat status{};
  if (::stat(file, &status) != 0) return homes_;
  const std::array<int64_t, 3> changed = {status.st_ctim.tv_sec, status.st_ctim.tv_nsec, status.st_size};
  if (std::exchange(seen_, changed) == changed) return homes_;
  homes_.clear();
  const File passwords(std::fopen(file, "re"));
  find_entry<passwd>(passwords, ::fgetpwent, [&](const passwd& one) {
    const std::string home = one.pw_dir;
    const auto slash = home.rfind('/');
    if (one.pw_uid >= kFirst && one.pw_uid <= kLast && slash != std::string::npos && slash > 0)
      homes_.insert(home.substr(0, slash));
    return false;
  });
  return homes_;
}

std::optional<gid_t> local_gid(const std::string& group_name, const char* file) {
  const File groups(std::fopen(file, "re"));
  const auto* found =
      find_entry<group>(groups, ::fgetgrent, [&](const group& one) { return group_name == one.gr_name; });
  return found ? std::optional(found->gr_gid) : std::nullopt;
}

}  // namespace npanel
