// SPDX-License-Identifier: Apache-2.0
// What an agent of layout v7 has pinned comes into today's maps, every number of it, and goes on to hold.
#include "kernel/layout_move.h"

#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "kernel/bpf/layout_v7.h"
#include "kernel/bpf_object.h"
#include "kernel/smtp_programs.h"
#include "layout_v7.skel.h"
#include "support/child.h"
#include "support/connect.h"
#include "support/sandbox.h"

namespace npanel {
namespace {

constexpr uint16_t kSmtp = 25;
constexpr uint32_t kBob = 7;
constexpr uint32_t kEve = 8;
constexpr uid_t kBobUid = 20001;
constexpr uid_t kBobSubuid = 100000;
constexpr uint32_t kMessagesAnHour = 500;
constexpr uint32_t kTokens = 2;
constexpr uint64_t kMessage = 77;
constexpr uint64_t kRecipient = 78;

// Every number is another one.
template <class Numbers>
Numbers counted(uint64_t first) {
  Numbers numbers{};
  auto* number = reinterpret_cast<uint64_t*>(&numbers);
  for (size_t i = 0; i < sizeof(numbers) / sizeof(uint64_t); ++i) number[i] = first + i;
  return numbers;
}

template <class One, class Other>
bool same_bytes(const One& one, const Other& other) {
  static_assert(sizeof(one) == sizeof(other));
  return std::memcmp(&one, &other, sizeof(one)) == 0;
}

// One message less than an hour may have, by the arithmetic that has not changed since.
np_mail_budget nearly_used_up() {
  np_mail_budget budget{};
  const np_mail_limit limit = kernel_limit({});
  const np_mail_amount sent{.messages = kMessagesAnHour - 1, .recipients = 7, .bytes = 7000};
  np_mail_take(&budget, &limit, &sent, NP_MAIL_CHARGE_ANYWAY, mail_time_ns());
  budget.generation = 3;
  budget.bucket = {.credit = kTokens * NP_MINUTE_NS, .refilled_ns = mail_time_ns()};
  return budget;
}

v7_mail_limit limit_an_hour() {
  const np_mail_limit limit = kernel_limit({.messages_per_15min = {},
                                            .recipients_per_15min = {},
                                            .messages_per_hour = kMessagesAnHour,
                                            .recipients_per_hour = {}});
  v7_mail_limit was{};
  static_assert(sizeof(was) == sizeof(limit));
  std::memcpy(&was, &limit, sizeof(was));
  return was;
}

// What its agent left when it was ended: bob, who is limited, eve, whose connections go to the MTA, and what they did.
class V7Agent {
 public:
  V7Agent(const Sandbox& sandbox, const Cgroup& bob, const Cgroup& eve) : dir_(sandbox.pin_dir() + "/v7/") {
    std::filesystem::create_directories(dir_);
    skeleton_.reset(np_layout_v7_bpf::open());
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, skeleton_->obj) if (!bpf_map__is_internal(map))
        bpf_map__set_pin_path(map, (dir_ + bpf_map__name(map)).c_str());
    EXPECT_EQ(np_layout_v7_bpf::load(skeleton_.get()), 0);
    link("link4", skeleton_->progs.np_smtp_conn4, sandbox);
    link("link6", skeleton_->progs.np_smtp_conn6, sandbox);
    link("release", skeleton_->progs.np_smtp_close, sandbox);
    say_who_is_who(bob.id().value(), eve.id().value());
    say_limits();
    say_counts();
  }

  np_mail_budget budget = nearly_used_up();

