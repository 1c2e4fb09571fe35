// SPDX-License-Identifier: Apache-2.0
// subuids.h: whose are the uids that run in user namespaces?
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kernel/smtp_programs.h"

namespace npanel {

// From /etc/subuid (subuid(5)), which names users or uids. A user is the account of that name, else the account that
// has the uid of the user of that name in /etc/passwd: both files are local, so that reading them waits for nobody.
class Subuids {
 public:
  struct Account {
    std::string name;
    uint32_t slot;
    std::optional<uid_t> uid;
  };
  explicit Subuids(std::string subuid = "/etc/subuid", std::string passwd = "/etc/passwd")
      : subuid_(std::move(subuid)), passwd_(std::move(passwd)) {}

  // Accounts have come, gone or changed their uid.
  void look_again() { version_ = kNever; }
  // Has something changed since owners() was asked?
  [[nodiscard]] bool is_stale() const;
  [[nodiscard]] std::vector<Identity::Subuids> owners(const std::vector<Account>& accounts);
  // What is wrong with the file, once.
  [[nodiscard]] std::vector<std::string> take_complaints() { return std::exchange(complaints_, {}); }

 private:
  using Version = std::pair<int64_t, int64_t>;  // when the file was changed, and how large it was
  static constexpr Version kNever{-1, -1};
  [[nodiscard]] Version version() const;

  std::string subuid_;
  std::string passwd_;
  Version version_ = kNever;
  std::vector<std::string> told_;
  std::vector<std::string> complaints_;
};

}  // namespace npanel
