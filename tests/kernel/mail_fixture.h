// SPDX-License-Identifier: Apache-2.0
// mail_fixture.h: bob, who may send mail, on this very kernel.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "kernel/smtp_programs.h"
#include "support/child.h"
#include "support/connect.h"
#include "support/sandbox.h"

namespace npanel {

inline constexpr uint16_t kSmtp = 25;
inline constexpr uint16_t kSmtps = 465;
inline constexpr uid_t kBobUid = 20001;
inline constexpr SmtpLimit kAny{.per_minute = 60000, .burst = 10000};

class MailKernel : public testing::Test {
 protected:
  void SetUp() override {
    bob_.smtp = kAny;
    attach();
    put();
  }
  void attach(const SmtpRules& rules = {}) {
    programs_.reset();
    auto programs = SmtpPrograms::attach({.cgroup_fd = sandbox_.tree().fd(),
                                          .account_level = sandbox_.tree().account_level(),
                                          .pin_dir = sandbox_.pin_dir(),
                                          .rules = rules,
                                          .features = features_on()});
    ASSERT_TRUE(programs) << programs.error().text;
    programs_.emplace(std::move(*programs));
  }
  void put() { ASSERT_TRUE(programs_->set(bob_, bob_.mail, cgroup_.id().value(), NP_OVERRIDE_NONE)); }
  void set_feature(const FeatureState& state) {
    Features features;
    features.set(NP_EMAIL_RATE_LIMITING, state);
    ASSERT_TRUE(programs_->features.set(features.kernel()));
  }

  np_mail_question ask(np_mail_charge charge = NP_MAIL_CHARGE, const MessageId& message = {}, uint32_t recipients = 1) {
    return programs_->mail.ask(bob_.slot, amount(recipients), message, charge).value();
  }
  // Of a message of 1,000 bytes.
  static np_mail_amount amount(uint32_t recipients) {
    return {.messages = 1, .recipients = recipients, .bytes = 1000ULL * recipients};
  }
  int accepted(int tries) {
    int count = 0;
    for (int i = 0; i < tries; ++i) count += ask().answer == NP_MAIL_ACCEPT;
    return count;
  }
  // The errno of each connect by bob.
  std::vector<int> connects(int tries, const Destination& to, std::optional<uid_t> uid = {}) {
    return run_in({&cgroup_, uid}, [&] {
      std::vector<int> results;
      for (int i = 0; i < tries; ++i) results.push_back(connect_once(to));
      return results;
    });
  }
  np_mail_amount sent_in(np_mail_window window) {
    return sent(programs_->mail.budget(bob_.slot), window, mail_time_ns());
  }

  Sandbox sandbox_;
  Listener smtp_{kSmtp}, smtps_{kSmtps};
  Account bob_{.name = "bob", .slot = 1, .uid = kBobUid};
  Cgroup cgroup_ = sandbox_.tree().find_or_make("bob").value();
  std::optional<SmtpPrograms> programs_;
};

}  // namespace npanel
