// SPDX-License-Identifier: Apache-2.0
#include "core/history_routes.h"
#include "support/temp_dir.h"
#include "unit/core/one_room.h"

namespace npanel {
namespace {

class History : public testing::Test {
 protected:
  TempDir directory;
  Ledger ledger{*Store::open(directory.path("npanel.db"))};
  OneRoom room{history_routes(ledger)};
};

TEST_F(History, ListsEventsByPages) {
  for (int i = 0; i < 5; ++i) ledger.note(event_now("bob", "suspended"));
  const Json page = json_of(room.get("/api/v1/events?limit=2&below=5"));
  EXPECT_EQ(page["events"].size(), 2u);
  EXPECT_EQ(page["events"][0]["id"], 4);
  EXPECT_EQ(page["next"], 3);
  EXPECT_TRUE(json_of(room.get("/api/v1/events?limit=2&below=2"))["next"].is_null());
}

TEST_F(History, TheAuditTrailIsSearched) {
  AuditEntry entry{.at_ms = 1500,
                   .actor = "uid 0 (root)",
                   .source = "cli",
                   .action = "account.change",
                   .account = "bob",
                   .before = R"({"a":"a&b"})",
                   .result = "ok",
                   .duration_us = 12,
                   .request_id = "r"};
  ledger.note(entry);
  entry.account = "ann";
  ledger.note(entry);
  const std::string query =
      "/api/v1/audit?account=bob&actor=uid%200%20%28root%29&action=account.&text=a%26b&from=1970-01-01T00:00:01Z"
      "&until=1970-01-01T01:00:02%2B01:00&below=2&limit=1";
  EXPECT_EQ(json_of(room.get(query)),
            Json::parse(R"json({"entries":[{"id":1,"time":"1970-01-01T00:00:01.500Z","actor":"uid 0 (root)",)json"
                        R"("source":"cli","action":"account.change","account":"bob","target":null,)"
                        R"("before":{"a":"a&b"},"after":null,"result":"ok","duration_us":12,)"
                        R"("request_id":"r"}],"next":1})"));
  for (const char* other : {"account=eve", "actor=eve", "action=feature.", "text=c", "from=1970-01-01T00:00:02Z",
                            "until=1970-01-01T00:00:01Z", "below=1"})
    EXPECT_EQ(json_of(room.get("/api/v1/audit?" + std::string(other)))["entries"], Json::array()) << other;
  std::vector<std::string> accounts;
  for (const Json& shown : json_of(room.get("/api/v1/audit"))["entries"]) accounts.push_back(shown["account"]);
  EXPECT_EQ(accounts, (std::vector<std::string>{"ann", "bob"})) << "newest first";
}

}  // namespace
}  // namespace npanel
