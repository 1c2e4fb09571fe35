// SPDX-License-Identifier: Apache-2.0
#include "mail/senders.h"

#include <algorithm>
#include <utility>

#include "mail/domain_name.h"

namespace npanel {
namespace {

constexpr uid_t kRoot = 0;
constexpr uint32_t kOneAddress = 128;  // bits

// A map of the same name keeps what is known: a reload while its file is away must not forget whose mail it is.
void follow(AccountMap& map, const std::string& path, AccountMap::Keys keys) {
  if (map.path() != path) map = AccountMap(path, keys);
}

}  // namespace

void Senders::configure(const Config& config, std::set<uid_t> system) {
  system_ = std::move(system);
  system_.insert(kRoot);
  follow(users_, config.users_map, AccountMap::Keys::logins);
  follow(domains_, config.domains_map, AccountMap::Keys::domains);
  relays_.clear();
  for (const std::string& text : config.mail_relays) {
    const auto net = parse_net(text);
    if (!net) continue;  // was checked with the configuration
    NetAddress address{};
    std::ranges::copy(net->address, address.begin());
    if (net->prefix == kOneAddress && lookups_.is_local(address).value_or(false))
      complaints_.push_back("mail.relays: " + text +
                            " is this host's own address: its mail is by process, not by sender");
    relays_.push_back(*net);
  }
  for (std::string& complaint : refresh()) complaints_.push_back(std::move(complaint));
}

std::vector<std::string> Senders::refresh() {
  std::vector<std::string> complaints = std::exchange(complaints_, {});
  for (AccountMap* map : {&users_, &domains_})
    for (std::string& complaint : map->refresh()) complaints.push_back(std::move(complaint));
  return complaints;
}

Whose Senders::find(const PolicyRequest& request) const {
  const std::string& login = request.sasl_username;
  if (auto account = by_login(login)) return {.account = std::move(account)};
  Whose process = of_process(request);
  if (!process.account && !login.empty()) process.why = Nobody::login;
  return process;
}

std::optional<std::string> Senders::if_exists(std::optional<std::string> account) const {
  return account && lookups_.exists(*account) ? account : std::nullopt;
}

std::optional<std::string> Senders::by_login(const std::string& login) const {
  if (login.empty()) return std::nullopt;
  if (auto mapped = users_.find_login(login)) return if_exists(std::move(mapped));
  // "Bob" may be an account of its own; but most systems' logins have no case.
  for (const std::string& name : {login, lower_ascii(login)})
    if (auto named = if_exists(name)) return named;
  const auto realmed = split_login(login);
  return realmed ? if_exists(domains_.find_domain(realmed->domain)) : std::nullopt;
}

Whose Senders::of_process(const PolicyRequest& request) const {
  if (!request.uid) return of_connection(request);
  return of_opener({.slot = lookups_.slot_of_user(*request.uid), .uid = *request.uid});
}

Whose Senders::of_connection(const PolicyRequest& request) const {
  if (const auto opener = lookups_.opener(request)) return of_opener(*opener);
  const auto client = parse_net_address(request.client_address);
  // Who is not known to be elsewhere is here: "unknown" is what Postfix says of a client that has gone already.
  if (!client || lookups_.is_local(*client).value_or(true)) return {.why = Nobody::unknown};
  return is_relay(*client) && request.sasl_username.empty() ? of_relayed(request) : Whose{.why = Nobody::outside};
}

Whose Senders::of_opener(const Opener& opener) const {
  if (!opener.slot) return {.why = system_.contains(opener.uid) ? Nobody::system : Nobody::process, .uid = opener.uid};
  // What is left of a deleted account is nobody's, and not the system's either.
  return {.account = if_exists(lookups_.owner_of(*opener.slot)), .why = Nobody::process, .uid = opener.uid};
}

Whose Senders::of_relayed(const PolicyRequest& request) const {
  return {.account = by_domain_of(request.sender), .why = Nobody::relay};
}

bool Senders::is_relay(const NetAddress& client) const {
  return std::ranges::any_of(relays_, [&](const np_smtp_net& net) { return contains(net, client); });
}

std::optional<std::string> Senders::by_domain_of(const std::string& address) const {
  const size_t at = address.rfind('@');
  if (at == std::string::npos) return std::nullopt;
  return if_exists(domains_.find_domain(std::string_view(address).substr(at + 1)));
}

}  // namespace npanel
