// SPDX-License-Identifier: Apache-2.0
#include "mail/policy_access.h"

#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include <algorithm>
#include <optional>

#include "base/local_names.h"

namespace npanel {
namespace {

// As acl(5) has them on disk: little-endian, sorted by tag and id.
std::vector<posix_acl_xattr_entry> entries_for(const std::set<uid_t>& uids) {
  constexpr uint16_t kReadWrite = ACL_READ | ACL_WRITE;
  const auto entry = [](uint16_t tag, uint16_t may, uint32_t id = static_cast<uint32_t>(ACL_UNDEFINED_ID)) {
    return posix_acl_xattr_entry{.e_tag = htole16(tag), .e_perm = htole16(may), .e_id = htole32(id)};
  };
  std::vector<posix_acl_xattr_entry> entries{entry(ACL_USER_OBJ, kReadWrite)};
  for (const uid_t uid : uids) entries.push_back(entry(ACL_USER, kReadWrite, uid));
  entries.push_back(entry(ACL_GROUP_OBJ, 0));
  entries.push_back(entry(ACL_MASK, kReadWrite));
  entries.push_back(entry(ACL_OTHER, 0));
  return entries;
}

std::optional<std::string> path_of(const UniqueFd& socket) {
  sockaddr_un address{};
  socklen_t bytes = sizeof(address);
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &bytes) != 0 || address.sun_path[0] != '/')
    return std::nullopt;
  return std::string(address.sun_path, ::strnlen(address.sun_path, sizeof(address.sun_path)));
}

bool is_same(const struct stat& one, const struct stat& other) {
  return one.st_ino == other.st_ino && one.st_size == other.st_size && one.st_mtim.tv_sec == other.st_mtim.tv_sec &&
         one.st_mtim.tv_nsec == other.st_mtim.tv_nsec;
}

}  // namespace

std::set<uid_t> uids_of(const std::vector<std::string>& users, const std::string& passwd) {
  std::set<uid_t> uids;
  for (const auto& [user, uid] : local_users(passwd.c_str()))
    if (std::ranges::find(users, user) != users.end()) uids.insert(uid);
  return uids;
}

Result<void> admit_only(const std::string& path, const std::set<uid_t>& uids) {
  const auto entries = entries_for(uids);
  const posix_acl_xattr_header header{.a_version = htole32(POSIX_ACL_XATTR_VERSION)};
  std::string list(reinterpret_cast<const char*>(&header), sizeof(header));
  list.append(reinterpret_cast<const char*>(entries.data()), entries.size() * sizeof(entries.front()));
  if (::lsetxattr(path.c_str(), "system.posix_acl_access", list.data(), list.size(), 0) != 0)
    return errno_failure("let the MTA connect to " + path, errno);
  return {};
}

PolicyAccess::PolicyAccess(std::span<const UniqueFd> sockets, std::vector<std::string> users, std::string passwd)
    : users_(std::move(users)), passwd_(std::move(passwd)) {
  for (const UniqueFd& socket : sockets)
    if (auto path = path_of(socket)) paths_.push_back(std::move(*path));
}

void PolicyAccess::set_users(std::vector<std::string> users) {
  users_ = std::move(users);
  fresh_ = true;
}

bool PolicyAccess::look() {
  struct stat now{};
  if (::stat(passwd_.c_str(), &now) != 0 || (is_same(now, seen_) && !fresh_)) return false;
  seen_ = now;
  fresh_ = false;
  uids_ = uids_of(users_, passwd_);
  admit();
  return true;
}

void PolicyAccess::admit() {
  complaints_.clear();
  for (const std::string& path : paths_) {
    const auto admitted = admit_only(path, uids_);
    if (admitted) continue;
    // Who may ask is still asked of the kernel for each connection; shut, the socket would let all mail pass uncounted.
    const bool open = admitted.error().code == EOPNOTSUPP && ::chmod(path.c_str(), 0666) == 0;
    complaints_.push_back("mail: " + admitted.error().text +
                          (open ? ": everybody may connect, and is hung up on" : ": its mail may pass uncounted"));
  }
}

}  // namespace npanel
