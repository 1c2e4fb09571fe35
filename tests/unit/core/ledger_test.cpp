// SPDX-License-Identifier: Apache-2.0
#include "core/ledger.h"

#include <SQLiteCpp/Database.h>
#include <gtest/gtest.h>

#include "base/digest.h"
#include "support/temp_dir.h"

namespace npanel {
namespace {

const Caller kRoot{.actor = "uid 0 (root)", .source = "test"};

class LedgerTest : public testing::Test {
 protected:
  // Another connection is in a transaction, as an administrator's sqlite3.
  SQLite::Database hold() {
    SQLite::Database other(path_, SQLite::OPEN_READWRITE);
    other.exec("BEGIN IMMEDIATE");
    return other;
  }
  // Newest first.
  std::vector<std::string> kinds() {
    std::vector<std::string> all;
    const auto found = ledger.store().events({}, 2000);
    for (const Event& event : *found) all.push_back(event.kind);
    return all;
  }
  static Notes event(const std::string& kind) { return {.events = {event_now("bob", kind)}, .audit = {}}; }
  // By the log of the agent.
  static std::string logged(const std::function<void()>& what) {
    testing::internal::CaptureStderr();
    what();
    return testing::internal::GetCapturedStderr();
  }

  TempDir directory_;
  const std::string path_ = directory_.path("npanel.db");
  Ledger ledger{*Store::open(path_)};
};

using Kinds = std::vector<std::string>;

TEST_F(LedgerTest, WhatIsNotedIsWrittenAtOnceAndWhatCanWaitIsNot) {
  ledger.note(event("suspended"));
  EXPECT_EQ(kinds(), Kinds{"suspended"});
  ledger.note_later(event("resumed"));
  EXPECT_EQ(kinds(), Kinds{"suspended"});
  EXPECT_TRUE(ledger.is_waiting());
  ledger.write_waiting();
  EXPECT_EQ(kinds(), (Kinds{"resumed", "suspended"}));
  EXPECT_FALSE(ledger.is_waiting());
  ledger.write_waiting();
  EXPECT_EQ(kinds().size(), 2u) << "once";
}

TEST_F(LedgerTest, WhatTheStoreRefusesWaitsAndItsReasonIsToldMeanwhile) {
  {
    const SQLite::Database held = hold();
    ledger.note(event("suspended"));
  }
  EXPECT_TRUE(ledger.is_waiting());
  EXPECT_NE(ledger.complaint().find("another program holds its lock"), std::string::npos) << ledger.complaint();
  ledger.note(event("resumed"));
  EXPECT_EQ(kinds(), (Kinds{"resumed", "suspended"}));
  EXPECT_EQ(ledger.complaint(), "");
}

TEST_F(LedgerTest, NothingIsTriedWhileEveryChangeIsRefused) {
  ledger.set_read_only("the disk is full");
  ledger.note(event("suspended"));
  EXPECT_TRUE(kinds().empty());
  EXPECT_EQ(ledger.complaint(), "");
  ledger.set_read_only({});
  ledger.write_waiting();
  EXPECT_EQ(kinds(), Kinds{"suspended"});
}

TEST_F(LedgerTest, OfWhatWaitsTheNewestThousandOfEachKindStay) {
  for (int i = 0; i < 1200; ++i) ledger.note_later(Notes{.events = {event_now({}, std::to_string(i))}, .audit = {}});
  for (int i = 0; i < 1001; ++i) ledger.note_later(audit_entry(kRoot, std::to_string(i), {}, "", nullptr, nullptr));
  ledger.write_waiting();
  const Kinds written = kinds();
  ASSERT_EQ(written.size(), 1000u);
  EXPECT_EQ(written.front(), "1199");
  EXPECT_EQ(written.back(), "200");
  const auto oldest = ledger.store().audit({.below_id = 2});
  ASSERT_EQ(oldest->size(), 1u);
  EXPECT_EQ(oldest->front().action, "1") << "of the first one nothing is known";
}

TEST_F(LedgerTest, AChangeAndItsNotesAreWrittenTogetherAndLogged) {
  const Token token{.name = "panel", .scope = TokenScope::read, .hash = sha256_hex("x"), .created_ms = 1};
  const std::string log = logged([&] {
    EXPECT_TRUE(ledger.commit(kRoot, event("token_made"),
                              [&](Store& store, const Notes& notes) { return store.put(token, notes); }));
  });
  EXPECT_EQ(ledger.store().tokens()->size(), 1u);
  EXPECT_EQ(kinds(), Kinds{"token_made"});
  EXPECT_NE(log.find("account bob: token_made {} by uid 0 (root)"), std::string::npos) << log;
}

TEST_F(LedgerTest, AChangeThatIsRefusedIsNeitherLoggedNorTriedAgain) {
  const std::string log = logged([&] {
    const auto refused = ledger.commit(kRoot, event("token_made"), [](Store&, const Notes&) -> Result<void> {
      return failure("the disk is full", ENOSPC);
    });
    EXPECT_EQ(refused.error().code, ENOSPC);
  });
  EXPECT_EQ(log, "");
  EXPECT_FALSE(ledger.is_waiting());
  EXPECT_TRUE(kinds().empty());
}

TEST_F(LedgerTest, TheFirstConfigurationWaitsUntilItIsWrittenOrANewerOneIs) {
  const ConfigVersion first{.at_ms = 1, .actor = "agent", .files = {{"/etc/a.toml", "x = 1\n"}}};
  ledger.set_read_only("the disk is full");
  ledger.note(first);
  EXPECT_TRUE(ledger.store().config_versions(10)->empty());
  ledger.set_read_only({});
  ledger.write_waiting();
  ledger.write_waiting();
  EXPECT_EQ(ledger.store().config_versions(10)->size(), 1u);
  ledger.set_read_only("the disk is full");
  ledger.note(ConfigVersion{.at_ms = 2, .actor = "agent", .files = {{"/etc/a.toml", "x = 2\n"}}});
  ledger.forget_first_configuration();
  ledger.set_read_only({});
  ledger.write_waiting();
  EXPECT_EQ(ledger.store().config_versions(10)->size(), 1u);
}

TEST_F(LedgerTest, AComplaintIsLoggedOnceUntilItEnds) {
  const Error full{.text = "write: the disk is full", .code = ENOSPC, .field = {}};
  const auto complain = [&] { ledger.complain(full); };
  EXPECT_NE(logged(complain).find("the disk is full"), std::string::npos);
  EXPECT_EQ(logged(complain), "");
  ledger.stop_complaining();
  EXPECT_NE(logged(complain), "");
}

}  // namespace
}  // namespace npanel
