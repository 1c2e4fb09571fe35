// SPDX-License-Identifier: Apache-2.0
#include "tokens/tokens.h"

#include "base/digest.h"
#include "support/temp_dir.h"
#include "unit/core/one_room.h"

namespace npanel {
namespace {

class TokensTest : public testing::Test {
 protected:
  TempDir directory;
  Ledger ledger{*Store::open(directory.path("npanel.db"))};
  Tokens tokens{ledger};
  OneRoom room{token_routes(tokens)};
};

TEST_F(TokensTest, ATokenIsToldOnce) {
  const Response made = room.post("/api/v1/tokens", R"({"name":"panel","scope":"write"})");
  EXPECT_EQ(made.status, 201);
  EXPECT_EQ(header_of(made, "Cache-Control"), "no-store");
  const std::string secret = json_of(made)["token"];
  EXPECT_TRUE(secret.starts_with("npt_panel_")) << secret;
  EXPECT_EQ(json_of(made)["scope"], "write");
  const Response list = room.get("/api/v1/tokens");
  EXPECT_EQ(json_of(list)["tokens"].size(), 1u);
  EXPECT_EQ(json_of(list)["tokens"][0]["name"], "panel");
  EXPECT_EQ(list.body.find(secret), std::string::npos);
  EXPECT_EQ(list.body.find(sha256_hex(secret)), std::string::npos);
  const Response rotated = room.post("/api/v1/tokens/panel/rotate");
  EXPECT_EQ(rotated.status, 200);
  const std::string next = json_of(rotated)["token"];
  EXPECT_NE(next, secret);
  EXPECT_EQ(header_of(rotated, "Cache-Control"), "no-store");
  EXPECT_FALSE(tokens.find(secret));
  EXPECT_EQ(tokens.find(next)->name, "panel");
  EXPECT_EQ(room.ask(local("DELETE", "/api/v1/tokens/panel")).status, 204);
  EXPECT_EQ(room.ask(local("DELETE", "/api/v1/tokens/panel")).status, 404);
  EXPECT_FALSE(tokens.find(next));
}

}  // namespace
}  // namespace npanel
