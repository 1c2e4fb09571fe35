// SPDX-License-Identifier: Apache-2.0
// Switches, tokens, idempotent replies and configurations, and that notes are one with their change.
#include <gtest/gtest.h>

#include <algorithm>

#include "npanel/feature.h"
#include "sample.h"
#include "store/database.h"
#include "store/migrate.h"
#include "support/temp_dir.h"

namespace npanel {
namespace {

constexpr int64_t kNowMs = 1'700'000'000'000;
constexpr int64_t kDayMs = 24LL * 3600 * 1000;

class Control : public testing::Test {
 protected:
  Store open() const { return Store::open(path_).value(); }
  void raw(const std::string& sql) const { SQLite::Database(path_, SQLite::OPEN_READWRITE).exec(sql); }
  // As a version without switches left it.
  void make_old(uint32_t accounts) const {
    const auto old = open_database(path_).value();
    ASSERT_TRUE(migrate(*old, built_in_migrations().first(2)));
    put_old_accounts(*old, accounts);
  }
  static StoredFeature feature(Store& store, const std::string& name) {
    const auto features = store.features().value();
    for (const StoredFeature& feature : features)
      if (feature.name == name) return feature;
    return {};
  }
  static std::vector<std::string> enabled(Store& store) {
    std::vector<std::string> names;
    const auto features = store.features().value();
    for (const StoredFeature& feature : features)
      if (feature.enabled) names.push_back(feature.name);
    return names;
  }
  static Notes notes() { return {.events = {event_of("site0")}, .audit = {entry_of("site0")}}; }
  static size_t noted(Store& store) { return store.events(std::nullopt, 10)->size() + store.audit({})->size(); }

