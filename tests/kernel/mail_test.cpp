// SPDX-License-Identifier: Apache-2.0
// The mail budget, alone and nested, on this very kernel.
#include <poll.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <random>
#include <thread>

#include "mail_fixture.h"

namespace npanel {
namespace {

constexpr uint16_t kNobodyListens = 587;

TEST_F(MailKernel, AcceptsAHundredInAQuarterAndDefersTheNext) {
  EXPECT_EQ(accepted(110), 100);
  const np_mail_question answer = ask();
  EXPECT_EQ(answer.answer, NP_MAIL_DEFER);
  EXPECT_EQ(limit_name(answer.verdict), "messages_per_15min");
  const np_mail_count count = programs_->mail.count(bob_.slot);
  EXPECT_EQ(count.accepted.messages, 100U);
  EXPECT_EQ(count.accepted.bytes, 100'000U);
  EXPECT_EQ(count.deferred, 11U);
}

TEST_F(MailKernel, DirectConnectionsAndTheMtaDrawOnOneBudget) {
  bob_.mail = {.messages_per_15min = {}, .messages_per_hour = 10, .bytes_per_hour = {}};
  put();
  EXPECT_EQ(accepted(6), 6);
  const auto results = connects(8, {"127.0.0.1", kSmtp});
  EXPECT_EQ(std::ranges::count(results, 0), 4);
  EXPECT_EQ(std::ranges::count(results, EPERM), 4);
  EXPECT_EQ(ask().answer, NP_MAIL_DEFER);
  EXPECT_EQ(sent_in(NP_MAIL_HOUR).messages, 10U);
  EXPECT_EQ(programs_->connect.count(bob_.slot).denied, 4U);
  std::vector<uint32_t> reasons;
  ASSERT_TRUE(
      programs_->connect.drain_refusals([&](const np_smtp_refusal& refusal) { reasons.push_back(refusal.reason); }));
  EXPECT_EQ(reasons, std::vector<uint32_t>(4, NP_SMTP_MAIL + np_mail_verdict(NP_MAIL_HOUR, NP_MAIL_MESSAGES)));
}

TEST_F(MailKernel, RefusedMailTakesNoTokenFromTheBucket) {
  bob_.smtp = {.per_minute = 1, .burst = 5};
  bob_.mail = {.messages_per_15min = 0, .messages_per_hour = {}, .bytes_per_hour = {}};
  put();
  EXPECT_EQ(connects(20, {"127.0.0.1", kSmtp}), std::vector<int>(20, EPERM));
  bob_.mail = {.messages_per_15min = {}, .messages_per_hour = {}, .bytes_per_hour = {}};
  put();
  EXPECT_EQ(std::ranges::count(connects(20, {"127.0.0.1", kSmtp}), 0), 5);
}

TEST_F(MailKernel, SameMessageIsChargedOnce) {
  EXPECT_EQ(ask(NP_MAIL_CHARGE, {77}).answer, NP_MAIL_ACCEPT);
  EXPECT_EQ(ask(NP_MAIL_CHARGE, {77}).answer, NP_MAIL_REPEATED);
  EXPECT_EQ(ask(NP_MAIL_CHARGE, {78}).answer, NP_MAIL_ACCEPT);
  EXPECT_EQ(sent_in(NP_MAIL_HOUR).messages, 2U);
  EXPECT_EQ(programs_->mail.count(bob_.slot).repeated, 1U);
}

class MailRecipients : public MailKernel {
 protected:
  void limit(uint64_t recipients) {
    bob_.mail = {
        .messages_per_15min = {}, .messages_per_hour = {}, .recipients_per_hour = recipients, .bytes_per_hour = {}};
    put();
  }
  uint32_t more(uint64_t id, uint64_t recipient, np_mail_more how = NP_MAIL_MORE) {
    return programs_->mail.ask(bob_.slot, {id}, recipient, how)->answer;
  }
};

TEST_F(MailRecipients, BeyondThoseThatWereChargedAreCharged) {
  limit(4);
  EXPECT_EQ(more(77, 1), NP_MAIL_NOT_LIMITED) << "of a message that nobody has asked about";
  EXPECT_FALSE(programs_->mail.knows(1));
  EXPECT_EQ(ask(NP_MAIL_CHARGE, {77}, 2).answer, NP_MAIL_ACCEPT);
  for (uint64_t recipient = 1; recipient <= 4; ++recipient) EXPECT_EQ(more(77, recipient), NP_MAIL_ACCEPT);
  EXPECT_EQ(more(77, 5), NP_MAIL_DEFER);
  EXPECT_FALSE(programs_->mail.knows(5)) << "it did not leave";
  EXPECT_EQ(programs_->mail.charged(77)->recipients, 4U);
  EXPECT_EQ(more(77, 5, NP_MAIL_MORE_ANYWAY), NP_MAIL_ACCEPT);
  EXPECT_TRUE(programs_->mail.knows(5));
  EXPECT_EQ(sent_in(NP_MAIL_HOUR).recipients, 5U);
  EXPECT_EQ(sent_in(NP_MAIL_HOUR).messages, 1U);
  EXPECT_EQ(ask(NP_MAIL_CHARGE, {78}).answer, NP_MAIL_DEFER);
  EXPECT_EQ(programs_->mail.count(bob_.slot).would_defer, 0U);
  EXPECT_EQ(programs_->mail.count(bob_.slot).accepted.recipients, 5U);
}

TEST_F(MailRecipients, CountOnceWhateverBecomesOfTheAgent) {
  limit(3);
  EXPECT_EQ(ask(NP_MAIL_CHARGE, {77}).answer, NP_MAIL_ACCEPT);
  for (int i = 0; i < 3; ++i) {
    for (uint64_t recipient = 1; recipient <= 3; ++recipient)
      EXPECT_EQ(more(77, recipient), i == 0 ? NP_MAIL_ACCEPT : NP_MAIL_REPEATED);
    EXPECT_EQ(more(77, 4), NP_MAIL_DEFER);
    attach();
  }
  EXPECT_EQ(sent_in(NP_MAIL_HOUR).recipients, 3U);
}

TEST_F(MailRecipients, PassWhileObservedAndTheLogChargesThemNoMore) {
  limit(1);
  set_feature({.enabled = true, .mode = FeatureMode::observe});
  EXPECT_EQ(ask(NP_MAIL_CHARGE, {77}).answer, NP_MAIL_ACCEPT);
  EXPECT_EQ(more(77, 1), NP_MAIL_ACCEPT);
  EXPECT_EQ(more(77, 2), NP_MAIL_WOULD_DEFER);
  EXPECT_EQ(more(77, 2, NP_MAIL_MORE_ANYWAY), NP_MAIL_REPEATED);
  EXPECT_EQ(programs_->mail.count(bob_.slot).would_defer, 1U);
  EXPECT_EQ(sent_in(NP_MAIL_HOUR).recipients, 1U);
}

TEST_F(MailRecipients, TakeTheBytesOfTheMessageWithThem) {
  bob_.mail = {.messages_per_hour = {}, .recipients_per_hour = {}, .bytes_per_hour = 4000};
  put();
  EXPECT_EQ(ask(NP_MAIL_CHARGE, {77}, 2).answer, NP_MAIL_ACCEPT);
  for (uint64_t recipient = 1; recipient <= 4; ++recipient) EXPECT_EQ(more(77, recipient), NP_MAIL_ACCEPT);
  EXPECT_EQ(more(77, 5), NP_MAIL_DEFER);
  EXPECT_EQ(sent_in(NP_MAIL_HOUR).bytes, 4000U);
  EXPECT_EQ(programs_->mail.count(bob_.slot).accepted.bytes, 4000U);
}

TEST_F(MailRecipients, OfSomebodyElsesMessageAreFree) {
  EXPECT_EQ(ask(NP_MAIL_CHARGE, {77}).answer, NP_MAIL_ACCEPT);
  EXPECT_EQ(programs_->mail.ask(bob_.slot + 1, {77}, 1, NP_MAIL_MORE_ANYWAY)->answer, NP_MAIL_NOT_LIMITED);
  EXPECT_EQ(programs_->mail.charged(77)->known, 0U);
}

TEST_F(MailKernel, AskingChargesNothing) {
  EXPECT_EQ(ask(NP_MAIL_ASK, {5}).answer, NP_MAIL_ACCEPT);
  EXPECT_EQ(sent_in(NP_MAIL_HOUR).messages, 0U);
  EXPECT_EQ(ask(NP_MAIL_CHARGE, {5}).answer, NP_MAIL_ACCEPT);
}

TEST_F(MailKernel, ObservedPassesAndWhatIsOverTheLimitIsNotCharged) {
  set_feature({.enabled = true, .mode = FeatureMode::observe});
  EXPECT_EQ(accepted(100), 100);
  EXPECT_EQ(ask().answer, NP_MAIL_WOULD_DEFER);
  EXPECT_EQ(ask(NP_MAIL_ASK).answer, NP_MAIL_WOULD_DEFER);
  EXPECT_EQ(sent_in(NP_MAIL_QUARTER).messages, 100U);
  EXPECT_EQ(programs_->mail.count(bob_.slot).would_defer, 2U);
  EXPECT_EQ(programs_->mail.count(bob_.slot).accepted.messages, 100U);
  set_feature({.enabled = true});
  EXPECT_EQ(ask().answer, NP_MAIL_DEFER);
}

TEST_F(MailKernel, ObservedConnectionOverTheRateChargesNoMail) {
  bob_.smtp = {.per_minute = 1, .burst = 3};
  put();
  set_feature({.enabled = true, .mode = FeatureMode::observe});
  EXPECT_EQ(connects(10, {"127.0.0.1", kSmtp}), std::vector<int>(10, 0));
  EXPECT_EQ(programs_->connect.count(bob_.slot).allowed, 3U);
  EXPECT_EQ(programs_->connect.count(bob_.slot).would_deny, 7U);
  EXPECT_EQ(sent_in(NP_MAIL_HOUR).messages, 3U);
}

// What an administrator decides by: a server that only observes counts what it would have refused, no more and no less.
class ObservedHistories : public MailKernel {
 protected:
  struct Step {
    int connects = 0;  // or a question:
    MessageId message = {};
    uint32_t recipients = 1;
    bool charges = true;
    uint64_t expanded = 0;  // beyond those of the envelope
  };
  struct Figures {
    uint64_t messages, recipients, bytes, repeated, refused_mail, allowed, refused_connects;
    np_mail_amount sent;
    bool operator==(const Figures& other) const {
      return messages == other.messages && recipients == other.recipients && bytes == other.bytes &&
             repeated == other.repeated && refused_mail == other.refused_mail && allowed == other.allowed &&
             refused_connects == other.refused_connects && sent.messages == other.sent.messages &&
             sent.recipients == other.sent.recipients && sent.bytes == other.sent.bytes;
    }
  };

  static std::vector<Step> history(std::mt19937& random) {
    const auto any = [&](int least, int most) { return std::uniform_int_distribution(least, most)(random); };
    std::vector<Step> steps(static_cast<size_t>(any(5, 25)));
    for (Step& step : steps) {
      if (any(0, 4) == 0) {
        step.connects = any(1, 6);
        continue;
      }
      step.message = {.id = static_cast<uint64_t>(any(1, 12)), .instance = static_cast<uint64_t>(any(1, 2))};
      step.recipients = static_cast<uint32_t>(any(1, 4));
      step.charges = any(0, 3) != 0;
      step.expanded = static_cast<uint64_t>(any(0, 3));
    }
    return steps;
  }
  Figures live(const std::vector<Step>& steps, FeatureMode mode) {
    // No message of an earlier life is this one's.
    EXPECT_TRUE(programs_->reset(bob_.slot));
    set_feature({.enabled = true, .mode = mode});
    for (const Step& step : steps) {
      if (step.connects > 0) {
        connects(step.connects, {"127.0.0.1", kSmtp});
        continue;
      }
      ask(step.charges ? NP_MAIL_CHARGE : NP_MAIL_ASK, step.message, step.recipients);
      for (uint64_t i = 0; i < step.recipients + step.expanded; ++i)
        EXPECT_TRUE(programs_->mail.ask(bob_.slot, step.message, ++recipient_, NP_MAIL_MORE));
    }
    const np_mail_count mail = programs_->mail.count(bob_.slot);
    const np_smtp_count smtp = programs_->connect.count(bob_.slot);
    EXPECT_EQ(mode == FeatureMode::observe ? mail.deferred + smtp.denied : mail.would_defer + smtp.would_deny, 0U);
    return {.messages = mail.accepted.messages,
            .recipients = mail.accepted.recipients,
            .bytes = mail.accepted.bytes,
            .repeated = mail.repeated,
            .refused_mail = mail.deferred + mail.would_defer,
            .allowed = smtp.allowed,
            .refused_connects = smtp.denied + smtp.would_deny,
            .sent = sent_in(NP_MAIL_HOUR)};
  }
  uint64_t recipient_ = 0;
};

TEST_F(ObservedHistories, CountWhatTheSameHistoryEnforcedWouldRefuse) {
  std::mt19937 random(12);
  uint64_t refused = 0;
  const char* fewer = std::getenv("NPANEL_HISTORIES");  // for an emulated VM
  const int histories = fewer ? std::atoi(fewer) : 60;
  for (int i = 0; i < histories; ++i) {
    const auto any = [&](uint64_t least, uint64_t most) {
      return std::uniform_int_distribution<uint64_t>(least, most)(random);
    };
    bob_.smtp = {.per_minute = 1, .burst = static_cast<uint32_t>(any(1, 10))};
    bob_.mail = {.messages_per_15min = any(1, 15),
                 .messages_per_hour = {},
                 .recipients_per_hour = any(1, 40),
                 .bytes_per_hour = any(1, 40) * 1000};
    put();
    const auto steps = history(random);
    const Figures enforced = live(steps, FeatureMode::enforce);
    const Figures observed = live(steps, FeatureMode::observe);
    EXPECT_TRUE(observed == enforced) << "history " << i;
    refused += enforced.refused_mail + enforced.refused_connects;
  }
  EXPECT_GT(refused, 5U * static_cast<unsigned>(histories)) << "the histories are too tame";
}

TEST_F(MailKernel, MessageIsItsQueueIdAndItsInstance) {
  EXPECT_EQ(ask(NP_MAIL_CHARGE, {77, 1}).answer, NP_MAIL_ACCEPT);
  EXPECT_EQ(ask(NP_MAIL_CHARGE, {77, 1}).answer, NP_MAIL_REPEATED);
  EXPECT_EQ(ask(NP_MAIL_CHARGE, {77, 2}).answer, NP_MAIL_ACCEPT) << "the id was used again";
  EXPECT_EQ(ask(NP_MAIL_CHARGE, {77, 2}).answer, NP_MAIL_REPEATED);
  EXPECT_EQ(sent_in(NP_MAIL_HOUR).messages, 2U);
  EXPECT_EQ(programs_->mail.charged(77)->instance, 2U);
}

TEST_F(MailKernel, MessageOfTwoAccountsIsChargedOnceToEach) {
  const Account ann{.name = "ann", .slot = 2, .smtp = kAny};
  ASSERT_TRUE(programs_->set(ann, {}, {}, NP_OVERRIDE_NONE));
  const auto ask_of = [&](uint32_t slot) {
    return programs_->mail.ask(slot, amount(1), {77, 1}, NP_MAIL_CHARGE)->answer;
  };
  EXPECT_EQ(ask_of(bob_.slot), NP_MAIL_ACCEPT);
  EXPECT_EQ(ask_of(ann.slot), NP_MAIL_ACCEPT);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ask_of(bob_.slot), NP_MAIL_REPEATED);
    EXPECT_EQ(ask_of(ann.slot), NP_MAIL_REPEATED);
  }
  EXPECT_EQ(programs_->mail.charged(77)->slot, ann.slot) << "of an id the newest is remembered";
  EXPECT_EQ(sent_in(NP_MAIL_HOUR).messages, 1U);
}

TEST_F(MailKernel, SlotsNextAccountHasNotSentItsPredecessorsMessages) {
  EXPECT_EQ(ask(NP_MAIL_CHARGE, {77}).answer, NP_MAIL_ACCEPT);
  ASSERT_TRUE(programs_->reset(bob_.slot));
  EXPECT_EQ(ask(NP_MAIL_CHARGE, {77}).answer, NP_MAIL_ACCEPT);
}

TEST_F(MailKernel, IsFreeWhenTheFeatureIsOff) {
  set_feature({.enabled = false});
  for (int i = 0; i < 200; ++i) EXPECT_EQ(ask().answer, NP_MAIL_NOT_LIMITED);
  EXPECT_EQ(programs_->mail.budget(bob_.slot).cell, 0U);
}

TEST_F(MailKernel, NobodysSlotIsFree) {
  EXPECT_EQ(programs_->mail.ask(4711, {.messages = 1, .recipients = 1, .bytes = 1}, {}, NP_MAIL_CHARGE)->answer,
            NP_MAIL_ACCEPT);
  EXPECT_EQ(programs_->mail.ask(NP_BUDGETS, {.messages = 1, .recipients = 1, .bytes = 1}, {}, NP_MAIL_CHARGE)->answer,
            NP_MAIL_NOT_LIMITED);
}

TEST_F(MailKernel, CountsOnWhileNoAgentRuns) {
  bob_.mail = {.messages_per_15min = {}, .messages_per_hour = 10, .bytes_per_hour = {}};
  put();
  EXPECT_EQ(accepted(6), 6);
  programs_.reset();
  EXPECT_EQ(std::ranges::count(connects(8, {"127.0.0.1", kSmtp}), 0), 4);
  attach();
  EXPECT_EQ(ask().answer, NP_MAIL_DEFER);
  EXPECT_EQ(sent_in(NP_MAIL_HOUR).messages, 10U);
}

TEST_F(MailKernel, BudgetFromBeforeTheRebootComesBackOnce) {
  np_mail_budget before{};
  const np_mail_limit limit = kernel_limit(bob_.mail);
  const np_mail_amount many{.messages = 99, .recipients = 99, .bytes = 99};
  np_mail_take(&before, &limit, &many, NP_MAIL_CHARGE, mail_time_ns());
  ASSERT_TRUE(programs_->mail.put_budget(bob_.slot, before));
  EXPECT_EQ(accepted(5), 1);
  ASSERT_TRUE(programs_->mail.put_budget(bob_.slot, {})) << "what is there stays";
  EXPECT_EQ(accepted(5), 0);
}

TEST_F(MailKernel, AllThreadsTogetherGetNoMoreThanTheLimit) {
  bob_.mail = {.messages_per_15min = 50, .messages_per_hour = {}, .bytes_per_hour = {}};
  put();
  std::vector<int> direct;
  std::thread connecting([&] { direct = connects(200, {"127.0.0.1", kSmtp}); });
  const int by_mta = accepted(200);
  connecting.join();
  EXPECT_EQ(by_mta + std::ranges::count(direct, 0), 50);
}

// bob and eve belong to a reseller, who belongs to another one.
class NestedMail : public MailKernel {
 protected:
  static constexpr uint32_t kReseller = 7;
  static constexpr uint32_t kAbove = 8;

