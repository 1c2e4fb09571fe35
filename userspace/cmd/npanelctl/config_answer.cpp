// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/config_answer.h"

#include <iostream>

#include "cmd/npanelctl/format.h"
#include "cmd/npanelctl/show.h"

namespace npanel {

namespace {
constexpr int kRefused = 1;
constexpr int kUnreachable = 3;
}  // namespace

int complain(const std::string& text, int exit_code) {
  std::cerr << "npanelctl: " << printable(text) << '\n';
  return exit_code;
}

std::expected<nlohmann::ordered_json, int> ask_agent(const std::string& socket, const Request& request) {
  const auto response = send(socket, request);
  if (!response) return std::unexpected(complain(response.error().text, kUnreachable));
  if (const auto reason = refusal(*response)) return std::unexpected(complain(*reason, kRefused));
  auto answer = nlohmann::ordered_json::parse(response->body, nullptr, false);
  if (!answer.is_object())
    return std::unexpected(complain("the agent's answer is not a JSON object: " + response->body, kRefused));
  return answer;
}

}  // namespace npanel