  const TempDir dir_;
  const std::string path_ = dir_.path("npanel.db");
};

TEST_F(Control, AFreshDatabaseHasEveryFeatureAndAllAreOff) {
  Store store = open();
  const auto features = store.features().value();
  EXPECT_EQ(features.size(), size_t{NP_FEATURES});
  for (const StoredFeature& one : features) EXPECT_EQ(one, StoredFeature{.name = one.name});
  EXPECT_EQ(feature(store, "whmcs_integration").rollout, 100u);
}

TEST_F(Control, AnUpgradeOfAServerWithAccountsLiftsNoLimit) {
  make_old(2);
  Store store = open();
  EXPECT_EQ(enabled(store), (std::vector<std::string>{"agent_watchdog", "cgroups_isolation", "email_rate_limiting"}));
}

TEST_F(Control, AnUpgradeOfAServerWithoutAccountsSwitchesNothingOn) {
  make_old(0);
  Store store = open();
  EXPECT_TRUE(enabled(store).empty());
}

TEST_F(Control, KeepsAFeatureAndItsOverridesApart) {
  {
    Store store = open();
    const StoredFeature wanted{
        .name = "smart_defaults", .enabled = true, .mode = "observe", .rollout = 5, .switched_off = "costs 3%"};
    ASSERT_TRUE(store.put_override("smart_defaults", "bob", true, {}));
    ASSERT_TRUE(store.put_override("smart_defaults", "eve", false, {}));
    ASSERT_TRUE(store.put(wanted, {}));
    ASSERT_TRUE(store.put_override("smart_defaults", "eve", true, {}));
  }
  Store store = open();
  const StoredFeature expected{.name = "smart_defaults",
                               .enabled = true,
                               .mode = "observe",
                               .rollout = 5,
                               .switched_off = "costs 3%",
                               .overrides = {{"bob", true}, {"eve", true}}};
  EXPECT_EQ(feature(store, "smart_defaults"), expected);
  ASSERT_TRUE(store.put_override("smart_defaults", "eve", std::nullopt, {}));
  EXPECT_EQ(feature(store, "smart_defaults").overrides, (std::map<std::string, bool, std::less<>>{{"bob", true}}));
}

TEST_F(Control, AnAccountsOverridesVanishWithIt) {
  Store store = open();
  put_accounts(store, 2);
  ASSERT_TRUE(store.put_override("soak_testing", "site0", true, {}));
  ASSERT_TRUE(store.put_override("soak_testing", "site1", true, {}));
  ASSERT_TRUE(store.put(account_of(0), {})) << "a change of the account is no end of it";
  EXPECT_EQ(feature(store, "soak_testing").overrides.size(), 2u);
  ASSERT_TRUE(store.erase("site0", {}));
  EXPECT_EQ(feature(store, "soak_testing").overrides, (std::map<std::string, bool, std::less<>>{{"site1", true}}));
}

TEST_F(Control, RefusesAFeatureThatBreaksTheRulesOfItsTable) {
  Store store = open();
  for (const StoredFeature& wrong :
       {StoredFeature{.name = "soak_testing", .mode = "off"}, StoredFeature{.name = "soak_testing", .rollout = 101}}) {
    const auto refused = store.put(wrong, notes());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ENOTRECOVERABLE) << refused.error().text;
  }
  EXPECT_EQ(feature(store, "soak_testing"), StoredFeature{.name = "soak_testing"});
  EXPECT_EQ(noted(store), 0u) << "neither the change nor its notes";
}

TEST_F(Control, AdministratorsMayEditTheSwitchesOnlyWithinTheirRules) {
  open();
  EXPECT_THROW(raw("UPDATE feature_flags SET enabled = 2"), SQLite::Exception);
  EXPECT_THROW(raw("UPDATE feature_flags SET mode = 'off'"), SQLite::Exception);
  EXPECT_THROW(raw("UPDATE feature_flags SET rollout = -1"), SQLite::Exception);
  EXPECT_THROW(raw("INSERT INTO feature_override VALUES ('soak_testing', 'bob', 7)"), SQLite::Exception);
  raw("UPDATE feature_flags SET enabled = 1 WHERE name IN ('soak_testing', 'audit_logs_v2')");
  raw("INSERT INTO feature_flags (name) VALUES ('of_my_own')");
  Store store = open();
  EXPECT_EQ(enabled(store), (std::vector<std::string>{"audit_logs_v2", "soak_testing"}));
  EXPECT_EQ(feature(store, "of_my_own").name, "of_my_own");
}

TEST_F(Control, SeesWhatAnotherConnectionChangedAndNotItsOwnChanges) {
  Store store = open();
  const int64_t before = store.foreign_changes().value();
  put_accounts(store, 2);
  ASSERT_TRUE(store.put(StoredFeature{.name = "soak_testing", .enabled = true}, notes()));
  EXPECT_EQ(store.foreign_changes().value(), before);
  raw("UPDATE feature_flags SET enabled = 1 WHERE name = 'audit_logs_v2'");
  const int64_t after = store.foreign_changes().value();
  EXPECT_NE(after, before);
  EXPECT_EQ(store.foreign_changes().value(), after);
  EXPECT_EQ(enabled(store).size(), 2u);
}

TEST_F(Control, NotesAreOnDiskWithTheirChangeOrNotAtAll) {
  Store store = open();
  ASSERT_TRUE(store.put(account_of(0), notes()));
  EXPECT_EQ(noted(store), 2u);
  Account thief = account_of(1);
  thief.uid = account_of(0).uid;
  EXPECT_FALSE(store.put(thief, notes()));
  EXPECT_EQ(noted(store), 2u);
  EXPECT_EQ(store.accounts()->size(), 1u);
  // Whatever of the notes cannot be written takes the change back.
  raw("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT raise(ABORT, 'no'); END");
  EXPECT_FALSE(store.put(account_of(2), notes()));
  EXPECT_FALSE(store.erase("site0", notes()));
  EXPECT_FALSE(store.put(StoredFeature{.name = "soak_testing", .enabled = true}, notes()));
  EXPECT_FALSE(store.put_override("soak_testing", "site0", true, notes()));
  EXPECT_FALSE(store.put(Token{.name = "panel", .hash = std::string(64, 'a')}, notes()));
  EXPECT_FALSE(store.add({.actor = "agent", .files = {{"/a", "x = 1"}}}, notes()));
  EXPECT_EQ(noted(store), 2u);
  EXPECT_EQ(store.accounts().value(), std::vector{account_of(0)});
  EXPECT_EQ(feature(store, "soak_testing"), StoredFeature{.name = "soak_testing"});
  EXPECT_TRUE(store.tokens()->empty());
  EXPECT_TRUE(store.config_versions(10)->empty());
}

TEST_F(Control, TokensAreReplacedByNameAndErased) {
  Store store = open();
  const Token panel{.name = "panel", .scope = TokenScope::write, .hash = std::string(64, 'a'), .created_ms = 5};
  Token rotated = panel;
  rotated.hash = std::string(64, 'b');
  const Token monitor{.name = "monitor", .scope = TokenScope::read, .hash = std::string(64, 'c'), .created_ms = 6};
  ASSERT_TRUE(store.put(panel, notes()));
  ASSERT_TRUE(store.put(monitor, {}));
  ASSERT_TRUE(store.put(rotated, {}));
  EXPECT_EQ(store.tokens().value(), (std::vector{monitor, rotated}));
  ASSERT_TRUE(store.erase_token("panel", notes()));
  EXPECT_EQ(store.tokens().value(), std::vector{monitor});
  EXPECT_EQ(store.audit({})->size(), 2u);
}

TEST_F(Control, RefusesATokenWithoutAHash) {
  Store store = open();
  EXPECT_FALSE(store.put(Token{.name = "panel", .hash = ""}, {}));
  EXPECT_TRUE(store.tokens()->empty());
}

IdempotentReply answer_of(const std::string& client, const std::string& key, int64_t at_ms) {
  return {.client = client, .key = key, .fingerprint = "f", .at_ms = at_ms, .status = 201, .body = R"({"name":"bob"})"};
}

TEST_F(Control, IdempotentRepliesAreOfOneClientAndExpireAfterADay) {
  Store store = open();
  ASSERT_TRUE(store.keep(answer_of("token panel", "k1", kNowMs)));
  const auto found = store.find("token panel", "k1", kNowMs + kDayMs - 1).value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->status, 201);
  EXPECT_EQ(found->body, R"({"name":"bob"})");
  EXPECT_EQ(found->fingerprint, "f");
  EXPECT_TRUE(found->headers.empty());
  IdempotentReply answer = answer_of("token panel", "with headers", kNowMs);
  answer.headers = {{"ETag", "\"0123456789abcdef\""}, {"Location", "/api/v1/jobs/1"}};
  ASSERT_TRUE(store.keep(answer));
  EXPECT_EQ(store.find("token panel", "with headers", kNowMs).value()->headers, answer.headers);
  EXPECT_EQ(found->at_ms, kNowMs);
  EXPECT_FALSE(store.find("token other", "k1", kNowMs).value());
  EXPECT_FALSE(store.find("token panel", "k2", kNowMs).value());
  EXPECT_FALSE(store.find("token panel", "k1", kNowMs + kDayMs).value());
  ASSERT_TRUE(store.keep(answer_of("token panel", "k2", kNowMs + kDayMs)));  // both of the day before go
  EXPECT_EQ(SQLite::Database(path_).execAndGet("SELECT count(*) FROM idempotent_reply").getInt(), 1);
}

