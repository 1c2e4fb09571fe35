// SPDX-License-Identifier: Apache-2.0
// local_names.h: what do this host's own files say about users and groups? No name service is asked: a directory server
// that does not answer would be waited for.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace npanel {

[[nodiscard]] std::optional<uid_t> local_uid(const std::string& user, const char* file = "/etc/passwd");
[[nodiscard]] std::optional<std::string> local_user(uid_t uid, const char* file = "/etc/passwd");
// All users; none where the file cannot be read.
[[nodiscard]] std::map<std::string, uid_t> local_users(const char* file = "/etc/passwd");
// Where the homes of those are that are no system users (login.defs(5): UID_MIN 1000, UID_MAX 60000): the directories
// above them, each once. Read again only when the file has changed.
class LocalHomes {
 public:
  [[nodiscard]] const std::set<std::string>& look(const char* file = "/etc/passwd");

 private:
  std::array<int64_t, 3> seen_ = {};  // when it changed, in s and ns, and its size
  std::set<std::string> homes_;
};
[[nodiscard]] std::optional<gid_t> local_gid(const std::string& group_name, const char* file = "/etc/group");

}  // namespace npanel
