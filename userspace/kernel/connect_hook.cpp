// SPDX-License-Identifier: Apache-2.0
#include "kernel/connect_hook.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "connect.skel.h"
#include "kernel/bpf_map.h"
#include "kernel/bpf_object.h"
#include "kernel/links.h"

namespace npanel {
namespace {

constexpr const char* kOver = "over";  // the pin of np_smtp_over

using RingPtr = std::unique_ptr<ring_buffer, decltype([](ring_buffer* ring) { ring_buffer__free(ring); })>;
using RefusalHandler = std::function<void(const np_smtp_refusal&)>;

// Each load has a map of its own for them, which is full before a program that reads it is behind a hook: what cannot
// be carried out has changed nothing.
constexpr const char* kAllow = "np_smtp_allow";

Result<void> write_allowed(const np_connect_bpf& skeleton, const std::vector<np_smtp_net>& allow) {
  const __u32 yes = 1;
  for (const np_smtp_net& net : allow) NP_TRY(store(skeleton.maps.np_smtp_allow, net, yes));
  return {};
}

void set_constants(np_connect_bpf& skeleton, const SmtpRules& rules, int account_level) {
  auto& constants = *skeleton.rodata;
  std::ranges::fill(constants.np_ports, __u16{0});
  std::ranges::copy(rules.ports, constants.np_ports);
  std::ranges::copy(rules.exempt_uids, constants.np_exempt);
  constants.np_exempt_count = static_cast<__u32>(rules.exempt_uids.size());
  constants.np_has_allow = !rules.allow.empty();
  constants.np_mta4 = htonl(INADDR_LOOPBACK);
  std::memcpy(constants.np_mta6, &in6addr_loopback, sizeof(in6addr_loopback));
  constants.np_mta_port = rules.redirect_port;
  constants.np_account_level = account_level;
}

struct Swap {
  bpf_link* link;
  const bpf_program* from;
  const bpf_program* to;
  const char* what;
};

int put_behind(const Swap& swap, const bpf_program* program) {
  return bpf_link__update_program(swap.link, const_cast<bpf_program*>(program));
}

// All of them, or none.
Result<void> swap_programs(std::span<const Swap> swaps) {
  for (size_t i = 0; i < swaps.size(); ++i) {
    const int error = put_behind(swaps[i], swaps[i].to);
    if (error == 0) continue;
    for (const Swap& done : swaps.first(i)) put_behind(done, done.from);
    return libbpf_failure(std::string("swap the program for ") + swaps[i].what, -error);
  }
  return {};
}

int hand_over(void* handler, void* record, size_t) {
  (*static_cast<const RefusalHandler*>(handler))(*static_cast<const np_smtp_refusal*>(record));
  return 0;
}

}  // namespace

struct ConnectHook::Attached {
  Pins pins;
  int account_level;
  Programs programs;
  LinkPtr over;  // np_smtp_over
  LinkPtr release;
  LinkPtr link4;
  LinkPtr link6;
  MappedValues counts;
  MappedValues total;
  UniqueFd ring_fd;  // the ring's own: the programs' goes when they are switched
  RefusalHandler handler = {};
  RingPtr ring = {};
};

ConnectHook::ConnectHook(std::unique_ptr<Attached> attached) : attached_(std::move(attached)) {}
ConnectHook::ConnectHook(ConnectHook&&) noexcept = default;
ConnectHook& ConnectHook::operator=(ConnectHook&&) noexcept = default;
ConnectHook::~ConnectHook() = default;

bool SmtpRules::operator==(const SmtpRules& other) const {
  const auto same = [](const np_smtp_net& one, const np_smtp_net& two) {
    return std::memcmp(&one, &two, sizeof(one)) == 0;
  };
  return ports == other.ports && exempt_uids == other.exempt_uids && redirect_port == other.redirect_port &&
         std::ranges::equal(allow, other.allow, same);
}

Result<ConnectHook::Programs> ConnectHook::load(const Pins& pins, const SmtpRules& rules, int account_level) {
  hear_libbpf();
  SkeletonPtr<np_connect_bpf> skeleton(np_connect_bpf::open());
  if (!skeleton) return libbpf_failure("open BPF connect", errno);
  set_constants(*skeleton, rules, account_level);
  share_maps(skeleton->obj, pins, kAllow);
  if (const int error = np_connect_bpf::load(skeleton.get()); error != 0)
    return libbpf_failure("load BPF connect", -error);
  NP_TRY(write_allowed(*skeleton, rules.allow));
  return skeleton;
}

Result<ConnectHook> ConnectHook::attach(const Pins& pins, Programs programs, int account_level, int cgroup_fd,
                                        const std::optional<std::string>& old_layout) {
  const auto& progs = programs->progs;
  const auto adopt = [&](bpf_program* program, const std::string& name) {
    const std::string pin = pins.path(name);
    return adopt_or_attach(program, cgroup_fd, old_layout ? *old_layout + "/" + name : pin, pin);
  };
  // First what counts a connection out, so that none that is counted in is missed.
  LinkPtr over = NP_TRY(attach_and_pin(progs.np_smtp_over, pins.path(kOver)));
  LinkPtr release = NP_TRY(adopt(progs.np_smtp_close, "release"));
  LinkPtr link4 = NP_TRY(adopt(progs.np_smtp_conn4, "link4"));
  LinkPtr link6 = NP_TRY(adopt(progs.np_smtp_conn6, "link6"));
  const auto& maps = programs->maps;
  MappedValues counts = NP_TRY(MappedValues::map(bpf_map__fd(maps.np_smtp_count), sizeof(np_smtp_count), NP_BUDGETS));
  MappedValues total = NP_TRY(MappedValues::map(bpf_map__fd(maps.np_smtp_total), sizeof(np_smtp_total), 1));
  UniqueFd ring_fd(::fcntl(bpf_map__fd(maps.np_smtp_ring), F_DUPFD_CLOEXEC, 3));
  auto attached = std::make_unique<Attached>(pins, account_level, std::move(programs), std::move(over),
                                             std::move(release), std::move(link4), std::move(link6), std::move(counts),
                                             std::move(total), std::move(ring_fd));
  attached->ring.reset(ring_buffer__new(attached->ring_fd.get(), hand_over, &attached->handler, nullptr));
  if (!attached->ring) return libbpf_failure("open the ring of refusals", errno);
  return ConnectHook(std::move(attached));
}

Result<ConnectHook::Programs> ConnectHook::prepare(const SmtpRules& rules) const {
  return load(attached_->pins, rules, attached_->account_level);
}

Result<ConnectHook::Programs> ConnectHook::switch_to(Programs programs) {
  LinkPtr over = NP_TRY(attach_and_pin(programs->progs.np_smtp_over, attached_->pins.path(kOver)));
  attached_->over = std::move(over);
  const auto& before = attached_->programs->progs;
  const std::array swaps = {
      Swap{attached_->release.get(), before.np_smtp_close, programs->progs.np_smtp_close, "closed sockets"},
      Swap{attached_->link4.get(), before.np_smtp_conn4, programs->progs.np_smtp_conn4, "IPv4"},
      Swap{attached_->link6.get(), before.np_smtp_conn6, programs->progs.np_smtp_conn6, "IPv6"}};
  NP_TRY(swap_programs(swaps));
  return std::exchange(attached_->programs, std::move(programs));
}

Result<int> ConnectHook::set_limit(uint32_t slot, const np_smtp_limit& limit) {
  return set_if_different(attached_->programs->maps.np_smtp_limit, slot, limit);
}

std::optional<np_smtp_limit> ConnectHook::limit(uint32_t slot) const {
  return lookup<np_smtp_limit>(attached_->programs->maps.np_smtp_limit, slot);
}

Result<void> ConnectHook::remove_limit(uint32_t slot) {
  return store(attached_->programs->maps.np_smtp_limit, slot, np_smtp_limit{});
}

np_smtp_count ConnectHook::count(uint32_t slot) const {
  return attached_->counts.as<np_smtp_count>()[slot];
}

Result<void> ConnectHook::reset_count(uint32_t slot) {
  return store(attached_->programs->maps.np_smtp_count, slot, np_smtp_count{});
}

np_smtp_total ConnectHook::total() const {
  return attached_->total.as<np_smtp_total>()[0];
}

Result<void> ConnectHook::set_records_a_second(uint32_t most) {
  const np_smtp_shed shed{.records = NP_SMTP_RECORDS_A_SECOND - std::min(most, NP_SMTP_RECORDS_A_SECOND),
                          .reserved = 0};
  return store(attached_->programs->maps.np_smtp_shed, __u32{0}, shed);
}

int ConnectHook::refusals_fd() const {
  return ring_buffer__epoll_fd(attached_->ring.get());
}

Result<void> ConnectHook::drain_refusals(const RefusalHandler& each) {
  attached_->handler = each;
  const int got = ring_buffer__consume(attached_->ring.get());
  if (got < 0) return errno_failure("read the ring of refusals", -got);
  return {};
}

std::vector<int> ConnectHook::program_fds() const {
  return program_fds_of(attached_->programs->obj);
}

std::vector<int> ConnectHook::map_fds() const {
  return map_fds_of(attached_->programs->obj);
}

}  // namespace npanel