TEST_F(Control, AKeyIsKeptWithTheChangeThatItBrought) {
  Store store = open();
  Notes keyed = notes();
  keyed.audit.front().key =
      IdempotentReply{.client = "token panel", .key = "k1", .fingerprint = "f", .at_ms = kNowMs + kDayMs};
  ASSERT_TRUE(store.keep(answer_of("token panel", "k1", kNowMs)));  // yesterday's
  const Token refused{.name = "monitor", .hash = ""};
  EXPECT_FALSE(store.put(refused, keyed));
  EXPECT_FALSE(store.find("token panel", "k1", kNowMs + kDayMs).value()) << "what did not happen has no key";
  ASSERT_TRUE(store.append(keyed));
  EXPECT_EQ(store.find("token panel", "k1", kNowMs + kDayMs).value(), keyed.audit.front().key);
  ASSERT_TRUE(store.keep(answer_of("token panel", "k1", kNowMs + kDayMs)));
  ASSERT_TRUE(store.append(keyed));  // an entry that had to wait
  EXPECT_EQ(store.find("token panel", "k1", kNowMs + kDayMs).value()->status, 201);
}

TEST_F(Control, ATokenMadeAnewDoesNotSeeTheAnswersOfItsPredecessor) {
  Store store = open();
  const Token panel{.name = "panel", .scope = TokenScope::write, .hash = std::string(64, 'a'), .created_ms = 5};
  Token fresh = panel;
  fresh.hash = std::string(64, 'b');
  ASSERT_TRUE(store.put(panel, {}));
  ASSERT_TRUE(store.keep(answer_of(actor_of_token("panel"), "k", kNowMs)));
  ASSERT_TRUE(store.keep(answer_of(actor_of_token("other"), "k", kNowMs)));
  ASSERT_TRUE(store.put(fresh, {}));
  EXPECT_TRUE(store.find(actor_of_token("panel"), "k", kNowMs).value()) << "rotated, it is the same client's";
  ASSERT_TRUE(store.erase_token("panel", {}));
  ASSERT_TRUE(store.put(fresh, {}));
  EXPECT_FALSE(store.find(actor_of_token("panel"), "k", kNowMs).value());
  EXPECT_TRUE(store.find(actor_of_token("other"), "k", kNowMs).value());
}

