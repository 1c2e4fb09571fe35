// SPDX-License-Identifier: Apache-2.0
#include "kernel/smtp_programs.h"

#include "kernel/layout_move.h"
#include "kernel/pins.h"

namespace npanel {
namespace {

np_smtp_mode kernel_mode(SmtpMode mode) {
  if (mode == SmtpMode::off) return NP_SMTP_OFF;
  return mode == SmtpMode::observe ? NP_SMTP_OBSERVE : NP_SMTP_ENFORCE;
}

np_smtp_limit kernel_limit(const Account& account, const MailLimits& limits, np_override override) {
  const __u32 bucket =
      np_rollout_bucket(account.name.data(), static_cast<__u32>(account.name.size()), NP_EMAIL_RATE_LIMITING);
  return {.per_minute = account.smtp.per_minute,
          .burst = account.smtp.burst,
          .mode = kernel_mode(account.smtp.mode),
          .bucket = static_cast<__u16>(bucket),
          .override = static_cast<__u16>(override),
          .connections = static_cast<__u32>(limits.connections.value_or(0)),
          .action = account.smtp.mode == SmtpMode::redirect ? __u32{NP_SMTP_REDIRECT} : __u32{NP_SMTP_LIMIT}};
}

SmtpLimit smtp_limit_in(const np_smtp_limit& limit) {
  SmtpMode mode = SmtpMode::off;
  if (limit.mode == NP_SMTP_OBSERVE) mode = SmtpMode::observe;
  if (limit.mode == NP_SMTP_ENFORCE) mode = limit.action == NP_SMTP_REDIRECT ? SmtpMode::redirect : SmtpMode::enforce;
  return {.per_minute = limit.per_minute, .burst = limit.burst, .mode = mode};
}

void append(std::vector<int>& all, const std::vector<int>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

}  // namespace

Result<SmtpPrograms> SmtpPrograms::attach(const Options& options) {
  const Pins pins = NP_TRY(Pins::make(options.pin_dir));
  const auto old_layout = NP_TRY(pins.other_layout());
  if (old_layout) pins.clear();
  // What is loaded first makes the maps that the others share.
  ConnectHook::Programs programs = NP_TRY(ConnectHook::load(pins, options.rules, options.account_level));
  MailBudget mail = NP_TRY(MailBudget::load(pins));
  ConnectionRecount recount = NP_TRY(ConnectionRecount::load(pins));
  if (old_layout) NP_TRY(close_limits(*old_layout, pins));
  FeatureMap features = NP_TRY(FeatureMap::open(pins));
  if (options.features) NP_TRY(features.set(*options.features));
  ConnectHook connect =
      NP_TRY(ConnectHook::attach(pins, std::move(programs), options.account_level, options.cgroup_fd, old_layout));
  if (old_layout) NP_TRY(take_over(*old_layout, pins));
  return SmtpPrograms{.identity = NP_TRY(Identity::open(pins)),
                      .features = std::move(features),
                      .connect = std::move(connect),
                      .mail = std::move(mail),
                      .recount = std::move(recount)};
}

Result<int> SmtpPrograms::set(const Account& account, const MailLimits& limits, std::optional<uint64_t> cgroup_id,
                              np_override override, std::optional<uint32_t> parent) {
  int written = NP_TRY(mail.set_limit(account.slot, limits, parent));
  written += NP_TRY(connect.set_limit(account.slot, kernel_limit(account, limits, override)));
  return written + NP_TRY(identity.set(account.slot, cgroup_id, account.uid));
}

Result<int> SmtpPrograms::set_unattributed(const MailLimits& limits, uint32_t bucket) {
  np_smtp_limit limit{};  // direct connections of nobody's processes pass: only the MTA's questions come to this slot
  limit.mode = NP_SMTP_OFF;
  limit.bucket = static_cast<__u16>(bucket);
  return NP_TRY(mail.set_limit(NP_SLOT_NOBODY, limits)) + NP_TRY(connect.set_limit(NP_SLOT_NOBODY, limit));
}

Result<void> SmtpPrograms::reset(uint32_t slot) {
  NP_TRY(mail.reset(slot));
  return connect.reset_count(slot);
}

Result<void> SmtpPrograms::remove(const Account& account, std::optional<uint64_t> cgroup_id) {
  NP_TRY(identity.remove(account.slot, cgroup_id, account.uid));
  NP_TRY(mail.remove_limit(account.slot));
  return connect.remove_limit(account.slot);
}

std::map<uint64_t, SmtpPrograms::Held> SmtpPrograms::held() const {
  const std::map<uint32_t, uid_t> uids = identity.uids_by_slot();
  std::map<uint64_t, Held> all;
  for (const auto& [cgroup, slot] : identity.slots_by_cgroup()) {
    const auto limit = connect.limit(slot);
    const np_mail_limit mail_limit = mail.limit(slot);
    if (!limit || mail_limit.known == 0) continue;
    const auto uid = uids.find(slot);
    all.emplace(cgroup, Held{.slot = slot,
                             .uid = uid == uids.end() ? std::nullopt : std::optional<uid_t>(uid->second),
                             .smtp = smtp_limit_in(*limit),
                             .mail = mail_limits_in(mail_limit, limit->connections)});
  }
  return all;
}

std::vector<int> SmtpPrograms::program_fds() const {
  std::vector<int> all = connect.program_fds();
  append(all, mail.program_fds());
  append(all, recount.program_fds());
  return all;
}

std::vector<int> SmtpPrograms::map_fds() const {
  std::vector<int> all = connect.map_fds();
  append(all, mail.map_fds());
  append(all, recount.map_fds());
  return all;
}

}  // namespace npanel
