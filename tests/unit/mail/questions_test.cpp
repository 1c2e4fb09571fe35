// SPDX-License-Identifier: Apache-2.0
// Whose is each of these mails? data/questions.jsonl: one question of an MTA a line, with the account that owns it or
// the reason why none does, and why it must be so. `client`: whose process opened the connection (world.h).
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "unit/mail/world.h"

namespace npanel {
namespace {

using Json = nlohmann::json;

constexpr uint16_t kPort = 40112;
constexpr uint16_t kNobodysPort = 40113;

// As the MTA writes it; of a connection from this host it says address and port.
std::string question_of(const Json& row, bool is_remembered) {
  std::string text = "request=smtpd_access_policy\nprotocol_state=END-OF-MESSAGE\n";
  const bool is_here = row.contains("client");
  if (is_here) text += "client_address=127.0.0.1\nserver_address=127.0.0.1\nserver_port=25\n";
  if (is_here) text += "client_port=" + std::to_string(is_remembered ? kPort : kNobodysPort) + "\n";
  for (const auto& [name, value] : row.items())
    if (name != "client" && name != "account" && name != "why" && name != "reason")
      text += name + "=" + value.get<std::string>() + "\n";
  return text;
}

TEST(Questions, AreEachWhoseTheyAre) {
  std::ifstream file(NPANEL_SOURCE_DIR "/tests/unit/mail/data/questions.jsonl");
  int asked = 0;
  for (std::string line; std::getline(file, line); ++asked) {
    const Json row = Json::parse(line);
    World world;
    const auto process = kProcesses.find(row.value("client", ""));
    if (process != kProcesses.end()) world.connections[kPort] = process->second;
    const auto request = parse_policy_request(question_of(row, process != kProcesses.end()));
    ASSERT_TRUE(request) << line << request.error().text;
    const Whose whose = world.senders.find(*request);
    EXPECT_EQ(whose.account.value_or("nobody"), row["account"].is_null() ? "nobody" : row.value("account", "")) << line;
    if (!whose.account && row.contains("reason")) EXPECT_EQ(to_string(whose.why), row.value("reason", "")) << line;
  }
  EXPECT_GT(asked, 70);
}

}  // namespace
}  // namespace npanel