TEST_F(Control, KeepsAtMostAHundredThousandAnswers) {
  Store store = open();
  raw("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) INSERT INTO idempotent_reply "
      "SELECT 'token panel', 'k' || i, '', 1700000000000, 200, '', '[]' FROM n");
  ASSERT_TRUE(store.keep(answer_of("token panel", "new", kNowMs)));
  EXPECT_EQ(SQLite::Database(path_).execAndGet("SELECT count(*) FROM idempotent_reply").getInt(), 100'000);
  EXPECT_FALSE(store.find("token panel", "k1", kNowMs).value());
  EXPECT_TRUE(store.find("token panel", "new", kNowMs).value());
}

ConfigVersion version_of(int number) {
  return {.at_ms = kNowMs,
          .actor = "uid 0 (root)",
          .files = {{"/etc/npanel/agent.toml", "# \"größer\"\nx = " + std::to_string(number) + "\n"},
                    {"/etc/npanel/conf.d/10.toml", ""}}};
}

TEST_F(Control, ConfigurationsComeBackByIdAndNewestFirst) {
  Store store = open();
  EXPECT_EQ(store.add(version_of(1), notes()).value(), 1);
  EXPECT_EQ(store.add(version_of(2), {}).value(), 2);
  EXPECT_EQ(store.add(version_of(2), notes()).value(), 2) << "nothing has changed";
  EXPECT_EQ(store.add(version_of(1), {}).value(), 3) << "a rollback is a version of its own";
  EXPECT_EQ(store.audit({})->size(), 2u);
  const auto versions = store.config_versions(2).value();
  ASSERT_EQ(versions.size(), 2u);
  EXPECT_EQ(versions[0].id, 3);
  EXPECT_EQ(versions[1].files, version_of(2).files);
  EXPECT_EQ(store.config_version(1)->files, version_of(1).files);
  EXPECT_EQ(store.config_version(1)->actor, "uid 0 (root)");
  const auto unknown = store.config_version(9);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ENOENT);
}

TEST_F(Control, KeepsTheNewestFiftyConfigurationsAndUsesNoIdTwice) {
  Store store = open();
  for (int number = 1; number <= 53; ++number) ASSERT_TRUE(store.add(version_of(number), {}));
  EXPECT_EQ(store.config_versions(100)->size(), 50u);
  EXPECT_EQ(store.config_versions(100)->back().id, 4);
  raw("DELETE FROM config_version WHERE id = 53");
  EXPECT_EQ(store.add(version_of(99), {}).value(), 54);
}

TEST_F(Control, RefusesAConfigurationThatIsNotUtf8) {
  Store store = open();
  for (const ConfigVersion& wrong : {ConfigVersion{.actor = "agent", .files = {{"/a", "\xff"}}},
                                     ConfigVersion{.actor = "agent", .files = {{"/\xff", "x = 1"}}}}) {
    const auto refused = store.add(wrong, {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, EINVAL);
    EXPECT_EQ(refused.error().field, "files");
  }
}

}  // namespace
}  // namespace npanel
