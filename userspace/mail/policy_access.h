// SPDX-License-Identifier: Apache-2.0
// policy_access.h: who may connect to the policy sockets?
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace npanel {

// The uids that /etc/passwd gives these users; it is read, and no other source is asked, which may keep us waiting.
[[nodiscard]] std::set<uid_t> uids_of(const std::vector<std::string>& users, const std::string& passwd);

// Root and these users may connect to the Unix socket of that path, by its access list: an MTA needs no group for it,
// and no restart. EOPNOTSUPP: its file system keeps no access lists.
[[nodiscard]] Result<void> admit_only(const std::string& path, const std::set<uid_t>& uids);

// Keeps the sockets open for the users by these names, who may come with an MTA that is installed later.
class PolicyAccess {
 public:
  PolicyAccess(std::span<const UniqueFd> sockets, std::vector<std::string> users, std::string passwd = "/etc/passwd");

  void set_users(std::vector<std::string> users);
  // True when uids() may have changed: /etc/passwd has, or the users have.
  bool look();
  [[nodiscard]] const std::set<uid_t>& uids() const { return uids_; }
  [[nodiscard]] const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  void admit();
  std::vector<std::string> paths_;
  std::vector<std::string> users_;
  std::string passwd_;
  struct ::stat seen_{};
  bool fresh_ = true;
  std::set<uid_t> uids_;
  std::vector<std::string> complaints_;
};

}  // namespace npanel
