// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "store/database.h"
#include "support/temp_dir.h"

namespace npanel {
namespace {

const Account kBob{.name = "bob",
                   .slot = 0,
                   .uid = 20001,
                   .limits = {.cpu_percent = 20, .pids_max = std::nullopt},
                   .smtp = {.per_minute = 60, .burst = 3, .mode = SmtpMode::observe}};
const Account kEve{
    .name = "Eve.2", .slot = 1, .state = AccountState::suspended, .uid_of_user = true, .directory = "eve"};

Event happened(const std::string& account, const std::string& kind) {
  return {.at_ms = 1, .account = account, .kind = kind, .detail = "{}"};
}

TEST(Store, GivesBackWhatWasPutAfterReopening) {
  const TempDir dir;
  {
    auto store = Store::open(dir.path("db"));
    ASSERT_TRUE(store) << store.error().text;
    ASSERT_TRUE(store->put(kBob, {}));
    ASSERT_TRUE(store->put(kEve, {}));
  }
  auto store = Store::open(dir.path("db"));
  ASSERT_TRUE(store) << store.error().text;
  EXPECT_EQ(store->accounts().value(), (std::vector{kEve, kBob}));
}

TEST(Store, WhatIsToldOfAnAccountFollowsItsNewName) {
  const TempDir dir;
  auto store = Store::open(dir.path("db")).value();
  ASSERT_TRUE(store.put(kBob, {.events = {happened("bob", "suspended")}}));
  ASSERT_TRUE(store.put(kEve, {.events = {happened("Eve.2", "resumed")}}));
  ASSERT_TRUE(store.put_override("cgroups_isolation", "bob", true, {}));
  ASSERT_TRUE(store.put_override("cgroups_isolation", "john.doe", false, {}));
  ASSERT_TRUE(store.put("bob", MailDecisions{.noticed_ms = 7}, {}));
  Account john = kBob;
  john.name = "john.doe";
  john.uid = 20002;
  ASSERT_TRUE(store.rename("bob", john, {.events = {happened("john.doe", "renamed")}}));
  EXPECT_EQ(store.accounts().value(), (std::vector{kEve, john}));
  EXPECT_TRUE(store.events("bob", 10)->empty());
  const auto events = store.events("john.doe", 10).value();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[1].kind, "suspended");
  EXPECT_EQ(store.mail_decisions()->at("john.doe").noticed_ms, 7);
  const auto features = store.features().value();
  const auto isolation = std::ranges::find(features, "cgroups_isolation", &StoredFeature::name);
  ASSERT_NE(isolation, features.end());
  EXPECT_EQ(isolation->overrides, (std::map<std::string, bool, std::less<>>{{"john.doe", true}}));
  Account taken = kEve;
  taken.name = "other";
  taken.uid = 20002;
  const auto refused = store.rename("Eve.2", taken, {.events = {happened("other", "renamed")}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().field, "uid");
  EXPECT_EQ(store.events("Eve.2", 10)->size(), 1U) << "a refusal changes nothing";
}

// What an earlier version took is no damage.
TEST(Store, GivesBackAUidThatIsRefusedToday) {
  const TempDir dir;
  auto store = Store::open(dir.path("db")).value();
  Account odd = kBob;
  odd.uid = 65534;
  ASSERT_TRUE(store.put(odd, {}));
  EXPECT_EQ(store.accounts().value(), std::vector{odd});
}

// Whatever the umask says.
class Umask {
 public:
  explicit Umask(mode_t mask) : before_(::umask(mask)) {}
  Umask(const Umask&) = delete;
  Umask& operator=(const Umask&) = delete;
  ~Umask() { ::umask(before_); }

 private:
  mode_t before_;
};

void expect_private(const TempDir& dir) {
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
    ++files;
    EXPECT_EQ(entry.status().permissions(), std::filesystem::perms(0600)) << entry.path();
  }
  EXPECT_EQ(files, 3u) << "the database, -wal and -shm";
}

TEST(Store, ItsFilesAreForItsOwnerOnlyWhateverTheUmask) {
  const TempDir dir;
  const Umask none(0);
  auto store = Store::open(dir.path("db")).value();
  ASSERT_TRUE(store.put(kBob, {}));
  expect_private(dir);
}

TEST(Store, FilesThatAnybodyCouldReadAreShut) {
  const TempDir dir;
  auto before = Store::open(dir.path("db")).value();
  ASSERT_TRUE(before.put(kBob, {}));
  for (const auto& entry : std::filesystem::directory_iterator(dir.path()))
    std::filesystem::permissions(entry.path(), std::filesystem::perms(0644));
  auto store = Store::open(dir.path("db")).value();
  ASSERT_TRUE(store.put(kEve, {}));
  expect_private(dir);
}

TEST(Store, ReplacesAnAccountOfTheSameName) {
  const TempDir dir;
  auto store = Store::open(dir.path("db")).value();
  ASSERT_TRUE(store.put(kBob, {}));
  Account changed = kBob;
  changed.limits.pids_max = 32;
  ASSERT_TRUE(store.put(changed, {}));
  EXPECT_EQ(store.accounts().value(), std::vector{changed});
}

TEST(Store, RefusesAUidThatIsTakenAndKeepsBothAccounts) {
  const TempDir dir;
  auto store = Store::open(dir.path("db")).value();
  ASSERT_TRUE(store.put(kBob, {}));
  ASSERT_TRUE(store.put(kEve, {}));
  Account thief = kEve;
  thief.uid = kBob.uid;
  const auto put = store.put(thief, Notes{.events = {happened("eve", "limits_changed")}});
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, EEXIST);
  EXPECT_EQ(put.error().field, "uid");
  EXPECT_EQ(store.accounts().value(), (std::vector{kEve, kBob}));
  EXPECT_TRUE(store.events(std::nullopt, 10)->empty());
}

