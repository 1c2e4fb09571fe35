// SPDX-License-Identifier: Apache-2.0
#include "agent/senders.h"

#include <utility>

namespace npanel {
namespace {

template <class Map, class Key>
std::optional<std::string> value_of(const Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

void Senders::configure(const Config& config) {
  ways_ = config.account_by;
  users_path_ = config.users_map;
  domains_path_ = config.domains_map;
  read(users_, users_path_);
  read(domains_, domains_path_);
  if (auto sockets = SocketOwners::open())
    sockets_.emplace(std::move(*sockets));
  else
    complaints_.push_back("who opened a connection is not known: " + sockets.error().text);
}

void Senders::read(AccountMap& map, const std::string& path) {
  if (path.empty()) {
    map = {};
    return;
  }
  auto fresh = AccountMap::read(path);
  if (!fresh) {  // what was known stays
    complaints_.push_back(fresh.error().text);
    return;
  }
  map = std::move(*fresh);
  complaints_.insert(complaints_.end(), map.complaints().begin(), map.complaints().end());
}

std::vector<std::string> Senders::refresh() {
  if (users_.is_stale()) read(users_, users_path_);
  if (domains_.is_stale()) read(domains_, domains_path_);
  return std::exchange(complaints_, {});
}

void Senders::know(const std::string& account, std::optional<uid_t> uid, std::optional<uint64_t> cgroup_id) {
  if (uid) by_uid_.insert_or_assign(*uid, account);
  if (cgroup_id) by_cgroup_.insert_or_assign(*cgroup_id, account);
}

void Senders::forget(const std::string& account) {
  std::erase_if(by_uid_, [&](const auto& known) { return known.second == account; });
  std::erase_if(by_cgroup_, [&](const auto& known) { return known.second == account; });
}

std::optional<std::string> Senders::find(const PolicyRequest& request, const ByName& exists) const {
  for (const std::string& way : ways_) {
    std::optional<std::string> account;
    if (way == "sasl") account = by_login(request.sasl_username, exists);
    if (way == "uid") account = by_process(request);
    if (way == "sender") account = by_sender(request);
    if (account && exists(*account)) return account;
  }
  return std::nullopt;
}

std::optional<std::string> Senders::by_login(const std::string& login, const ByName& exists) const {
  if (login.empty()) return std::nullopt;
  if (auto mapped = users_.find(login)) return mapped;
  if (exists(login)) return login;
  return by_domain(login);
}

std::optional<std::string> Senders::by_process(const PolicyRequest& request) const {
  if (request.uid) return value_of(by_uid_, *request.uid);
  if (!sockets_ || request.client_port == 0) return std::nullopt;
  const auto owner =
      sockets_->find(request.client_address, request.client_port, request.server_address, request.server_port);
  if (!owner) return std::nullopt;
  if (owner->cgroup_id)
    if (auto account = value_of(by_cgroup_, *owner->cgroup_id)) return account;
  return value_of(by_uid_, owner->uid);
}

// An outsider may write to us in anybody's name: he has no account, and must not use up one's.
std::optional<std::string> Senders::by_sender(const PolicyRequest& request) const {
  const std::string& client = request.client_address;
  const bool local = client.empty() || client.starts_with("127.") || client == "::1";
  if (!local && request.sasl_username.empty()) return std::nullopt;
  return by_domain(request.sender);
}

std::optional<std::string> Senders::by_domain(const std::string& address) const {
  const size_t at = address.rfind('@');
  if (at == std::string::npos) return std::nullopt;
  return domains_.find(std::string_view(address).substr(at + 1));
}

}  // namespace npanel
