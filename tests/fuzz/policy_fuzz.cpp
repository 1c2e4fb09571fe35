// SPDX-License-Identifier: Apache-2.0
// Is every question either refused with the attribute's name, or the same after another round?
#include "mail/policy_request.h"
#include "must.h"

namespace npanel {
namespace {

std::string sent(const PolicyRequest& request) {
  std::string text = "request=smtpd_access_policy\n";
  const auto add = [&](const char* name, const std::string& value) { text += std::string(name) + "=" + value + "\n"; };
  add("protocol_state", request.state);
  add("sasl_username", request.sasl_username);
  add("sender", request.sender);
  add("queue_id", request.message);
  add("client_address", request.client_address);
  add("client_port", std::to_string(request.client_port));
  add("server_address", request.server_address);
  add("server_port", std::to_string(request.server_port));
  add("recipient_count", std::to_string(request.recipients));
  add("size", std::to_string(request.bytes));
  add("uid", request.uid ? std::to_string(*request.uid) : "");
  add("cwd", request.cwd);
  add("script", request.script);
  return text;
}

void judge(std::string_view text) {
  const auto request = parse_policy_request(text);
  if (!request) {
    const Error& why = request.error();
    must(why.code == EINVAL && !why.field.empty(), "a refusal names its attribute", why.text);
    must(why.text.find('\n') == std::string::npos, "the reason is one line", why.text);
    return;
  }
  const std::string once = sent(*request);
  must(once.find('\0') == std::string::npos, "no NUL comes in", once);
  const auto again = parse_policy_request(once);
  must(again.has_value(), "what was accepted is accepted again", once);
  must(sent(*again) == once, "another round changes nothing", once);
}

}  // namespace
}  // namespace npanel

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's own name
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  npanel::judge({reinterpret_cast<const char*>(data), size});
  return 0;
}