TEST(Store, ListsEventsNewestFirstAndByAccount) {
  const TempDir dir;
  auto store = Store::open(dir.path("db")).value();
  ASSERT_TRUE(store.put(kBob, Notes{.events = {happened("bob", "account_created")}}));
  ASSERT_TRUE(store.put(kEve, Notes{.events = {happened("eve", "account_created")}}));
  ASSERT_TRUE(store.erase("bob", Notes{.events = {happened("bob", "account_deleted")}}));
  EXPECT_EQ(store.events(std::nullopt, 2)->front().kind, "account_deleted");
  EXPECT_EQ(store.events(std::nullopt, 2)->size(), 2u);
  const auto of_bob = store.events("bob", 10).value();
  ASSERT_EQ(of_bob.size(), 2u);
  EXPECT_EQ(of_bob[1].kind, "account_created");
  EXPECT_EQ(store.accounts().value(), std::vector{kEve});
}

// 5,000 refusals a second, of as many accounts, for half an hour.
TEST(Store, RefusalsDisplaceNothingElse) {
  const TempDir dir;
  auto store = Store::open(dir.path("db")).value();
  ASSERT_TRUE(store.append({.events = {happened("bob", "account_created")}}));
  const auto insert = [&](const char* account, const char* kind, int count) {
    SQLite::Database(dir.path("db"), SQLite::OPEN_READWRITE)
        .exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " + std::to_string(count) +
              ") INSERT INTO event (at_ms, account, kind, detail) SELECT 1, " + account + ", '" + kind +
              "', '{}' FROM n");
  };
  insert("'a' || i % 5000", "smtp_denied", 150'000);
  ASSERT_TRUE(store.trim(0));
  SQLite::Database raw(dir.path("db"), SQLite::OPEN_READONLY);
  EXPECT_EQ(raw.execAndGet("SELECT count(*) FROM event WHERE kind = 'smtp_denied'").getInt(), 100'000);
  EXPECT_EQ(store.events("bob", 1)->front().kind, "account_created");
  insert("'a' || i", "limits_changed", 150'000);
  ASSERT_TRUE(store.trim(0));
  EXPECT_EQ(raw.execAndGet("SELECT count(*) FROM event").getInt(), 200'000);
}

TEST(Store, AnAccountKeepsItsNewestOfEachKind) {
  const TempDir dir;
  auto store = Store::open(dir.path("db")).value();
  ASSERT_TRUE(store.append({.events = {happened("eve", "smtp_denied"), happened("bob", "account_created")}}));
  ASSERT_TRUE(store.append({.events = std::vector(1005, happened("bob", "smtp_denied"))}));
  ASSERT_TRUE(store.append({.events = std::vector(1005, happened("bob", "suspended"))}));
  const auto count = [&](const char* kind) {
    size_t all = 0;
    for (const Event& event : store.events("bob", 10'000).value()) all += event.kind == kind ? 1 : 0;
    return all;
  };
  EXPECT_EQ(count("smtp_denied"), 250U);
  EXPECT_EQ(count("suspended"), 1000U);
  EXPECT_EQ(count("account_created"), 1U);
  EXPECT_EQ(store.events("eve", 10)->size(), 1U) << "eve's are eve's";
  EXPECT_EQ(store.events("bob", 1)->front().id, 2012) << "the newest";
}

TEST(Store, NamesTheAccountWhoseRowWasEditedBeyondItsRange) {
  const TempDir dir;
  auto store = Store::open(dir.path("db")).value();
  ASSERT_TRUE(store.put(kBob, {}));
  SQLite::Database(dir.path("db"), SQLite::OPEN_READWRITE).exec("UPDATE account SET pids_max = -1");
  const auto accounts = store.accounts();
  ASSERT_FALSE(accounts);
  EXPECT_NE(accounts.error().text.find("account \"bob\" in the database"), std::string::npos) << accounts.error().text;
}

TEST(Store, SaysWhyAFileIsNoDatabase) {
  const TempDir dir;
  const auto store = Store::open(dir.write("db", "this is no SQLite file, whatever its name says"));
  ASSERT_FALSE(store);
  EXPECT_NE(store.error().text.find("not a database"), std::string::npos) << store.error().text;
}

TEST(Store, IsOnDiskBeforeItAnswers) {
  const TempDir dir;
  const auto database = open_database(dir.path("db")).value();
  EXPECT_EQ(database->execAndGet("PRAGMA journal_mode").getString(), "wal");
  EXPECT_EQ(database->execAndGet("PRAGMA synchronous").getInt(), 2);  // FULL
}

TEST(Store, FailuresComeBackNewestFirstWithTheirLogLines) {
  const TempDir dir;
  Store store = Store::open(dir.path("db")).value();
  const Failure died{.at_ms = 1000, .reason = "killed", .closed = true, .log = {"one", "two"}};
  Failure hung{
      .at_ms = 2000, .reason = "no answer", .closed = true, .recovered_by = "watchdog", .recovery_seconds = 4.5};
  ASSERT_TRUE(store.put(died));
  ASSERT_TRUE(store.put(hung));
  ASSERT_TRUE(store.put(hung)) << "a file that could not be removed comes again";
  EXPECT_EQ(store.failures(10).value(), (std::vector{hung, died}));
  EXPECT_EQ(store.failures(1).value(), std::vector{hung});
}

}  // namespace
}  // namespace npanel
