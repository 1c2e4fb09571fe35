// SPDX-License-Identifier: Apache-2.0
#include "kernel/smtp_guard.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <set>

#include "base/clock.h"
#include "kernel/bpf_map.h"
#include "kernel/bpf_object.h"
#include "kernel/links.h"
#include "kernel/pins.h"
#include "kernel/smtp_move.h"
#include "kernel/smtp_recount.h"
#include "smtp.skel.h"

namespace npanel {
namespace {

constexpr const char* kOver = "over";  // the pin of np_smtp_over
constexpr const char* kAllow = "np_smtp_allow";
constexpr uint32_t kRecountSlots = 400;  // at once: half a millisecond

np_smtp_mode kernel_mode(SmtpMode mode) {
  if (mode == SmtpMode::off) return NP_SMTP_OFF;
  return mode == SmtpMode::observe ? NP_SMTP_OBSERVE : NP_SMTP_ENFORCE;
}

SmtpLimit smtp_limit_in(const np_smtp_limit& limit) {
  SmtpMode mode = SmtpMode::off;
  if (limit.mode == NP_SMTP_OBSERVE) mode = SmtpMode::observe;
  if (limit.mode == NP_SMTP_ENFORCE) mode = limit.step == NP_SMTP_REDIRECT ? SmtpMode::redirect : SmtpMode::enforce;
  return {.per_minute = limit.per_minute, .burst = limit.burst, .mode = mode};
}

using RingPtr = std::unique_ptr<ring_buffer, decltype([](ring_buffer* ring) { ring_buffer__free(ring); })>;
using RefusalHandler = std::function<void(const np_smtp_refusal&)>;

Result<int> write_gates(const np_smtp_bpf& skeleton, const FeatureTable& gates) {
  int written = 0;
  for (__u32 feature = 0; feature < gates.size(); ++feature)
    written += NP_TRY(make_say(skeleton.maps.np_gate, feature, gates[feature]));
  return written;
}

// Removes the key only where it still belongs to this slot: a uid may have gone to another account.
template <class Key>
Result<void> erase_own(const bpf_map* map, const Key& key, uint32_t slot) {
  if (lookup<uint32_t>(map, key) != slot) return {};
  return erase(map, key);
}

void put_cached(MappedValues& cache, uint64_t cgroup, uint32_t slot) {
  const uint64_t word = np_acct_cache_word(cgroup, slot);
  if (word >> NP_ACCT_CACHE_BITS != cgroup) return;  // too long an id: found by the hash
  uint64_t& place = cache.as<uint64_t>()[np_acct_cache_index(cgroup)];
  if (place == 0 || place >> NP_ACCT_CACHE_BITS == cgroup) __atomic_store_n(&place, word, __ATOMIC_RELEASE);
}

// After they have been erased from the hash.
template <class Which>
void forget_cached(MappedValues& cache, Which which) {
  for (uint64_t& place : cache.as<uint64_t>())
    if (place != 0 && which(place >> NP_ACCT_CACHE_BITS)) __atomic_store_n(&place, 0, __ATOMIC_RELEASE);
}

struct ByBytes {
  template <class Key>
  bool operator()(const Key& one, const Key& other) const {
    return std::memcmp(&one, &other, sizeof(one)) < 0;
  }
};

// Each load has a map of its own for them, which is full before a program that reads it is behind a hook: what cannot
// be carried out has changed nothing.
bool is_of_one_load(const bpf_map* map) {
  return std::string_view(bpf_map__name(map)) == kAllow;
}

Result<void> write_allowed(const np_smtp_bpf& skeleton, const std::vector<np_smtp_net>& allow) {
  const __u32 yes = 1;
  for (const np_smtp_net& net : allow) NP_TRY(store(skeleton.maps.np_smtp_allow, net, yes));
  return {};
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

Result<SkeletonPtr<np_smtp_bpf>> load(const Pins& pins, const SmtpRules& rules, int account_level) {
  hear_libbpf();
  SkeletonPtr<np_smtp_bpf> skeleton(np_smtp_bpf::open());
  if (!skeleton) return libbpf_failure("open BPF smtp", errno);
  std::ranges::fill(skeleton->rodata->np_ports, __u16{0});
  std::ranges::copy(rules.ports, skeleton->rodata->np_ports);
  std::ranges::copy(rules.exempt_uids, skeleton->rodata->np_exempt);
  skeleton->rodata->np_exempt_count = static_cast<__u32>(rules.exempt_uids.size());
  skeleton->rodata->np_has_allow = !rules.allow.empty();
  skeleton->rodata->np_mta4 = htonl(INADDR_LOOPBACK);
  std::memcpy(skeleton->rodata->np_mta6, &in6addr_loopback, sizeof(in6addr_loopback));
  skeleton->rodata->np_mta_port = rules.redirect_port;
  skeleton->rodata->np_account_level = account_level;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton->obj) {
    // Pinned maps of the same layout are taken over by the load, with all they hold.
    if (!bpf_map__is_internal(map) && !is_of_one_load(map))
      bpf_map__set_pin_path(map, pins.path(bpf_map__name(map)).c_str());
  }
  if (const int error = np_smtp_bpf::load(skeleton.get()); error != 0) return libbpf_failure("load BPF smtp", -error);
  NP_TRY(write_allowed(*skeleton, rules.allow));
  return skeleton;
}

int hand_over(void* handler, void* record, size_t) {
  (*static_cast<const RefusalHandler*>(handler))(*static_cast<const np_smtp_refusal*>(record));
  return 0;
}

}  // namespace

struct SmtpGuard::Attached {
  Pins pins;
  int account_level;
  std::shared_ptr<np_smtp_bpf> skeleton;
  LinkPtr link4;
  LinkPtr link6;
  LinkPtr release;
  LinkPtr over;  // np_smtp_over
  MappedValues counts;
  MappedValues mail_counts;
  MappedValues totals;
  MappedValues cache;  // np_acct_cache
  MappedValues found;  // np_smtp_found
  RefusalHandler handler;
  UniqueFd ring_fd;  // the ring's own: the skeleton's goes when the programs are swapped
  RingPtr ring;
  std::map<uint32_t, OpenCount> miscounted = {};  // when they were recounted last
  uint32_t recounted_to = 0;
};

SmtpGuard::SmtpGuard(std::unique_ptr<Attached> attached) : attached_(std::move(attached)) {}
SmtpGuard::SmtpGuard(SmtpGuard&&) noexcept = default;
SmtpGuard& SmtpGuard::operator=(SmtpGuard&&) noexcept = default;
SmtpGuard::~SmtpGuard() = default;

Result<SmtpGuard> SmtpGuard::attach(const Options& options) {
  const Pins pins = NP_TRY(Pins::make(options.pin_dir));
  const auto old_layout = NP_TRY(pins.other_layout());
  if (old_layout) pins.clear();
  SkeletonPtr<np_smtp_bpf> skeleton = NP_TRY(load(pins, options.rules, options.account_level));
  if (options.gates) NP_TRY(write_gates(*skeleton, *options.gates));
  if (old_layout) NP_TRY(close_limits(*old_layout, *skeleton));
  const auto pinned_now = [&](const char* name) { return old_layout ? *old_layout + "/" + name : pins.path(name); };
  // First what counts a connection out, so that none that is counted in is missed.
  LinkPtr over = NP_TRY(attach_and_pin(skeleton->progs.np_smtp_over, pins.path(kOver)));
  LinkPtr release = NP_TRY(
      adopt_or_attach(skeleton->progs.np_smtp_close, options.cgroup_fd, pinned_now("release"), pins.path("release")));
  LinkPtr link4 = NP_TRY(
      adopt_or_attach(skeleton->progs.np_smtp_conn4, options.cgroup_fd, pinned_now("link4"), pins.path("link4")));
  LinkPtr link6 = NP_TRY(
      adopt_or_attach(skeleton->progs.np_smtp_conn6, options.cgroup_fd, pinned_now("link6"), pins.path("link6")));
  if (old_layout) NP_TRY(take_over(*old_layout, *skeleton));
  ::unlink(pins.path(kAllow).c_str());  // what an earlier build pinned
  MappedValues counts =
      NP_TRY(MappedValues::map(bpf_map__fd(skeleton->maps.np_smtp_count), sizeof(np_smtp_count), NP_BUDGETS));
  MappedValues mail_counts =
      NP_TRY(MappedValues::map(bpf_map__fd(skeleton->maps.np_mail_count), sizeof(np_mail_count), NP_BUDGETS));
  MappedValues totals = NP_TRY(MappedValues::map(bpf_map__fd(skeleton->maps.np_smtp_total), sizeof(np_smtp_total), 1));
  MappedValues cache =
      NP_TRY(MappedValues::map(bpf_map__fd(skeleton->maps.np_acct_cache), sizeof(uint64_t), NP_ACCT_CACHE));
  MappedValues found = NP_TRY(MappedValues::map(bpf_map__fd(skeleton->maps.np_smtp_found), sizeof(uint64_t), NP_SLOTS));
  UniqueFd ring_fd(::fcntl(bpf_map__fd(skeleton->maps.np_smtp_ring), F_DUPFD_CLOEXEC, 3));
  auto attached = std::make_unique<Attached>(pins, options.account_level, std::move(skeleton), std::move(link4),
                                             std::move(link6), std::move(release), std::move(over), std::move(counts),
                                             std::move(mail_counts), std::move(totals), std::move(cache),
                                             std::move(found), RefusalHandler{}, std::move(ring_fd), RingPtr{});
  attached->ring.reset(ring_buffer__new(attached->ring_fd.get(), hand_over, &attached->handler, nullptr));
  if (!attached->ring) return libbpf_failure("open the ring of refusals", errno);
  return SmtpGuard(std::move(attached));
}

uint64_t mail_time_ns() {
  constexpr uint64_t kNsAUs = 1000;
  return static_cast<uint64_t>(steady_us()) * kNsAUs + NP_MAIL_BEFORE_BOOT_NS;
}

bool SmtpRules::operator==(const SmtpRules& other) const {
  const auto same = [](const np_smtp_net& one, const np_smtp_net& two) {
    return std::memcmp(&one, &two, sizeof(one)) == 0;
  };
  return ports == other.ports && exempt_uids == other.exempt_uids && redirect_port == other.redirect_port &&
         std::ranges::equal(allow, other.allow, same);
}

Result<SmtpGuard::Former> SmtpGuard::set_rules(const SmtpRules& rules) {
  return swap(NP_TRY(load(attached_->pins, rules, attached_->account_level)));
}

Result<void> SmtpGuard::put_back(Former former) {
  NP_TRY(swap(std::move(former)));
  return {};
}

Result<SmtpGuard::Former> SmtpGuard::swap(Former fresh) {
  LinkPtr over = NP_TRY(attach_and_pin(fresh->progs.np_smtp_over, attached_->pins.path(kOver)));
  attached_->over = std::move(over);
  const auto& before = attached_->skeleton->progs;
  const std::array swaps = {
      Swap{attached_->release.get(), before.np_smtp_close, fresh->progs.np_smtp_close, "closed sockets"},
      Swap{attached_->link4.get(), before.np_smtp_conn4, fresh->progs.np_smtp_conn4, "IPv4"},
      Swap{attached_->link6.get(), before.np_smtp_conn6, fresh->progs.np_smtp_conn6, "IPv6"}};
  NP_TRY(swap_programs(swaps));
  return std::exchange(attached_->skeleton, std::move(fresh));
}

FeatureTable SmtpGuard::gates() const {
  FeatureTable gates{};
  for (__u32 feature = 0; feature < gates.size(); ++feature)
    gates[feature] = lookup<np_gate>(attached_->skeleton->maps.np_gate, feature).value_or(np_gate{});
  return gates;
}

Result<int> SmtpGuard::set_gates(const FeatureTable& gates) {
  return write_gates(*attached_->skeleton, gates);
}

// Three levels in all: the kernel looks at no more. A parent without limits is one that is still to come.
Result<void> SmtpGuard::check_parent(uint32_t slot, uint32_t parent) const {
  const auto wrong = [&](const char* why) { return refused("parent", "slot " + std::to_string(parent) + " " + why); };
  if (parent >= NP_SLOTS) return wrong("is no account's");
  if (parent == slot) return wrong("is the account's own");
  const uint32_t above = mail_limit(parent).parent;
  if (above == 0) return {};
  if (above == slot + 1) return wrong("has this account above it");
  if (mail_limit(above - 1).parent != 0) return wrong("would be the fourth level");
  return {};
}

Result<int> SmtpGuard::set(const Account& account, const MailLimits& mail, std::optional<uint64_t> cgroup_id,
                           np_override override, std::optional<uint32_t> parent) {
  const auto& maps = attached_->skeleton->maps;
  const __u32 place =
      np_rollout_place(account.name.data(), static_cast<__u32>(account.name.size()), NP_EMAIL_RATE_LIMITING);
  const np_smtp_limit limit{
      .per_minute = account.smtp.per_minute,
      .burst = account.smtp.burst,
      .mode = kernel_mode(account.smtp.mode),
      .place = static_cast<__u16>(place),
      .override = static_cast<__u16>(override),
      .connections = static_cast<__u32>(mail.connections.value_or(0)),
      .step = account.smtp.mode == SmtpMode::redirect ? __u32{NP_SMTP_REDIRECT} : __u32{NP_SMTP_LIMIT}};
  np_mail_limit mail_limit = kernel_limit(mail);
  if (parent) {
    NP_TRY(check_parent(account.slot, *parent));
    mail_limit.parent = *parent + 1;
    mail_limit.parent_generation = budget(*parent).generation;
  }
  int written = NP_TRY(make_say(maps.np_mail_limit, account.slot, mail_limit));
  written += NP_TRY(make_say(maps.np_smtp_limit, account.slot, limit));
  if (cgroup_id) {
    written += NP_TRY(make_say(maps.np_acct_cgroup, *cgroup_id, account.slot));
    put_cached(attached_->cache, *cgroup_id, account.slot);
  }
  if (account.uid) written += NP_TRY(make_say(maps.np_acct_uid, *account.uid, account.slot));
  return written;
}

Result<int> SmtpGuard::set_unattributed(const MailLimits& mail, uint32_t place) {
  const auto& maps = attached_->skeleton->maps;
  const uint32_t slot = NP_SLOT_NOBODY;
  np_smtp_limit limit{};  // direct connections of nobody's processes pass: only the MTA's questions come to this slot
  limit.mode = NP_SMTP_OFF;
  limit.place = static_cast<__u16>(place);
  return NP_TRY(make_say(maps.np_mail_limit, slot, kernel_limit(mail))) +
         NP_TRY(make_say(maps.np_smtp_limit, slot, limit));
}

std::optional<uint32_t> SmtpGuard::slot_of_user(uid_t uid) const {
  const auto& maps = attached_->skeleton->maps;
  if (const auto slot = lookup<uint32_t>(maps.np_acct_uid, uint32_t{uid})) return slot;
  return lookup<uint32_t>(maps.np_acct_subuid, whole_uid(uid));
}

Result<void> SmtpGuard::reset(uint32_t slot) {
  const auto& maps = attached_->skeleton->maps;
  // What sockets and connections remember of the account that had the slot is not this one's.
  np_mail_budget fresh{};
  fresh.generation = budget(slot).generation + 1;
  NP_TRY(store(maps.np_mail_budget, slot, fresh, BPF_F_LOCK));
  NP_TRY(store(maps.np_mail_count, slot, np_mail_count{}));
  return store(maps.np_smtp_count, slot, np_smtp_count{});
}

Result<void> SmtpGuard::remove(const Account& account, std::optional<uint64_t> cgroup_id) {
  const auto& maps = attached_->skeleton->maps;
  if (cgroup_id) {
    NP_TRY(erase_own(maps.np_acct_cgroup, *cgroup_id, account.slot));
    forget_cached(attached_->cache, [&](uint64_t cgroup) { return cgroup == *cgroup_id; });
  }
  NP_TRY(forget_uid(account));
  NP_TRY(store(maps.np_mail_limit, account.slot, np_mail_limit{}));
  return store(maps.np_smtp_limit, account.slot, np_smtp_limit{});
}

Result<void> SmtpGuard::forget_uid(const Account& account) {
  if (!account.uid) return {};
  return erase_own(attached_->skeleton->maps.np_acct_uid, *account.uid, account.slot);
}

Result<void> SmtpGuard::set_subuids(const std::vector<Subuids>& all) {
  const bpf_map* map = attached_->skeleton->maps.np_acct_subuid;
  std::set<np_uid_prefix, ByBytes> known;
  for (const Subuids& owner : all)
    for (const SubuidRange& range : owner.ranges)
      for (const np_uid_prefix& prefix : prefixes_of(range)) {
        NP_TRY(store(map, prefix, owner.slot));
        known.insert(prefix);
      }
  NP_TRY(erase_all_but(map, known));
  return {};
}

Result<int> SmtpGuard::forget_all_but(std::span<const Owner> known) {
  const auto& maps = attached_->skeleton->maps;
  std::set<uint64_t> cgroups;
  std::set<uint32_t> uids;
  std::set<uint32_t> strangers;
  for (const Owner& owner : known) {
    if (owner.cgroup_id) cgroups.insert(*owner.cgroup_id);
    if (owner.uid) uids.insert(*owner.uid);
    if (!owner.stranger || !owner.cgroup_id) continue;
    if (const auto slot = lookup<uint32_t>(maps.np_acct_cgroup, *owner.cgroup_id)) strangers.insert(*slot);
  }
  for (const uint32_t uid : keys_of<uint32_t>(maps.np_acct_uid))
    if (strangers.contains(lookup<uint32_t>(maps.np_acct_uid, uid).value_or(NP_SLOT_NOBODY))) uids.insert(uid);
  const int erased =
      NP_TRY(erase_all_but(maps.np_acct_cgroup, cgroups)) + NP_TRY(erase_all_but(maps.np_acct_uid, uids));
  forget_cached(attached_->cache, [&](uint64_t cgroup) { return !cgroups.contains(cgroup); });
  return erased;
}

std::map<uint64_t, SmtpGuard::Held> SmtpGuard::held() const {
  const auto& maps = attached_->skeleton->maps;
  std::map<uint32_t, uid_t> uids;
  for (const uint32_t uid : keys_of<uint32_t>(maps.np_acct_uid))
    if (const auto slot = lookup<uint32_t>(maps.np_acct_uid, uid)) uids.emplace(*slot, uid);
  std::map<uint64_t, Held> all;
  for (const uint64_t cgroup : keys_of<uint64_t>(maps.np_acct_cgroup)) {
    const auto slot = lookup<uint32_t>(maps.np_acct_cgroup, cgroup);
    const auto limit = slot ? lookup<np_smtp_limit>(maps.np_smtp_limit, *slot) : std::nullopt;
    if (!limit || mail_limit(*slot).known == 0) continue;
    const auto uid = uids.find(*slot);
    all.emplace(cgroup, Held{.slot = *slot,
                             .uid = uid == uids.end() ? std::nullopt : std::optional<uid_t>(uid->second),
                             .smtp = smtp_limit_in(*limit),
                             .mail = mail_limits_in(mail_limit(*slot), limit->connections)});
  }
  return all;
}

std::vector<uint32_t> SmtpGuard::used_slots() const {
  const auto& maps = attached_->skeleton->maps;
  std::vector<uint32_t> slots;
  for (const uint64_t cgroup : keys_of<uint64_t>(maps.np_acct_cgroup))
    if (const auto slot = lookup<uint32_t>(maps.np_acct_cgroup, cgroup)) slots.push_back(*slot);
  for (const uint32_t uid : keys_of<uint32_t>(maps.np_acct_uid))
    if (const auto slot = lookup<uint32_t>(maps.np_acct_uid, uid)) slots.push_back(*slot);
  return slots;
}

Result<np_mail_question> SmtpGuard::ask(const np_mail_question& question) const {
  np_mail_question answer{};
  bpf_test_run_opts run{};
  run.sz = sizeof(run);
  run.data_in = &question;
  run.data_size_in = sizeof(question);
  run.data_out = &answer;
  run.data_size_out = sizeof(answer);
  const int error = bpf_prog_test_run_opts(bpf_program__fd(attached_->skeleton->progs.np_mail_answer), &run);
  if (error != 0 || run.data_size_out != sizeof(answer)) return errno_failure("ask the kernel for mail", -error);
  return answer;
}

Result<np_mail_question> SmtpGuard::ask(uint32_t slot, const np_mail_amount& amount, const MessageId& message,
                                        np_mail_charge charge) const {
  np_mail_question question{};
  question.id = message.id;
  question.instance = message.instance;
  question.amount = amount;
  question.slot = slot;
  question.charge = static_cast<__u32>(charge);
  return ask(question);
}

Result<np_mail_question> SmtpGuard::ask(uint32_t slot, const MessageId& message, uint64_t recipient,
                                        np_mail_more how) const {
  np_mail_question question{};
  question.id = message.id;
  question.instance = message.instance;
  question.recipient = recipient;
  question.slot = slot;
  question.charge = static_cast<__u32>(how);
  return ask(question);
}

bool SmtpGuard::knows(uint64_t recipient) const {
  return lookup<__u32>(attached_->skeleton->maps.np_mail_known, recipient).has_value();
}

std::optional<np_mail_charged> SmtpGuard::charged(uint64_t id) const {
  return lookup<np_mail_charged>(attached_->skeleton->maps.np_mail_charged, id);
}

np_mail_budget SmtpGuard::budget(uint32_t slot) const {
  return lookup<np_mail_budget>(attached_->skeleton->maps.np_mail_budget, slot, BPF_F_LOCK).value_or(np_mail_budget{});
}

Result<void> SmtpGuard::put_budget(uint32_t slot, const np_mail_budget& budget) {
  const np_mail_budget now = this->budget(slot);
  if (now.cell != 0) return {};
  np_mail_budget put = budget;
  put.bucket = now.bucket;
  put.generation = now.generation;
  put.open = now.open;
  return store(attached_->skeleton->maps.np_mail_budget, slot, put, BPF_F_LOCK);
}

np_mail_limit SmtpGuard::mail_limit(uint32_t slot) const {
  return lookup<np_mail_limit>(attached_->skeleton->maps.np_mail_limit, slot).value_or(np_mail_limit{});
}

np_mail_count SmtpGuard::mail_count(uint32_t slot) const {
  return attached_->mail_counts.as<np_mail_count>()[slot];
}

Result<int> SmtpGuard::recount_open() {
  const uint32_t first = attached_->recounted_to;
  const uint32_t end = std::min(first + kRecountSlots, NP_SLOTS);
  attached_->recounted_to = end % NP_SLOTS;
  const auto wrong = NP_TRY(miscounted(*attached_->skeleton, attached_->found.as<uint64_t>(), first, end));
  int corrected = 0;
  for (uint32_t slot = first; slot < end; ++slot) {
    const auto now = wrong.find(slot);
    const auto before = attached_->miscounted.find(slot);
    if (now == wrong.end()) {
      if (before != attached_->miscounted.end()) attached_->miscounted.erase(before);
    } else if (before != attached_->miscounted.end() && before->second == now->second) {
      corrected += NP_TRY(correct(*attached_->skeleton, slot, now->second)) ? 1 : 0;
    } else {
      attached_->miscounted.insert_or_assign(slot, now->second);
    }
  }
  return corrected;
}

np_smtp_count SmtpGuard::count(uint32_t slot) const {
  return attached_->counts.as<np_smtp_count>()[slot];
}

np_smtp_total SmtpGuard::total() const {
  return attached_->totals.as<np_smtp_total>()[0];
}

Result<void> SmtpGuard::set_records_a_second(uint32_t most) {
  const np_smtp_shed shed{.records = NP_SMTP_RECORDS_A_SECOND - std::min(most, NP_SMTP_RECORDS_A_SECOND),
                          .reserved = 0};
  return store(attached_->skeleton->maps.np_smtp_shed, __u32{0}, shed);
}

int SmtpGuard::refusals_fd() const {
  return ring_buffer__epoll_fd(attached_->ring.get());
}

Result<void> SmtpGuard::drain_refusals(const RefusalHandler& each) {
  attached_->handler = each;
  const int got = ring_buffer__consume(attached_->ring.get());
  if (got < 0) return errno_failure("read the ring of refusals", -got);
  return {};
}

std::vector<int> SmtpGuard::program_fds() const {
  return program_fds_of(attached_->skeleton->obj);
}

std::vector<int> SmtpGuard::map_fds() const {
  return map_fds_of(attached_->skeleton->obj);
}

}  // namespace npanel
