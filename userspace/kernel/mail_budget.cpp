// SPDX-License-Identifier: Apache-2.0
#include "kernel/mail_budget.h"

#include <bpf/bpf.h>

#include <string>

#include "base/clock.h"
#include "kernel/bpf_map.h"
#include "kernel/bpf_object.h"
#include "mail_query.skel.h"
#include "npanel/identity.h"

namespace npanel {

struct MailBudget::Loaded {
  SkeletonPtr<np_mail_query_bpf> skeleton;
  MappedValues counts;
};

MailBudget::MailBudget(std::unique_ptr<Loaded> loaded) : loaded_(std::move(loaded)) {}
MailBudget::MailBudget(MailBudget&&) noexcept = default;
MailBudget& MailBudget::operator=(MailBudget&&) noexcept = default;
MailBudget::~MailBudget() = default;

uint64_t mail_time_ns() {
  constexpr uint64_t kNsAUs = 1000;
  return static_cast<uint64_t>(steady_us()) * kNsAUs + NP_MAIL_BEFORE_BOOT_NS;
}

Result<MailBudget> MailBudget::load(const Pins& pins) {
  hear_libbpf();
  SkeletonPtr<np_mail_query_bpf> skeleton(np_mail_query_bpf::open());
  if (!skeleton) return libbpf_failure("open BPF mail_query", errno);
  share_maps(skeleton->obj, pins);
  if (const int error = np_mail_query_bpf::load(skeleton.get()); error != 0)
    return libbpf_failure("load BPF mail_query", -error);
  MappedValues counts =
      NP_TRY(MappedValues::map(bpf_map__fd(skeleton->maps.np_mail_count), sizeof(np_mail_count), NP_BUDGETS));
  return MailBudget(std::make_unique<Loaded>(std::move(skeleton), std::move(counts)));
}

// Three levels in all: the kernel looks at no more. A parent without limits is one that is still to come.
Result<void> MailBudget::check_parent(uint32_t slot, uint32_t parent) const {
  const auto wrong = [&](const char* why) { return refused("parent", "slot " + std::to_string(parent) + " " + why); };
  if (parent >= NP_SLOTS) return wrong("is no account's");
  if (parent == slot) return wrong("is the account's own");
  const uint32_t above = limit(parent).parent;
  if (above == 0) return {};
  if (above == slot + 1) return wrong("has this account above it");
  if (limit(above - 1).parent != 0) return wrong("would be the fourth level");
  return {};
}

Result<int> MailBudget::set_limit(uint32_t slot, const MailLimits& mail, std::optional<uint32_t> parent) {
  np_mail_limit limit = kernel_limit(mail);
  if (parent) {
    NP_TRY(check_parent(slot, *parent));
    limit.parent = *parent + 1;
    limit.parent_generation = budget(*parent).generation;
  }
  return set_if_different(loaded_->skeleton->maps.np_mail_limit, slot, limit);
}

np_mail_limit MailBudget::limit(uint32_t slot) const {
  return lookup<np_mail_limit>(loaded_->skeleton->maps.np_mail_limit, slot).value_or(np_mail_limit{});
}

Result<void> MailBudget::remove_limit(uint32_t slot) {
  return store(loaded_->skeleton->maps.np_mail_limit, slot, np_mail_limit{});
}

Result<np_mail_question> MailBudget::ask(const np_mail_question& question) const {
  np_mail_question answer{};
  bpf_test_run_opts run{};
  run.sz = sizeof(run);
  run.data_in = &question;
  run.data_size_in = sizeof(question);
  run.data_out = &answer;
  run.data_size_out = sizeof(answer);
  const int error = bpf_prog_test_run_opts(bpf_program__fd(loaded_->skeleton->progs.np_mail_answer), &run);
  if (error != 0 || run.data_size_out != sizeof(answer)) return errno_failure("ask the kernel for mail", -error);
  return answer;
}

Result<np_mail_question> MailBudget::ask(uint32_t slot, const np_mail_amount& amount, const MessageId& message,
                                         np_mail_charge charge) const {
  np_mail_question question{};
  question.id = message.id;
  question.instance = message.instance;
  question.amount = amount;
  question.slot = slot;
  question.charge = static_cast<__u32>(charge);
  return ask(question);
}

Result<np_mail_question> MailBudget::ask(uint32_t slot, const MessageId& message, uint64_t recipient,
                                         np_mail_more how) const {
  np_mail_question question{};
  question.id = message.id;
  question.instance = message.instance;
  question.recipient = recipient;
  question.slot = slot;
  question.charge = static_cast<__u32>(how);
  return ask(question);
}

bool MailBudget::knows(uint64_t recipient) const {
  return lookup<__u32>(loaded_->skeleton->maps.np_mail_known, recipient).has_value();
}

std::optional<np_mail_charged> MailBudget::charged(uint64_t id) const {
  return lookup<np_mail_charged>(loaded_->skeleton->maps.np_mail_charged, id);
}

np_mail_budget MailBudget::budget(uint32_t slot) const {
  return lookup<np_mail_budget>(loaded_->skeleton->maps.np_mail_budget, slot, BPF_F_LOCK).value_or(np_mail_budget{});
}

Result<void> MailBudget::put_budget(uint32_t slot, const np_mail_budget& budget) {
  const np_mail_budget now = this->budget(slot);
  if (now.cell != 0) return {};
  np_mail_budget put = budget;
  put.bucket = now.bucket;
  put.generation = now.generation;
  put.open = now.open;
  return store(loaded_->skeleton->maps.np_mail_budget, slot, put, BPF_F_LOCK);
}

np_mail_count MailBudget::count(uint32_t slot) const {
  return loaded_->counts.as<np_mail_count>()[slot];
}

Result<void> MailBudget::reset(uint32_t slot) {
  // What sockets and connections remember of the account that had the slot is not this one's.
  np_mail_budget fresh{};
  fresh.generation = budget(slot).generation + 1;
  NP_TRY(store(loaded_->skeleton->maps.np_mail_budget, slot, fresh, BPF_F_LOCK));
  return store(loaded_->skeleton->maps.np_mail_count, slot, np_mail_count{});
}

std::vector<int> MailBudget::program_fds() const {
  return program_fds_of(loaded_->skeleton->obj);
}

std::vector<int> MailBudget::map_fds() const {
  const auto& maps = loaded_->skeleton->maps;
  return {bpf_map__fd(maps.np_mail_count), bpf_map__fd(maps.np_mail_charged), bpf_map__fd(maps.np_mail_known)};
}

}  // namespace npanel
