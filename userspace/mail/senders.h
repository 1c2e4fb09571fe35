// SPDX-License-Identifier: Apache-2.0
// senders.h: whose mail is it?
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/config.h"
#include "kernel/connection_opener.h"
#include "mail/account_map.h"
#include "mail/policy_request.h"
#include "model/net.h"
#include "model/unattributed.h"

namespace npanel {

struct Whose {
  std::optional<std::string> account = {};
  Nobody why = Nobody::unknown;   // where there is no account
  std::optional<uid_t> uid = {};  // of the process, where it is known
};

// The first that knows, and what comes later is never asked because what came before gave no account:
//   1. the login that the MTA has authenticated: by users_map, or it is an account's name, or domains_map has its
//   domain
//   2. who called sendmail, or which process of this host opened the SMTP connection: the kernel's word
//   3. for hosts of mail.relays only, without a login: the domain of the envelope's sender, by domains_map
// Else it is nobody's. What a client may write as it likes names nobody's account, but where the administrator has said
// whom to believe.
class Senders {
 public:
  // What others know.
  struct Lookups {
    std::function<bool(const std::string& account)> exists;
    std::function<std::optional<std::string>(uint32_t slot)> owner_of;
    std::function<std::optional<uint32_t>(uid_t)> slot_of_user;         // who calls sendmail
    std::function<std::optional<Opener>(const PolicyRequest&)> opener;  // nullopt: the kernel knows no such connection
    std::function<std::optional<bool>(const NetAddress& address)> is_local;  // nullopt: the kernel did not say
  };
  explicit Senders(Lookups lookups) : lookups_(std::move(lookups)) {}

  // `system`: users whose processes are the system's own, besides root.
  void configure(const Config& config, std::set<uid_t> system);
  // Reads maps that have changed, or have come. What is wrong with them and with mail.relays, one sentence each, once.
  [[nodiscard]] std::vector<std::string> refresh();

  [[nodiscard]] Whose find(const PolicyRequest& request) const;

 private:
  [[nodiscard]] std::optional<std::string> by_login(const std::string& login) const;
  [[nodiscard]] std::optional<std::string> by_domain_of(const std::string& address) const;
  [[nodiscard]] Whose of_process(const PolicyRequest& request) const;
  [[nodiscard]] Whose of_connection(const PolicyRequest& request) const;
  [[nodiscard]] Whose of_opener(const Opener& opener) const;
  [[nodiscard]] Whose of_relayed(const PolicyRequest& request) const;
  [[nodiscard]] bool is_relay(const NetAddress& client) const;
  [[nodiscard]] std::optional<std::string> if_exists(std::optional<std::string> account) const;

  Lookups lookups_;
  AccountMap users_;
  AccountMap domains_;
  std::vector<np_smtp_net> relays_;
  std::set<uid_t> system_;
  std::vector<std::string> complaints_;
};

}  // namespace npanel
