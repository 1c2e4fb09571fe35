// SPDX-License-Identifier: Apache-2.0
#include "mail/policy_request.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/parse.h"

namespace npanel {
namespace {

constexpr uint64_t kRecipientsMost = 1'000'000;
constexpr uint64_t kBytesMost = 1ULL << 50;

struct TextAttribute {
  std::string_view name;
  std::string PolicyRequest::* member;
};
constexpr std::array kTexts = {
    TextAttribute{"protocol_state", &PolicyRequest::state},
    TextAttribute{"sasl_username", &PolicyRequest::sasl_username},
    TextAttribute{"sender", &PolicyRequest::sender},
    TextAttribute{"recipient", &PolicyRequest::recipient},
    TextAttribute{"queue_id", &PolicyRequest::message},
    TextAttribute{"instance", &PolicyRequest::instance},
    TextAttribute{"client_address", &PolicyRequest::client_address},
    TextAttribute{"server_address", &PolicyRequest::server_address},
    TextAttribute{"cwd", &PolicyRequest::cwd},
    TextAttribute{"script", &PolicyRequest::script},
};

// What is missing, "unknown" or no number is not known; what is larger than there can be is the most there can be.
std::optional<uint64_t> amount(std::string_view value, uint64_t most) {
  const bool is_number = !value.empty() && std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; });
  if (!is_number) return std::nullopt;
  return std::min(parse_u64(value).value_or(most), most);
}

std::optional<uint64_t> number(std::string_view value, uint64_t most) {
  const auto parsed = parse_u64(value);
  return parsed && *parsed <= most ? parsed : std::nullopt;
}

uint16_t port(std::string_view value) {
  return static_cast<uint16_t>(number(value, std::numeric_limits<uint16_t>::max()).value_or(0));
}

void take(PolicyRequest& request, std::string_view name, std::string_view value) {
  for (const TextAttribute& text : kTexts)
    if (name == text.name) request.*text.member = value;
  if (name == "recipient_count") request.recipients = static_cast<uint32_t>(amount(value, kRecipientsMost).value_or(0));
  if (name == "size") request.bytes = amount(value, kBytesMost).value_or(0);
  if (name == "client_port") request.client_port = port(value);
  if (name == "server_port") request.server_port = port(value);
  if (name != "uid") return;
  const auto uid = number(value, std::numeric_limits<uid_t>::max() - 1);
  request.uid = uid ? std::optional(static_cast<uid_t>(*uid)) : std::nullopt;
}

}  // namespace

Result<PolicyRequest> parse_policy_request(std::string_view text) {
  PolicyRequest request;
  bool ours = false;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos || equals == 0 || line.find('\0') != std::string_view::npos)
      return refused("request", "must be lines of name=value");
    const std::string_view name = line.substr(0, equals);
    const std::string_view value = line.substr(equals + 1);
    if (name == "request") {
      if (value != "smtpd_access_policy") return refused("request", "must be smtpd_access_policy");
      ours = true;
    }
    take(request, name, value);
  }
  if (!ours) return refused("request", "must be there, as request=smtpd_access_policy");
  if (request.message.empty()) request.message = request.instance;
  return request;
}

}  // namespace npanel
