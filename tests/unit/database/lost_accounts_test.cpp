// SPDX-License-Identifier: Apache-2.0
#include "store/loss.h"
#include "unit/api/visit.h"

namespace npanel {
namespace {

constexpr const char* kLost = "/api/v1/lost-accounts";
constexpr const char* kConfirm = "/api/v1/lost-accounts/confirm";

class LostAccountsTest : public Visit {
 protected:
  void lose() {
    const AccountLoss loss{.found_ms = 0, .taken_over = false, .done = {"account bob …"}};
    ASSERT_TRUE(remember_loss(directory.path("npanel.db"), loss));
    start();
  }
};

TEST_F(LostAccountsTest, NothingIsLost) {
  EXPECT_EQ(json_of(get(kLost)), Json::parse(R"({"lost":false,"found":null,"taken_over":true,"done":[],"held":[]})"));
}

TEST_F(LostAccountsTest, ALossLastsOverEveryStartUntilItIsConfirmed) {
  lose();
  start();
  EXPECT_EQ(json_of(get(kLost)), Json::parse(R"({"lost":true,"found":"1970-01-01T00:00:00.000Z","taken_over":false,)"
                                             R"("done":["account bob …"],"held":[]})"));
  EXPECT_NE(get("/healthz").body.find("npanelctl accounts confirm"), std::string::npos);
  EXPECT_EQ(json_of(post(kConfirm))["lost"], false);
  EXPECT_EQ(last_change().action, "accounts.confirm");
  start();
  EXPECT_EQ(json_of(get(kLost))["lost"], false);
}

TEST_F(LostAccountsTest, AConfirmationThatTheDatabaseRefusesEndsNothing) {
  lose();
  {
    const SQLite::Database held = hold_database();
    EXPECT_EQ(post(kConfirm).status, 503);
  }
  EXPECT_EQ(json_of(get(kLost))["lost"], true);
}

TEST_F(LostAccountsTest, OnlyWhatTheKernelHoldsAndTheDatabaseLacksIsAdopted) {
  EXPECT_EQ(post("/api/v1/lost-accounts/bob/adopt").status, 409);
  EXPECT_EQ(post("/api/v1/lost-accounts/eve/adopt").status, 404);
  EXPECT_EQ(post("/api/v1/lost-accounts/-bob/adopt").status, 400);
  EXPECT_EQ(changes(), 0);
}

TEST_F(LostAccountsTest, AnAdoptionWhoseAnswerWasLostIsAnsweredAsIfItWereTheFirstTime) {
  const Request adopt = local("POST", "/api/v1/lost-accounts/bob/adopt", "", {{"idempotency-key", "k1"}});
  leave_unanswered(adopt);
  const Response answer = ask(adopt);
  EXPECT_EQ(answer.status, 201) << answer.body;
  EXPECT_EQ(answer.body, get("/api/v1/accounts/bob").body);
  EXPECT_EQ(header_of(answer, "ETag"), header_of(get("/api/v1/accounts/bob"), "ETag"));
  EXPECT_EQ(header_of(answer, "Idempotency-Replayed"), "true");
}

}  // namespace
}  // namespace npanel
