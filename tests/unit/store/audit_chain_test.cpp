// SPDX-License-Identifier: Apache-2.0
#include "store/audit_chain.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/digest.h"
#include "sample.h"
#include "support/temp_dir.h"

namespace npanel {
namespace {

constexpr int64_t kDayMs = 24LL * 3600 * 1000;
constexpr int64_t kStartMs = 1'700'000'000'000;

// Five entries in a closed database.
class Chain : public testing::Test {
 protected:
  void SetUp() override {
    Store store = Store::open(path_).value();
    ASSERT_TRUE(store.append({.audit = {entry_of("site0"), entry_of("site1"), entry_of("site2")}}));
    ASSERT_TRUE(store.append({.audit = {entry_of("site3"), entry_of("site4")}}));
  }
  void raw(const std::string& sql) const { SQLite::Database(path_, SQLite::OPEN_READWRITE).exec(sql); }
  std::string verdict(const std::optional<std::string>& noted = std::nullopt) const {
    const auto proof = verify_audit(path_, noted);
    if (proof) return "intact, " + std::to_string(proof->entries);
    EXPECT_EQ(proof.error().code, EBADMSG) << proof.error().text;
    return proof.error().text;
  }
  void expect_broken(const std::string& words) const {
    EXPECT_NE(verdict().find("the audit trail is broken: " + words), std::string::npos) << verdict();
  }

