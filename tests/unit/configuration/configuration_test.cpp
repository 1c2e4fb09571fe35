// SPDX-License-Identifier: Apache-2.0
// Over a real file: where does a value come from, and what does a reload take of it?
#include <fcntl.h>

#include "base/file.h"
#include "unit/api/visit.h"

namespace npanel {
namespace {

constexpr const char* kPorts = "[smtp]\nports = [25]\n";

class ConfigurationTest : public Visit {
 protected:
  // The agent's own first version was of another file.
  ConfigurationTest() {
    configure(kPorts);
    start();
  }
  std::string file() const { return directory.path("agent.toml"); }
  std::string text() const { return read_file_at(AT_FDCWD, file()).value(); }
  Json value(const std::string& key) {
    const Json values = json_of(get("/api/v1/config"))["values"];
    const auto found = std::ranges::find(values, Json(key), [](const Json& each) { return each["key"]; });
    return found == values.end() ? Json() : *found;
  }
};

TEST_F(ConfigurationTest, AValueSaysWhereItComesFromAndWhatItHides) {
  EXPECT_EQ(value("smtp.ports"), Json({{"key", "smtp.ports"},
                                       {"value", "[25]"},
                                       {"origin", file() + ":8"},
                                       {"hidden", {{{"value", "[25, 465, 587]"}, {"origin", "built-in"}}}},
                                       {"needs_restart", false}}));
  const Json socket = value("paths.socket");
  EXPECT_EQ(socket["needs_restart"], true);
  EXPECT_EQ(socket["hidden"][0]["origin"], "built-in");
  EXPECT_EQ(value("reconcile.accounts_per_second")["hidden"], Json::array());
}

TEST_F(ConfigurationTest, VersionsAreListedNewestFirstAndShownWithTheirFiles) {
  EXPECT_EQ(json_of(get("/api/v1/config"))["version"], 2);
  const Json page = json_of(get("/api/v1/config/versions?limit=1"))["versions"];
  ASSERT_EQ(page.size(), 1u);
  EXPECT_EQ(page[0]["id"], 2);
  EXPECT_EQ(page[0]["actor"], "agent");
  EXPECT_TRUE(page[0]["time"].is_string());
  EXPECT_EQ(page[0]["files"], Json::array({file()}));
  EXPECT_EQ(json_of(get("/api/v1/config/versions"))["versions"].size(), 2u);
  EXPECT_EQ(json_of(get("/api/v1/config/versions/2"))["files"], Json({{file(), text()}}));
  EXPECT_EQ(get("/api/v1/config/versions/3").status, 404);
}

TEST_F(ConfigurationTest, WithoutAVersionThereIsNone) {
  sqlite3("DELETE FROM config_version");
  EXPECT_TRUE(json_of(get("/api/v1/config"))["version"].is_null());
}

TEST_F(ConfigurationTest, AReloadSaysWhatChangedAndWhatWaitsForARestart) {
  const std::string former = "run/agent.sock";
  std::string changed = text();
  changed.replace(changed.find(former), former.size(), "run/other.sock");
  directory.write("agent.toml", changed + "[reconcile]\naccounts_per_second = 7\n");
  EXPECT_EQ(
      json_of(post("/api/v1/reload")),
      Json::parse(R"({"version":3,"changed":["reconcile.accounts_per_second"],"needs_restart":["paths.socket"]})"));
  EXPECT_EQ(value("reconcile.accounts_per_second")["value"], "7");
  EXPECT_EQ(value("paths.socket")["value"], Json(directory.path(former)).dump()) << "until the restart";
}

TEST_F(ConfigurationTest, AVersionThatTheDatabaseRefusesIsNotInForce) {
  configure("[reconcile]\naccounts_per_second = 7\n");
  {
    const SQLite::Database held = hold_database();
    EXPECT_EQ(post("/api/v1/reload").status, 503);
  }
  EXPECT_EQ(value("reconcile.accounts_per_second")["value"], "20");
  EXPECT_EQ(json_of(get("/api/v1/config"))["version"], 2);
}

}  // namespace
}  // namespace npanel