 private:
  void link(const char* name, bpf_program* program, const Sandbox& sandbox) {
    const LinkPtr made(bpf_program__attach_cgroup(program, sandbox.tree().fd()));
    EXPECT_EQ(bpf_link__pin(made.get(), (dir_ + name).c_str()), 0);
  }
  template <class Key, class Value>
  static void put(const bpf_map* map, const Key& key, const Value& value, __u64 flags = 0) {
    EXPECT_EQ(bpf_map_update_elem(bpf_map__fd(map), &key, &value, flags), 0) << bpf_map__name(map);
  }
  void say_who_is_who(uint64_t bob, uint64_t eve) {
    const v7_uid_prefix subuids{.bits = 16, .uid = {0, 1}};  // 65536 … 131071
    put(skeleton_->maps.np_acct_cgroup, bob, kBob);
    put(skeleton_->maps.np_acct_cgroup, eve, kEve);
    put(skeleton_->maps.np_acct_uid, kBobUid, kBob);
    put(skeleton_->maps.np_acct_subuid, subuids, kBob);
  }
  void say_limits() {
    v7_smtp_limit limit{};
    limit.per_minute = 1;
    limit.burst = 5;
    limit.mode = NP_SMTP_ENFORCE;
    limit.place = 25;
    put(skeleton_->maps.np_gate, __u32{NP_EMAIL_RATE_LIMITING}, v7_gate{.mode = NP_FEATURE_ENFORCE, .percent = 26});
    put(skeleton_->maps.np_smtp_limit, kBob, limit);
    limit.step = NP_SMTP_REDIRECT;
    limit.connections = 4;
    put(skeleton_->maps.np_smtp_limit, kEve, limit);
    put(skeleton_->maps.np_mail_limit, kBob, limit_an_hour());
    put(skeleton_->maps.np_mail_limit, kEve, limit_an_hour());
  }
  void say_counts() {
    v7_mail_budget was{};
    static_assert(sizeof(was) == sizeof(budget));
    std::memcpy(static_cast<void*>(&was), &budget, sizeof(was));
    was.open = 2;  // of sockets that the map of today knows nothing of
    put(skeleton_->maps.np_mail_budget, kBob, was, BPF_F_LOCK);
    put(skeleton_->maps.np_smtp_count, kBob, counted<v7_smtp_count>(100));
    put(skeleton_->maps.np_smtp_total, __u32{0}, v7_smtp_total{.unknown = 200, .lost = 201, .open = 2});
    put(skeleton_->maps.np_mail_count, kBob, counted<v7_mail_count>(300));
    put(skeleton_->maps.np_mail_charged, kMessage,
        v7_mail_charged{.at_ns = 400,
                        .instance = 401,
                        .bytes = 402,
                        .slot = kBob,
                        .generation = budget.generation,
                        .recipients = 2,
                        .known = 1});
    put(skeleton_->maps.np_mail_known, kRecipient, __u32{0});
  }

  std::string dir_;
  SkeletonPtr<np_layout_v7_bpf> skeleton_;
};

class LayoutMove : public testing::Test {
 protected:
  void SetUp() override {
    const V7Agent former(sandbox_, bob_, eve_);
    before_ = former.budget;
    auto attached = SmtpPrograms::attach({.cgroup_fd = sandbox_.tree().fd(),
                                          .account_level = sandbox_.tree().account_level(),
                                          .pin_dir = sandbox_.pin_dir(),
                                          .features = {}});
    ASSERT_TRUE(attached) << attached.error().text;
    programs_.emplace(std::move(*attached));
  }
  [[nodiscard]] bool pinned(const std::string& name) const {
    return std::filesystem::exists(sandbox_.pin_dir() + "/" + name);
  }
  std::vector<int> connects(int tries) {
    return run_in({&bob_}, [tries] {
      std::vector<int> made;
      for (int i = 0; i < tries; ++i) made.push_back(connect_once({"127.0.0.1", kSmtp}));
      return made;
    });
  }