  const TempDir dir_;
  const std::string path_ = dir_.path("npanel.db");
};

TEST_F(Chain, VerifiesAndTellsItsEnds) {
  const auto proof = verify_audit(path_, std::nullopt);
  ASSERT_TRUE(proof) << proof.error().text;
  EXPECT_EQ(proof->entries, 5u);
  EXPECT_EQ(proof->first_ms, kStartMs);
  EXPECT_EQ(proof->last_ms, kStartMs);
  EXPECT_EQ(proof->head.size(), 64u);
}

TEST_F(Chain, VerifiesWhenThereIsNoEntryYet) {
  const std::string path = dir_.path("fresh.db");
  Store::open(path).value();
  const auto proof = verify_audit(path, std::nullopt);
  ASSERT_TRUE(proof) << proof.error().text;
  EXPECT_EQ(proof->entries, 0u);
  EXPECT_FALSE(proof->first_ms);
  EXPECT_EQ(proof->head, kNoHash);
}

// So that anybody can repeat it without this program.
TEST_F(Chain, HashesNetstringsOfTheFields) {
  AuditEntry entry = entry_of("site0");
  entry.id = 1;
  EXPECT_EQ(chained_hash("before", entry),
            sha256_hex("before1:1,13:1700000000000,12:uid 0 (root),3:cli,14:account.change,5:site0,6:limits,"
                       "15:{\"pids_max\":10},15:{\"pids_max\":20},2:ok,4:1500,3:r-1,"));
  entry.account = std::nullopt;
  EXPECT_NE(chained_hash("", entry).find_first_not_of('0'), std::string::npos);
  AuditEntry empty = entry;
  empty.account = "";
  EXPECT_NE(chained_hash("", entry), chained_hash("", empty));
}

TEST_F(Chain, FindsAnEditOfEachColumn) {
  const std::string whole = bytes_of(path_);
  for (const char* edit :
       {"at_ms = at_ms + 1", "actor = 'uid 1000 (eve)'", "source = 'api'", "action = 'account.create'",
        "account = 'site9'", "account = NULL", "target = ''", "before = '{}'", "after = '{}'", "result = 'refused'",
        "duration_us = 1", "request_id = ''", "hash = '00'"}) {
    SCOPED_TRACE(edit);
    write_bytes(path_, whole);
    raw(std::string("UPDATE audit SET ") + edit + " WHERE id = 3");
    expect_broken("entry 3 does not fit its hash");
  }
}

TEST_F(Chain, FindsAnEditThatCameWithItsHash) {
  AuditEntry forged = entry_of("site9");
  forged.id = 3;
  const std::string before = SQLite::Database(path_).execAndGet("SELECT hash FROM audit WHERE id = 2").getString();
  raw("UPDATE audit SET account = 'site9', hash = '" + chained_hash(before, forged) + "' WHERE id = 3");
  expect_broken("entry 4 does not fit its hash: it was changed, or entry 3 was, together with its hash");
}

TEST_F(Chain, FindsRowsThatAreMissing) {
  const std::string whole = bytes_of(path_);
  const std::pair<const char*, const char*> cases[] = {
      {"id = 1", "entry 1 is missing, the oldest"},           {"id = 3", "entry 3 is missing"},
      {"id IN (2, 3)", "entries 2 to 3 are missing"},         {"id = 5", "entry 5, the newest, is missing"},
      {"id >= 4", "entries 4 to 5, the newest, are missing"}, {"true", "entries 1 to 5, the newest, are missing"}};
  for (const auto& [which, words] : cases) {
    SCOPED_TRACE(which);
    write_bytes(path_, whole);
    raw(std::string("DELETE FROM audit WHERE ") + which);
    expect_broken(words);
  }
}

TEST_F(Chain, FindsRowsThatChangedPlaces) {
  raw("UPDATE audit SET id = 99 WHERE id = 2; UPDATE audit SET id = 2 WHERE id = 3; UPDATE audit SET id = 3 WHERE id = "
      "99");
  expect_broken("entry 2 does not fit its hash");
}

TEST_F(Chain, FindsARowThatWasPutBeforeTheOldest) {
  raw("INSERT INTO audit SELECT 0, at_ms, actor, source, action, account, target, before, after, result, duration_us, "
      "request_id, hash FROM audit WHERE id = 1");
  expect_broken("entry 0 lies before the recorded beginning, entry 1");
}

TEST_F(Chain, FindsAForgedRowAtTheEndAlsoAfterTheAgentWroteOn) {
  const std::string head = verify_audit(path_, std::nullopt)->head;
  AuditEntry forged = entry_of("site9");
  forged.id = 6;
  const auto insert = [&](const std::string& hash) {
    raw("INSERT INTO audit SELECT 6, at_ms, actor, source, action, 'site9', target, before, after, result, "
        "duration_us, request_id, '" +
        hash + "' FROM audit WHERE id = 5");
  };
  insert(head);
  expect_broken("entry 6 does not fit its hash");
  raw("DELETE FROM audit WHERE id = 6");
  insert(chained_hash(head, forged));
  expect_broken("entry 6 was not written by the agent");
  ASSERT_TRUE(Store::open(path_)->append({.audit = {entry_of("site5")}}));
  expect_broken("entry 7 does not fit its hash");
}

TEST_F(Chain, FindsEndsThatWereEdited) {
  const std::string whole = bytes_of(path_);
  const std::pair<const char*, const char*> cases[] = {
      {"UPDATE audit_base SET hash = ''", "entry 1 does not fit its hash: it was changed, or the recorded hash"},
      {"UPDATE audit_base SET first_id = 2", "entry 1 lies before the recorded beginning"},
      {"DELETE FROM audit_base", "the record of its beginning is gone"},
      {"UPDATE audit_head SET hash = ''", "the recorded hash of the newest entry is not that of entry 5"},
      {"DELETE FROM audit_head", "the record of its newest entry is gone"}};
  for (const auto& [edit, words] : cases) {
    SCOPED_TRACE(edit);
    write_bytes(path_, whole);
    raw(edit);
    expect_broken(words);
  }
}

TEST_F(Chain, ShowsAGapWhenTheHeadWasGoneBeforeTheAgentWroteOn) {
  raw("DELETE FROM audit WHERE id = 5; DELETE FROM audit_head");
  ASSERT_TRUE(Store::open(path_)->append({.audit = {entry_of("site5")}}));
  expect_broken("entry 5 is missing");
}

// Root rewrote everything, ends and all: only a head that was noted elsewhere tells.
TEST_F(Chain, ANotedHeadProvesWhatWasBeforeIt) {
  const std::string noted = verify_audit(path_, std::nullopt)->head;
  ASSERT_TRUE(Store::open(path_)->append({.audit = {entry_of("site5")}}));
  EXPECT_EQ(verdict(noted), "intact, 6");
  raw("DELETE FROM audit; UPDATE audit_head SET id = 0, hash = (SELECT hash FROM audit_base)");
  ASSERT_TRUE(Store::open(path_)->append({.audit = {entry_of("site7")}}));
  EXPECT_EQ(verdict(), "intact, 1");
  EXPECT_NE(verdict(noted).find("no entry has the noted hash " + noted), std::string::npos) << verdict(noted);
}

// So many entries that the newest 10,000 are not all.
void add_entries(const std::string& path, int to) {
  SQLite::Database raw(path, SQLite::OPEN_READWRITE);
  SQLite::Statement rows(raw,
                         "WITH RECURSIVE n(i) AS (SELECT (SELECT max(id) + 1 FROM audit) UNION ALL SELECT i + 1 FROM n "
                         "WHERE i < ?) INSERT INTO audit SELECT i, 1700000000000, '', '', '', NULL, '', '', '', '', 0, "
                         "'', '' FROM n");
  rows.bind(1, to);
  rows.exec();
  raw.exec("UPDATE audit_head SET id = (SELECT max(id) FROM audit), hash = ''");
}

TEST_F(Chain, TrimsWhatIsTwoLivedYearsOldButForTheNewest) {
  Store store = Store::open(path_).value();
  EXPECT_EQ(store.trim(0).value(), 0U);  // notes that 5 are there
  add_entries(path_, 10'007);
  EXPECT_EQ(store.trim(kDayMs).value(), 0U);
  EXPECT_EQ(store.trim(730 * kDayMs - 1).value(), 0U) << "as if the clock were two years ahead, and it was not";
  EXPECT_EQ(store.trim(730 * kDayMs).value(), 5U);
  EXPECT_EQ(store.trim(731 * kDayMs).value(), 2U) << "the newest 10,000 stay, however old they are";
  EXPECT_EQ(store.trim(9999 * kDayMs).value(), 0U);
  EXPECT_EQ(store.audit({.limit = 1})->front().id, 10'007);
}

TEST_F(Chain, WhatWasTrimmedLeavesAChainThatCanBeVerified) {
  Store store = Store::open(path_).value();
  const std::string noted = verify_audit(path_, std::nullopt)->head;
  EXPECT_EQ(store.trim(0).value(), 0U);
  ASSERT_TRUE(store.append({.audit = std::vector(10'000, entry_of("site5"))}));
  EXPECT_EQ(store.trim(730 * kDayMs).value(), 5U);
  EXPECT_EQ(verdict(noted), "intact, 10000");
  ASSERT_TRUE(store.append({.audit = {entry_of("site7")}}));
  EXPECT_EQ(verdict(noted), "intact, 10001");
}

TEST_F(Chain, TrimsTenThousandAtOnce) {
  add_entries(path_, 20'003);
  Store store = Store::open(path_).value();
  EXPECT_EQ(store.trim(0).value(), 0U);
  add_entries(path_, 40'000);
  EXPECT_EQ(store.trim(800 * kDayMs).value(), 10'000U);
  EXPECT_EQ(store.trim(800 * kDayMs).value(), 10'000U);
  EXPECT_EQ(store.trim(800 * kDayMs).value(), 3U);
}

// The agent's side is another process, as it is in life: closing a descriptor drops this process's locks.
TEST_F(Chain, VerifiesWhileTheAgentWritesAndAfterItWasKilled) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t agent = ::fork();
  if (agent == 0) {
    Store store = Store::open(path_).value();
    const bool written = store.append({.audit = {entry_of("site5")}}).has_value();
    if (::write(ready[1], "x", 1) != 1 || !written) ::_exit(1);
    ::pause();
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_GT(std::filesystem::file_size(path_ + "-wal"), 0u);
  EXPECT_EQ(verdict(), "intact, 6");
  ::kill(agent, SIGKILL);
  ASSERT_EQ(::waitpid(agent, nullptr, 0), agent);
  EXPECT_EQ(verdict(), "intact, 6");
  for (const int fd : ready) ::close(fd);
}

TEST_F(Chain, SaysWhyAFileCannotBeLookedAt) {
  const auto nowhere = verify_audit(dir_.path("no/such.db"), std::nullopt);
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, ENOENT);
  EXPECT_NE(nowhere.error().text.find(dir_.path("no/such.db")), std::string::npos) << nowhere.error().text;
}

}  // namespace
}  // namespace npanel
