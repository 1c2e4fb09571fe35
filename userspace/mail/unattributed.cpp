// SPDX-License-Identifier: Apache-2.0
// unattributed.cpp: mail that no account owns has an allowance of its own, so that it is neither free nor somebody
// else's.
#include "base/clock.h"
#include "daemon/log.h"
#include "mail/mail.h"

namespace npanel {
namespace {

constexpr __u32 kLastBucket = 99;  // of a rollout: on when all accounts are
constexpr int64_t kJustNowMs = 60'000;
constexpr np_mail_amount kOneMessage{.messages = 1, .recipients = 1, .bytes = 1};

}  // namespace

void Mail::open_netlink() {
  if (auto addresses = LocalAddresses::open())
    local_addresses_.emplace(std::move(*addresses));
  else
    log_error("this host's addresses are not known: " + addresses.error().text +
              "; mail of no account is taken for this host's own");
}

// smtp.exempt_users and mail.mta_users: what they send is the system's own, bounces above all.
void Mail::configured() {
  std::vector<std::string> system = core_.config.smtp_exempt_users;
  system.insert(system.end(), core_.config.mta_users.begin(), core_.config.mta_users.end());
  deliveries_.configure(core_.config);
  senders_.configure(core_.config, core_.users.find_all(system));
  put_unattributed_limits();
}

// Again each second: what others change in the kernel's map is put back.
void Mail::put_unattributed_limits() {
  SmtpPrograms* smtp = core_.reconciler.smtp();
  if (!smtp) return;
  const auto written = smtp->set_unattributed(core_.config.unattributed_mail, kLastBucket);
  if (!written) log_error("mail that no account owns: " + written.error().text + "; tried again each second");
}

FeatureMode Mail::unattributed_mode() const {
  return static_cast<FeatureMode>(
      np_feature_mode_of(&core_.features.kernel()[NP_EMAIL_RATE_LIMITING], kLastBucket, NP_OVERRIDE_NONE));
}

UnattributedMail Mail::unattributed() {
  UnattributedMail mail{.mode = unattributed_mode(),
                        .limits = core_.config.unattributed_mail,
                        .counts = unattributed_.counts(),
                        .newest = unattributed_.newest()};
  const SmtpPrograms* smtp = core_.reconciler.smtp();
  if (!smtp) return mail;
  const uint64_t now = mail_time_ns();
  const np_mail_budget budget = smtp->mail.budget(NP_SLOT_NOBODY);
  mail.figures.count = smtp->mail.count(NP_SLOT_NOBODY);
  mail.figures.limit = kernel_limit(core_.config.unattributed_mail);
  mail.figures.sent = {sent(budget, NP_MAIL_QUARTER, now), sent(budget, NP_MAIL_HOUR, now),
                       sent(budget, NP_MAIL_DAY, now)};
  mail.free_in_s = fits_in_s(budget, mail.figures.limit, kOneMessage, now);
  return mail;
}

std::optional<std::string> Mail::unattributed_complaint() {
  if (unattributed_mode() != FeatureMode::enforce || !core_.reconciler.smtp()) return std::nullopt;
  const UnattributedMail mail = unattributed();
  const bool used_up = mail.free_in_s.value_or(0) > 0;  // a limit of 0 is what the administrator wants
  const int64_t since_ms = now_ms() - unattributed_.deferred_ms();
  const bool just_now = since_ms >= 0 && since_ms < kJustNowMs;  // a clock that was set back is no reason to complain
  if (!used_up && !just_now) return std::nullopt;
  return "mail: the allowance of mail that no account owns ([mail.unattributed]) is used up, and such mail is "
         "deferred: "
         "npanelctl mail unattributed";
}

std::optional<Opener> Mail::opener_of(const PolicyRequest& request) {
  const ConnectionOpeners* openers = core_.reconciler.openers();
  const auto connection =
      parse_connection(request.client_address, request.client_port, request.server_address, request.server_port);
  return openers && connection ? openers->find(*connection) : std::nullopt;
}

// As the kernel's programs know it.
std::optional<uint32_t> Mail::slot_of_user(uid_t uid) {
  const SmtpPrograms* smtp = core_.reconciler.smtp();
  return smtp ? smtp->identity.slot_of_user(uid) : std::nullopt;
}

std::optional<bool> Mail::is_local(const NetAddress& address) {
  return local_addresses_ ? local_addresses_->contains(address) : std::nullopt;
}

}  // namespace npanel