  Sandbox sandbox_;
  Listener smtp_{kSmtp};
  Cgroup bob_ = sandbox_.tree().find_or_make("bob").value();
  Cgroup eve_ = sandbox_.tree().find_or_make("eve").value();
  np_mail_budget before_{};
  std::optional<SmtpPrograms> programs_;
};

TEST_F(LayoutMove, EveryCountIsTheSame) {
  EXPECT_TRUE(same_bytes(programs_->connect.count(kBob), counted<v7_smtp_count>(100)));
  EXPECT_TRUE(same_bytes(programs_->mail.count(kBob), counted<v7_mail_count>(300)));
  EXPECT_EQ(programs_->connect.total().unknown, 200U);
  EXPECT_EQ(programs_->connect.total().lost, 201U);
  EXPECT_EQ(programs_->connect.total().open, 0U);
  EXPECT_TRUE(same_bytes(programs_->mail.budget(kBob), before_)) << "windows, bucket and generation";
  EXPECT_TRUE(same_bytes(programs_->mail.limit(kBob), limit_an_hour()));
  const auto charged = programs_->mail.charged(kMessage);
  ASSERT_TRUE(charged);
  EXPECT_EQ(charged->instance, 401U);
  EXPECT_EQ(charged->bytes, 402U);
  EXPECT_EQ(charged->generation, before_.generation);
  EXPECT_EQ(charged->known, 1U);
  EXPECT_TRUE(programs_->mail.knows(kRecipient));
}

TEST_F(LayoutMove, WhatWasRenamedIsFoundByItsFormerName) {
  const auto bob = programs_->connect.limit(kBob);
  ASSERT_TRUE(bob);
  EXPECT_EQ(bob->bucket, 25U);
  EXPECT_EQ(bob->action, static_cast<__u32>(NP_SMTP_LIMIT));
  const auto eve = programs_->connect.limit(kEve);
  ASSERT_TRUE(eve);
  EXPECT_EQ(eve->action, static_cast<__u32>(NP_SMTP_REDIRECT));
  EXPECT_EQ(eve->connections, 4U);
  const np_feature_state feature = programs_->features.table()[NP_EMAIL_RATE_LIMITING];
  EXPECT_EQ(feature.mode, static_cast<__u32>(NP_FEATURE_ENFORCE)) << "nobody said anything else: as it was pinned";
  EXPECT_EQ(feature.percent, 26U);
}

TEST_F(LayoutMove, AccountsAreWhoTheyWere) {
  const auto held = programs_->held();
  ASSERT_EQ(held.size(), 2U);
  EXPECT_EQ(held.at(bob_.id().value()).slot, kBob);
  EXPECT_EQ(held.at(bob_.id().value()).uid, kBobUid);
  EXPECT_EQ(held.at(eve_.id().value()).smtp.mode, SmtpMode::redirect);
  EXPECT_EQ(programs_->identity.slot_of_user(kBobSubuid), kBob);
}

TEST_F(LayoutMove, BucketAndWindowsHoldOn) {
  EXPECT_EQ(programs_->mail.ask(kBob, {.messages = 2, .recipients = 2, .bytes = 2}, {}, NP_MAIL_ASK)->answer,
            NP_MAIL_DEFER);
  EXPECT_EQ(connects(3), (std::vector{0, EPERM, EPERM})) << "a connection is a message, and one is left of the hour";
  EXPECT_EQ(programs_->mail.ask(kBob, {.messages = 1, .recipients = 1, .bytes = 1}, {}, NP_MAIL_CHARGE)->answer,
            NP_MAIL_DEFER);
}

TEST_F(LayoutMove, OnlyTokensThatWereLeftAreSpent) {
  ASSERT_TRUE(programs_->mail.remove_limit(kBob));
  const auto made = connects(5);
  EXPECT_EQ(std::ranges::count(made, 0), static_cast<std::ptrdiff_t>(kTokens));
  EXPECT_EQ(std::ranges::count(made, EPERM), 5 - static_cast<std::ptrdiff_t>(kTokens));
}

TEST_F(LayoutMove, TheFormerDirectoryIsGoneAndTheHooksArePinnedInOurs) {
  EXPECT_FALSE(pinned("v7"));
  for (const char* name : {"v8/link4", "v8/link6", "v8/release", "v8/np_feature"}) EXPECT_TRUE(pinned(name)) << name;
  EXPECT_FALSE(pinned("v8/np_gate"));
}

}  // namespace
}  // namespace npanel
