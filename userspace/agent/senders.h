// SPDX-License-Identifier: Apache-2.0
// senders.h: whose mail is it?
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/config.h"
#include "kernel/socket_owner.h"
#include "mail/account_map.h"
#include "mail/policy_request.h"

namespace npanel {

// In the order of mail.account_by, the first that knows:
//   sasl    the login that the MTA has authenticated: by users_map, or it is an account's name, or domains_map has its
//           domain
//   uid     who called sendmail, or whose process on this host opened the SMTP connection: the kernel's word, by the
//           cgroup of the socket and else by its uid
//   sender  the envelope sender's domain, by domains_map, of mail from this host or with a login: the client's own
//   word, so
//           it comes last
class Senders {
 public:
  using ByName = std::function<bool(const std::string& account)>;  // is there such an account?

  // Reads the maps; a map that cannot be read is a complaint, and knows nobody.
  void configure(const Config& config);
  // Reads maps that have changed. What is wrong with them, one sentence each, once.
  [[nodiscard]] std::vector<std::string> refresh();

  // An account's process is known by these.
  void know(const std::string& account, std::optional<uid_t> uid, std::optional<uint64_t> cgroup_id);
  void forget(const std::string& account);

  [[nodiscard]] std::optional<std::string> find(const PolicyRequest& request, const ByName& exists) const;

 private:
  void read(AccountMap& map, const std::string& path);
  [[nodiscard]] std::optional<std::string> by_login(const std::string& login, const ByName& exists) const;
  [[nodiscard]] std::optional<std::string> by_process(const PolicyRequest& request) const;
  [[nodiscard]] std::optional<std::string> by_sender(const PolicyRequest& request) const;
  [[nodiscard]] std::optional<std::string> by_domain(const std::string& address) const;

  std::vector<std::string> ways_;
  std::string users_path_;
  std::string domains_path_;
  AccountMap users_;
  AccountMap domains_;
  std::vector<std::string> complaints_;
  std::optional<SocketOwners> sockets_;
  std::unordered_map<uid_t, std::string> by_uid_;
  std::unordered_map<uint64_t, std::string> by_cgroup_;
};

}  // namespace npanel
