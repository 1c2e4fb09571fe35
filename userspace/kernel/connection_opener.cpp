// SPDX-License-Identifier: Apache-2.0
#include "kernel/connection_opener.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/unique_fd.h"
#include "kernel/bpf_map.h"
#include "kernel/bpf_object.h"
#include "kernel/links.h"
#include "kernel/pins.h"
#include "npanel/mail.h"
#include "opener.skel.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71  // Linux 5.14
#endif

namespace npanel {
namespace {

constexpr const char* kByFunction = "opened";
constexpr const char* kByStep = "opened_step";

bool parse_address(const std::string& text, __u32 (&words)[4]) {
  if (::inet_pton(AF_INET6, text.c_str(), words) == 1) return true;
  words[0] = words[1] = 0;
  words[2] = htonl(0xffff);  // RFC 4291, 2.5.5.2
  return ::inet_pton(AF_INET, text.c_str(), &words[3]) == 1;
}

Result<uint64_t> own_netns() {
  const UniqueFd any(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  // The kernel asks for nothing else than a socket, whose family the service's unit may not allow: a Unix one does.
  const UniqueFd other(any.valid() ? -1 : ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  uint64_t cookie = 0;
  socklen_t length = sizeof(cookie);
  const int socket = any.valid() ? any.get() : other.get();
  if (::getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) != 0)
    return errno_failure("ask for the network namespace", errno);
  return cookie;
}

Result<SkeletonPtr<np_opener_bpf>> load(const Pins& pins, const ConnectionOpeners::Options& options, bool by_function) {
  hear_libbpf();
  SkeletonPtr<np_opener_bpf> skeleton(np_opener_bpf::open());
  if (!skeleton) return libbpf_failure("open BPF opener", errno);
  std::ranges::fill(skeleton->rodata->np_ports, __u16{0});
  std::ranges::copy(options.ports, skeleton->rodata->np_ports);
  skeleton->rodata->np_mta_port = options.redirect_port;
  skeleton->rodata->np_account_level = options.account_level;
  skeleton->rodata->np_netns = NP_TRY(own_netns());
  bpf_program__set_autoload(skeleton->progs.np_opened, by_function);
  bpf_program__set_autoload(skeleton->progs.np_opened_ops, !by_function);
  share_maps(skeleton->obj, pins);
  if (const int error = np_opener_bpf::load(skeleton.get()); error != 0)
    return libbpf_failure("load BPF opener", -error);
  return skeleton;
}

}  // namespace

std::optional<np_connection> parse_connection(const std::string& client_address, uint16_t client_port,
                                              const std::string& server_address, uint16_t server_port) {
  np_connection connection{};
  connection.client_port = client_port;
  connection.server_port = server_port;
  if (client_port == 0 || server_port == 0) return std::nullopt;
  if (!parse_address(client_address, connection.client)) return std::nullopt;
  if (!parse_address(server_address, connection.server)) return std::nullopt;
  return connection;
}

struct ConnectionOpeners::Attached {
  SkeletonPtr<np_opener_bpf> skeleton;
  LinkPtr link;
  bool by_function;
};

ConnectionOpeners::ConnectionOpeners(std::unique_ptr<Attached> attached) : attached_(std::move(attached)) {}
ConnectionOpeners::ConnectionOpeners(ConnectionOpeners&&) noexcept = default;
ConnectionOpeners& ConnectionOpeners::operator=(ConnectionOpeners&&) noexcept = default;
ConnectionOpeners::~ConnectionOpeners() = default;

// The cheaper way where the kernel lets us: probed by trying.
Result<ConnectionOpeners> ConnectionOpeners::attach(const Options& options) {
  const Pins pins = NP_TRY(Pins::make(options.pin_dir));
  if (auto skeleton = load(pins, options, true)) {
    if (auto link = attach_and_pin((*skeleton)->progs.np_opened, pins.path(kByFunction))) {
      ::unlink(pins.path(kByStep).c_str());
      return ConnectionOpeners(std::make_unique<Attached>(std::move(*skeleton), std::move(*link), true));
    }
  }
  SkeletonPtr<np_opener_bpf> skeleton = NP_TRY(load(pins, options, false));
  const std::string pin = pins.path(kByStep);
  LinkPtr link = NP_TRY(adopt_or_attach(skeleton->progs.np_opened_ops, options.cgroup_fd, pin, pin));
  return ConnectionOpeners(std::make_unique<Attached>(std::move(skeleton), std::move(link), false));
}

std::optional<Opener> ConnectionOpeners::find(const np_connection& connection) const {
  const auto& maps = attached_->skeleton->maps;
  const auto found = lookup<np_opener>(maps.np_opener, connection);
  if (!found) return std::nullopt;
  Opener opener{.slot = std::nullopt, .uid = found->uid};
  if (found->slot >= NP_SLOTS) return opener;
  const auto budget = lookup<np_mail_budget>(maps.np_mail_budget, found->slot, BPF_F_LOCK);
  if (budget && budget->generation == found->generation) opener.slot = found->slot;
  return opener;
}

bool ConnectionOpeners::by_function() const {
  return attached_->by_function;
}

std::vector<int> ConnectionOpeners::program_fds() const {
  return program_fds_of(attached_->skeleton->obj);
}

std::vector<int> ConnectionOpeners::map_fds() const {
  return {bpf_map__fd(attached_->skeleton->maps.np_opener)};
}

}  // namespace npanel
