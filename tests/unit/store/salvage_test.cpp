// SPDX-License-Identifier: Apache-2.0
// What stays of switches, tokens, configurations and the audit trail when the file is damaged.
#include <gtest/gtest.h>

#include "recovery_fixture.h"
#include "store/audit_chain.h"
#include "store/database.h"
#include "store/migrate.h"

namespace npanel {
namespace {

constexpr size_t kPage = 4096;

class SalvageTest : public DatabaseRecovery {
 protected:
  void SetUp() override {
    Store store = Store::open(path_).value();
    put_accounts(store, 3);
    ASSERT_TRUE(store.put(StoredFeature{.name = "soak_testing", .enabled = true, .mode = "observe", .rollout = 7}, {}));
    ASSERT_TRUE(store.put(StoredFeature{.name = "cgroups_isolation", .enabled = true, .mode = "observe"}, {}));
    ASSERT_TRUE(store.put_override("soak_testing", "site1", false, {}));
    ASSERT_TRUE(store.put(Token{.name = "panel", .scope = TokenScope::write, .hash = std::string(64, 'a')}, {}));
    ASSERT_TRUE(store.keep(
        {.client = "token panel", .key = "k", .fingerprint = "f", .at_ms = kNowMs, .status = 200, .body = "{}"}));
    ASSERT_TRUE(store.add({.actor = "agent", .files = {{"/a.toml", "x = 1"}}}, {}));
    ASSERT_TRUE(store.append({.audit = std::vector(500, entry_of("site0"))}));
    ASSERT_TRUE(store.append(notes_of("site0", 2000)));
  }
  // The page in the middle of a table or index is overwritten.
  void damage(const std::string& tree) const {
    int64_t page = 0;
    {
      SQLite::Database database(path_, SQLite::OPEN_READWRITE);
      database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
      // dbstat is not built into Debian's library: a row's text tells the page.
      page = database.execAndGet("SELECT rootpage FROM sqlite_schema WHERE name = '" + tree + "'").getInt64();
    }
    overwrite(path_, static_cast<size_t>(page - 1) * kPage, std::string(kPage, '\xff'));
  }
  // The leaf in which an audit entry of this text lies.
  void damage_page_with(const std::string& text) const {
    const size_t at = bytes_of(path_).find(text);
    ASSERT_NE(at, std::string::npos);
    overwrite(path_, at / kPage * kPage, std::string(kPage, '\xff'));
  }
  static StoredFeature feature(Store& store, const std::string& name) {
    const auto features = store.features().value();
    for (const StoredFeature& feature : features)
      if (feature.name == name) return feature;
    return {};
  }
  static constexpr int64_t kNowMs = 1'700'000'000'000;
};

TEST_F(SalvageTest, SavesEverythingWhenAPageOfEventsIsDamaged) {
  damage("event_account");
  Opened opened = open();
  expect_says(opened.repairs, "its 3 accounts, 2003 events and 500 entries of the audit trail were saved");
  const StoredFeature soak = feature(opened.store, "soak_testing");
  EXPECT_TRUE(soak.enabled);
  EXPECT_EQ(soak.mode, "observe");
  EXPECT_EQ(soak.rollout, 7u);
  EXPECT_EQ(soak.overrides, (std::map<std::string, bool, std::less<>>{{"site1", false}}));
  EXPECT_EQ(feature(opened.store, "cgroups_isolation").mode, "observe");
  EXPECT_FALSE(feature(opened.store, "email_rate_limiting").enabled) << "as the administrator had it";
  EXPECT_EQ(opened.store.features()->size(), 15u);
  ASSERT_EQ(opened.store.tokens()->size(), 1u);
  EXPECT_EQ(opened.store.tokens()->front().scope, TokenScope::write);
  EXPECT_TRUE(opened.store.find("token panel", "k", kNowMs).value());
  EXPECT_EQ(opened.store.config_version(1)->files.at("/a.toml"), "x = 1");
  ASSERT_TRUE(opened.store.append({.audit = {entry_of("site1")}}));
  opened.store.close();
  const auto proof = verify_audit(path_, std::nullopt);
  ASSERT_TRUE(proof) << proof.error().text;
  EXPECT_EQ(proof->entries, 501u);
}

TEST_F(SalvageTest, AnAuditTrailWithALostPageIsSavedAroundItAndSaysSo) {
  {
    Store store = Store::open(path_).value();
    ASSERT_TRUE(store.append({.audit = {entry_of("site0", "look.here")}}));
    ASSERT_TRUE(store.append({.audit = std::vector(500, entry_of("site0"))}));
  }
  const std::string hash = SQLite::Database(path_).execAndGet("SELECT hash FROM audit WHERE id = 501").getString();
  damage_page_with(hash);
  Opened opened = open();
  const auto entries = opened.store.audit({.limit = 2000}).value();
  EXPECT_GT(entries.size(), 900u);
  EXPECT_LT(entries.size(), 1001u);
  EXPECT_EQ(entries.front().id, 1001);
  EXPECT_EQ(entries.back().id, 1);
  ASSERT_TRUE(opened.store.append({.audit = {entry_of("site1")}}));
  opened.store.close();
  const auto proof = verify_audit(path_, std::nullopt);
  ASSERT_FALSE(proof);
  EXPECT_EQ(proof.error().code, EBADMSG);
  EXPECT_NE(proof.error().text.find(" are missing"), std::string::npos) << proof.error().text;
}

TEST_F(SalvageTest, AnAuditTrailWithoutItsHeadDoesNotLookComplete) {
  damage("audit_head");
  Opened opened = open();
  EXPECT_EQ(opened.store.audit({.limit = 1000})->size(), 500u);
  ASSERT_TRUE(opened.store.append({.audit = {entry_of("site1")}}));
  EXPECT_EQ(opened.store.audit({.limit = 1})->front().id, 502);
  opened.store.close();
  const auto proof = verify_audit(path_, std::nullopt);
  ASSERT_FALSE(proof);
  EXPECT_NE(proof.error().text.find("entry 501 is missing"), std::string::npos) << proof.error().text;
}

TEST_F(SalvageTest, SwitchesThatCannotBeReadAreAsInTheNewestBackup) {
  back_up();
  damage("feature_flags");
  Opened opened = open();
  expect_says(opened.repairs, "saved from the damaged file itself");
  EXPECT_EQ(feature(opened.store, "soak_testing").rollout, 7u);
  EXPECT_FALSE(feature(opened.store, "email_rate_limiting").enabled);
  EXPECT_EQ(feature(opened.store, "soak_testing").overrides.size(), 1u);
}

TEST_F(SalvageTest, SwitchesThatAreLostLiftNoLimit) {
  damage("feature_flags");
  Opened opened = open();
  for (const char* name : {"cgroups_isolation", "email_rate_limiting", "agent_watchdog"})
    EXPECT_TRUE(feature(opened.store, name).enabled) << name;
  EXPECT_FALSE(feature(opened.store, "soak_testing").enabled);
}

TEST_F(SalvageTest, ADatabaseThatIsLostAltogetherLiftsNoLimitEither) {
  write_bytes(path_, "no database");
  Opened opened = open();
  expect_says(opened.repairs, "begins empty");
  EXPECT_TRUE(feature(opened.store, "cgroups_isolation").enabled);
}

TEST_F(SalvageTest, ADamagedDatabaseOfAVersionWithoutSwitchesLiftsNoLimit) {
  const std::string path = dir_.path("old/npanel.db");
  std::filesystem::create_directory(dir_.path("old"));
  {
    auto old = open_database(path).value();
    ASSERT_TRUE(migrate(*old, built_in_migrations().first(2)));
    put_old_accounts(*old, 2);
    SQLite::Statement row(*old, "INSERT INTO event (at_ms, account, kind, detail) VALUES (?, ?, ?, ?)");
    for (const Event& event : events_of("site0", 2000)) {
      row.reset();
      row.bind(1, event.at_ms);
      row.bind(2, *event.account);
      row.bind(3, event.kind);
      row.bind(4, event.detail);
      row.exec();
    }
  }
  const size_t pages = bytes_of(path).size() / kPage;
  overwrite(path, pages / 2 * kPage, std::string(kPage, '\xff'));
  auto opened = open_or_recover(path, scratch_);
  ASSERT_TRUE(opened) << opened.error().text;
  expect_says(opened->repairs, "saved from the damaged file itself");
  EXPECT_TRUE(feature(opened->store, "cgroups_isolation").enabled);
  ASSERT_TRUE(opened->store.append({.audit = {entry_of("site0")}}));
  opened->store.close();
  EXPECT_TRUE(verify_audit(path, std::nullopt)) << "a trail that begins now is whole";
}

TEST_F(SalvageTest, DropsRowsThatBreakTheRulesOfTheirTable) {
  {
    SQLite::Database database(path_, SQLite::OPEN_READWRITE);
    database.exec("PRAGMA ignore_check_constraints = ON");
    database.exec("UPDATE feature_flags SET mode = 'enforcf' WHERE name = 'soak_testing'");
    database.exec("INSERT INTO feature_override VALUES ('soak_testing', 'site0', 9), ('soak_testing', 'nobody', 1)");
    database.exec("INSERT INTO token VALUES ('short', 'write', 'abc', 0), ('odd', 'wrize', '" + std::string(64, 'b') +
                  "', 0)");
    database.exec("INSERT INTO config_version (at_ms, actor, files) VALUES (0, 'agent', 'no json')");
  }
  Opened opened = open();
  expect_says(opened.repairs, "CHECK constraint failed");
  EXPECT_FALSE(feature(opened.store, "soak_testing").enabled);
  EXPECT_EQ(feature(opened.store, "soak_testing").overrides,
            (std::map<std::string, bool, std::less<>>{{"site1", false}}));
  EXPECT_EQ(feature(opened.store, "cgroups_isolation").mode, "observe");
  ASSERT_EQ(opened.store.tokens()->size(), 1u);
  EXPECT_EQ(opened.store.tokens()->front().name, "panel");
  EXPECT_EQ(opened.store.config_versions(10)->size(), 1u);
}

}  // namespace
}  // namespace npanel