  void SetUp() override {
    MailKernel::SetUp();
    eve_.smtp = kAny;
  }
  void nest(uint64_t reseller_an_hour, std::optional<uint64_t> above_an_hour = {}) {
    const auto an_hour = [](std::optional<uint64_t> messages) {
      return MailLimits{.messages_per_15min = {}, .messages_per_hour = messages, .bytes_per_hour = {}};
    };
    const auto put = [&](const Account& account, const MailLimits& mail, std::optional<uint64_t> cgroup,
                         std::optional<uint32_t> parent) {
      ASSERT_TRUE(programs_->set(account, mail, cgroup, NP_OVERRIDE_NONE, parent));
    };
    put(bob_, an_hour(100), cgroup_.id().value(), kReseller);
    put(eve_, an_hour(100), eves_cgroup_.id().value(), kReseller);
    put({.name = "reseller", .slot = kReseller}, an_hour(reseller_an_hour), {}, kAbove);
    put({.name = "above", .slot = kAbove}, an_hour(above_an_hour), {}, {});
  }
  [[nodiscard]] uint32_t sent_by(uint32_t slot) const {
    return sent(programs_->mail.budget(slot), NP_MAIL_HOUR, mail_time_ns()).messages;
  }
  std::vector<int> eve_connects(int tries) {
    return run_in({&eves_cgroup_}, [&] {
      std::vector<int> results;
      for (int i = 0; i < tries; ++i) results.push_back(connect_once({"127.0.0.1", kSmtp}));
      return results;
    });
  }

