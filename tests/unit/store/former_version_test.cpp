// SPDX-License-Identifier: Apache-2.0
// What does a database of the version before the field's words (migrations/0010_words.sql) bring along?
#include <gtest/gtest.h>

#include "recovery_fixture.h"
#include "store/database.h"
#include "store/migrate.h"
#include "store/salvage.h"

namespace npanel {
namespace {

constexpr size_t kFormer = 9;  // migrations
constexpr int64_t kNowMs = 1'700'000'000'000;

class FormerVersion : public DatabaseRecovery {
 protected:
  void SetUp() override {
    const auto old = open_database(path_).value();
    ASSERT_TRUE(migrate(*old, built_in_migrations().first(kFormer)));
    put_old_accounts(*old, 2);
    old->exec(R"(
UPDATE account SET raise_messages_per_hour = 2000, raise_until_ms = 5, raise_until_boot_ms = 6 WHERE name = 'site0';
UPDATE feature_flags SET enabled = 1, mode = 'observe', rollout = 30 WHERE name = 'email_rate_limiting';
INSERT INTO feature_override VALUES ('email_rate_limiting', 'site1', 1);
INSERT INTO mail_care (account, brake_cause, brake_percent, brake_until_ms, noticed_ms, dns_noticed_ms)
  VALUES ('site0', 'deferrals', 70, 5, 7, 8);
INSERT INTO kept_answer (client, key, fingerprint, at_ms, status, body, headers)
  VALUES ('token panel', 'k', 'f', 1700000000000, 201, '{}', '[["ETag","\"1\""]]');
INSERT INTO event (at_ms, account, kind, detail) VALUES
  (1, 'site0', 'account_created', '{"rate_limit":{"burst":1},"uid":20000}'),
  (2, 'site0', 'mail_braked', '{"brake":{"cause":"deferrals"},"reason":"brake: "}'),
  (3, 'site0', 'mail_brake_released', '{"brake":null,"reason":null}'),
  (4, 'site0', 'rate_limit_changed', '{"after":{"burst":2},"before":{"burst":1}}'),
  (5, 'site0', 'smtp_denied', '{"command":"rate_limit","limit":"rate_limit"}'),
  (6, 'site0', 'owner_told', '{"reason":"rate_limit","to":"rate_limit@site0.example"}'),
  (7, 'site0', 'mail_deferred', '{"limit":"messages_per_hour"}');
)");
  }

  static void expect_whole(Store& store) {
    const auto accounts = store.accounts().value();
    ASSERT_EQ(accounts.size(), 2U);
    EXPECT_EQ(accounts[0].smtp, account_of(0).smtp);
    EXPECT_EQ(accounts[0].raise, (MailRaise{.messages_per_hour = 2000, .until_ms = 5, .until_boot_ms = 6}));
    expect_features(store);
    EXPECT_EQ(store.mail_decisions().value().at("site0"),
              (MailDecisions{.throttle = MailThrottle{.cause = ThrottleCause::deferred, .percent = 70, .until_ms = 5},
                             .noticed_ms = 7,
                             .dns_noticed_ms = 8}));
    const auto reply = store.find("token panel", "k", kNowMs).value();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 201);
    EXPECT_EQ(reply->headers.at(0).first, "ETag");
    expect_events(store);
  }

 private:
  static void expect_features(Store& store) {
    const auto features = store.features().value();
    const auto mail = std::ranges::find(features, "email_rate_limiting", &StoredFeature::name);
    ASSERT_NE(mail, features.end());
    EXPECT_EQ(*mail, (StoredFeature{.name = "email_rate_limiting",
                                    .enabled = true,
                                    .mode = "observe",
                                    .rollout = 30,
                                    .overrides = {{"site1", true}}}));
  }
  static void expect_events(Store& store) {
    constexpr std::pair<const char*, const char*> kNow[] = {
        {"mail_deferred", R"({"limit":"messages_per_hour"})"},
        {"owner_told", R"({"reason":"smtp","to":"rate_limit@site0.example"})"},
        {"smtp_denied", R"({"command":"rate_limit","limit":"smtp"})"},
        {"smtp_changed", R"({"after":{"burst":2},"before":{"burst":1}})"},
        {"mail_throttle_released", R"({"throttle":null,"reason":null})"},
        {"mail_throttled", R"({"throttle":{"cause":"deferrals"},"reason":"brake: "})"},
        {"account_created", R"({"smtp":{"burst":1},"uid":20000})"}};
    const auto events = store.events("site0", 10).value();
    ASSERT_EQ(events.size(), std::size(kNow));
    for (size_t i = 0; i < events.size(); ++i) {
      EXPECT_EQ(events[i].kind, kNow[i].first);
      EXPECT_EQ(events[i].detail, kNow[i].second);
      EXPECT_EQ(events[i].at_ms, static_cast<int64_t>(events.size() - i)) << "in their order";
    }
  }
};

TEST_F(FormerVersion, ComesOverWhole) {
  Opened opened = open();
  EXPECT_TRUE(opened.repairs.empty()) << joined(opened.repairs);
  expect_whole(opened.store);
}

TEST_F(FormerVersion, ComesOverWholeOutOfADamagedFile) {
  const std::string fresh = dir_.path("fresh.db");
  const auto saved = salvage(path_, fresh, {});
  ASSERT_TRUE(saved) << saved.error().text;
  EXPECT_EQ(saved->accounts, 2U);
  EXPECT_EQ(saved->events, 7U);
  Store store = Store::open(fresh).value();
  expect_whole(store);
}

TEST_F(FormerVersion, ASalvageOfTodaysDatabaseLosesNothingEither) {
  open().store.close();
  const std::string fresh = dir_.path("fresh.db");
  ASSERT_TRUE(salvage(path_, fresh, {}));
  Store store = Store::open(fresh).value();
  expect_whole(store);
}

}  // namespace
}  // namespace npanel
