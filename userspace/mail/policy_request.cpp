// SPDX-License-Identifier: Apache-2.0
#include "mail/policy_request.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/parse.h"

namespace npanel {
namespace {

constexpr size_t kShort = 256;  // a queue id, an address of a host
constexpr size_t kLong = 4096;  // a path; an address of mail is at most 320 (RFC 5321, 4.5.3.1)
constexpr uint32_t kRecipientsMost = 1'000'000;

struct TextAttribute {
  std::string_view name;
  std::string PolicyRequest::* member;
  size_t most;
};
constexpr std::array kTexts = {
    TextAttribute{"protocol_state", &PolicyRequest::state, kShort},
    TextAttribute{"sasl_username", &PolicyRequest::sasl_username, kShort},
    TextAttribute{"sender", &PolicyRequest::sender, kLong},
    TextAttribute{"client_address", &PolicyRequest::client_address, kShort},
    TextAttribute{"server_address", &PolicyRequest::server_address, kShort},
    TextAttribute{"cwd", &PolicyRequest::cwd, kLong},
    TextAttribute{"script", &PolicyRequest::script, kLong},
};

Result<uint64_t> number(std::string_view name, std::string_view value, uint64_t most) {
  if (value.empty()) return 0;  // not known yet
  const auto parsed = parse_u64(value);
  if (!parsed || *parsed > most)
    return refused(std::string(name), "must be a whole number from 0 to " + std::to_string(most));
  return *parsed;
}

Result<void> take(PolicyRequest& request, std::string_view name, std::string_view value, std::string& instance) {
  for (const TextAttribute& text : kTexts) {
    if (name != text.name) continue;
    if (value.size() > text.most)
      return refused(std::string(name), "must be at most " + std::to_string(text.most) + " bytes");
    request.*text.member = value;
    return {};
  }
  if (name == "queue_id" || name == "instance") {
    if (value.size() > kShort)
      return refused(std::string(name), "must be at most " + std::to_string(kShort) + " bytes");
    (name == "instance" ? instance : request.message) = value;
  } else if (name == "recipient_count") {
    request.recipients = static_cast<uint32_t>(NP_TRY(number(name, value, kRecipientsMost)));
  } else if (name == "size") {
    request.bytes = NP_TRY(number(name, value, 1ULL << 50));
  } else if (name == "client_port" || name == "server_port") {
    const uint64_t port = NP_TRY(number(name, value, std::numeric_limits<uint16_t>::max()));
    (name == "client_port" ? request.client_port : request.server_port) = static_cast<uint16_t>(port);
  } else if (name == "uid" && !value.empty()) {
    request.uid = static_cast<uid_t>(NP_TRY(number(name, value, std::numeric_limits<uid_t>::max() - 1)));
  }
  return {};
}

}  // namespace

Result<PolicyRequest> parse_policy_request(std::string_view text) {
  PolicyRequest request;
  std::string instance;
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
    NP_TRY(take(request, name, value, instance));
  }
  if (!ours) return refused("request", "must be there, as request=smtpd_access_policy");
  if (request.message.empty()) request.message = std::move(instance);
  return request;
}

}  // namespace npanel