  Account eve_{.name = "eve", .slot = 2};
  Cgroup eves_cgroup_ = sandbox_.tree().find_or_make("eve").value();
};

TEST_F(NestedMail, ParentsLimitBoundsTheSumOfItsChildrenOnBothWaysOut) {
  nest(10);
  EXPECT_EQ(accepted(7), 7);
  EXPECT_EQ(std::ranges::count(eve_connects(8), 0), 3);
  const np_mail_question answer = ask();
  EXPECT_EQ(answer.answer, NP_MAIL_DEFER);
  EXPECT_EQ(answer.verdict, NP_MAIL_LEVEL + np_mail_verdict(NP_MAIL_HOUR, NP_MAIL_MESSAGES));
  EXPECT_EQ(ask(NP_MAIL_ASK).answer, NP_MAIL_DEFER);
  EXPECT_EQ(sent_by(bob_.slot), 7U);
  EXPECT_EQ(sent_by(eve_.slot), 3U);
  EXPECT_EQ(sent_by(kReseller), 10U);
  EXPECT_EQ(sent_by(kAbove), 10U);
  EXPECT_EQ(programs_->connect.count(eve_.slot).allowed, 3U);
}

TEST_F(NestedMail, RefusedAtTheTopIsGivenBackBelow) {
  nest(50, 4);
  EXPECT_EQ(accepted(3), 3);
  EXPECT_EQ(std::ranges::count(eve_connects(6), 0), 1);
  EXPECT_EQ(ask().verdict, 2 * NP_MAIL_LEVEL + np_mail_verdict(NP_MAIL_HOUR, NP_MAIL_MESSAGES));
  EXPECT_EQ(sent_by(bob_.slot), 3U);
  EXPECT_EQ(sent_by(eve_.slot), 1U);
  EXPECT_EQ(sent_by(kReseller), 4U);
}

TEST_F(NestedMail, AllChildrenTogetherGetNoMoreThanTheParentHas) {
  nest(50);
  std::vector<int> direct;
  std::thread connecting([&] { direct = eve_connects(200); });
  const int by_mta = accepted(100);
  connecting.join();
  EXPECT_EQ(by_mta + std::ranges::count(direct, 0), 50);
}

TEST_F(NestedMail, ObservedIsChargedOnNoLevelWhenOneIsOver) {
  nest(2, 1);
  set_feature({.enabled = true, .mode = FeatureMode::observe});
  for (int i = 0; i < 4; ++i) ask();
  EXPECT_EQ(eve_connects(1), std::vector{0});
  EXPECT_EQ(sent_by(kAbove), 1U);
  EXPECT_EQ(sent_by(kReseller), 1U);
  EXPECT_EQ(sent_by(bob_.slot), 1U);
  EXPECT_EQ(sent_by(eve_.slot), 0U);
  EXPECT_EQ(programs_->connect.count(eve_.slot).would_deny, 1U);
}

TEST_F(NestedMail, DeletedParentIsNoParentAndItsSlotsNextOwnerPaysForNobody) {
  nest(10);
  EXPECT_EQ(accepted(2), 2);
  ASSERT_TRUE(programs_->remove({.name = "reseller", .slot = kReseller}, {}));
  ASSERT_TRUE(programs_->reset(kReseller));
  EXPECT_FALSE(programs_->mail.limit(kReseller).known);
  const Account next{.name = "next", .slot = kReseller};
  const MailLimits one{.messages_per_15min = {}, .messages_per_hour = 1, .bytes_per_hour = {}};
  ASSERT_TRUE(programs_->set(next, one, {}, NP_OVERRIDE_NONE));
  EXPECT_EQ(accepted(5), 5);
  EXPECT_EQ(sent_by(kReseller), 0U);
}

TEST_F(NestedMail, NobodyIsAboveItself) {
  nest(10);
  EXPECT_EQ(programs_->set(bob_, bob_.mail, {}, NP_OVERRIDE_NONE, bob_.slot).error().field, "parent");
  const Account reseller{.name = "reseller", .slot = kReseller};
  EXPECT_FALSE(programs_->set(reseller, {}, {}, NP_OVERRIDE_NONE, kReseller));
  EXPECT_FALSE(programs_->set({.name = "above", .slot = kAbove}, {}, {}, NP_OVERRIDE_NONE, kReseller)) << "a loop";
  EXPECT_FALSE(programs_->set({.name = "deep", .slot = 9}, {}, {}, NP_OVERRIDE_NONE, bob_.slot)) << "the fourth level";
  EXPECT_FALSE(programs_->set(bob_, bob_.mail, {}, NP_OVERRIDE_NONE, NP_SLOTS));
}

// NPANEL_CONNECTS: how many in all; scripts/nightly says a million.
TEST_F(MailKernel, FloodFromAHundredAccountsNeverOvershootsAndEveryRecordIsReadOrCounted) {
  constexpr uint32_t kAccounts = 100;
  constexpr uint32_t kLimit = 50;
  constexpr uint32_t kFloods = 2;  // at once, both through all accounts
  const char* wanted = std::getenv("NPANEL_CONNECTS");
  const int each = std::max(std::atoi(wanted ? wanted : "40000") / static_cast<int>(kAccounts * kFloods), 1);
  std::vector<Cgroup> cgroups;
  for (uint32_t slot = 10; slot < 10 + kAccounts; ++slot) {
    const std::string name = "flood" + std::to_string(slot);
    cgroups.push_back(sandbox_.tree().find_or_make(name).value());
    const Account account{.name = name, .slot = slot, .smtp = kAny};
    const MailLimits mail{.messages_per_15min = {}, .messages_per_hour = kLimit, .bytes_per_hour = {}};
    ASSERT_TRUE(programs_->set(account, mail, cgroups.back().id().value(), NP_OVERRIDE_NONE));
  }
  const auto flood = [&] {
    std::vector<int> made(2);
    for (const Cgroup& cgroup : cgroups) {
      if (!cgroup.add(::getpid())) return std::vector<int>{};
      for (int i = 0; i < each; ++i) ++made[connect_once({"127.0.0.1", kNobodyListens}) == EPERM ? 1 : 0];
    }
    return made;
  };
  std::array<Child, kFloods> floods{};
  for (Child& child : floods) child = start_in({}, flood);
  uint64_t told = 0;
  const auto read_records = [&] {
    EXPECT_TRUE(programs_->connect.drain_refusals([&](const np_smtp_refusal& record) { told += 1 + record.missed; }));
  };
  for (const Child& child : floods)
    for (pollfd answer{.fd = child.answer, .events = POLLIN, .revents = 0}; ::poll(&answer, 1, 10) == 0;)
      read_records();
  std::array<std::vector<int>, kFloods> made;
  std::ranges::transform(floods, made.begin(), finish);
  read_records();
  uint64_t allowed = 0;
  uint64_t denied = 0;
  const uint64_t tried = static_cast<uint64_t>(each) * kFloods;
  for (uint32_t slot = 10; slot < 10 + kAccounts; ++slot) {
    EXPECT_EQ(programs_->connect.count(slot).allowed, std::min<uint64_t>(kLimit, tried)) << slot;
    allowed += programs_->connect.count(slot).allowed;
    denied += programs_->connect.count(slot).denied;
    told += programs_->connect.count(slot).unrecorded;
  }
  ASSERT_EQ(made[0].size() + made[1].size(), 4U);
  EXPECT_EQ(static_cast<uint64_t>(made[0][0] + made[1][0]), allowed) << "as the processes saw it";
  EXPECT_EQ(static_cast<uint64_t>(made[0][1] + made[1][1]), denied);
  EXPECT_EQ(told + programs_->connect.total().lost, denied);
}

}  // namespace
}  // namespace npanel
