// SPDX-License-Identifier: Apache-2.0
// Is every question either refused as none, or the same after another round? And is it never an account's that neither
// login, opener nor relay rule names?
#include <algorithm>
#include <cctype>

#include "mail/policy_request.h"
#include "must.h"
#include "unit/mail/world.h"

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

// As another would say it: does the text end in a domain of the account's, or is it its name or one of its logins?
bool names(std::string text, const std::string& account) {
  const bool ascii = std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (!ascii) return account == "bob" || account == "ann";  // what IDNA makes of it is the unit tests' affair
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (text.ends_with('.')) text.pop_back();
  const auto ends = [&](const char* domain) { return text.ends_with(domain); };
  if (text == account) return true;
  if (account == "ann") return ends("ann.example") || ends("strasse.example");
  return ends("bob.example") || ends("xn--bcher-kva.example") || ends(".wild.example") || text == "mailbox7" ||
         ends("desk@ann.example") || ends("desk+ann.example") || ends("desk%ann.example");
}

bool is_opened_by(const PolicyRequest& request, const World& world, const std::string& account) {
  const uint32_t slot = account == "bob" ? 1 : 2;
  if (request.uid) return *request.uid == 2000 + slot;
  const auto opener = world.connections.find(request.client_port);
  return opener != world.connections.end() && opener->second.slot == slot;
}

bool is_relayed_by(const PolicyRequest& request, const std::string& account) {
  const auto client = parse_net_address(request.client_address);
  const bool relay =
      client && (contains(*parse_net("198.51.100.0/24"), *client) || contains(*parse_net("2001:db8:77::/48"), *client));
  return relay && !contains(*parse_net("198.51.100.10"), *client) && !request.uid && request.sasl_username.empty() &&
         names(request.sender, account);
}

void judge_owner(const PolicyRequest& request) {
  static World world;
  world.connections = {{1, {.slot = 1, .uid = 2001}},
                       {2, {.slot = 2, .uid = 2002}},
                       {3, {.slot = {}, .uid = 0}},
                       {4, {.slot = 7, .uid = 0}}};
  const Whose whose = world.senders.find(request);
  if (!whose.account) return;
  must(names(request.sasl_username, *whose.account) || is_opened_by(request, world, *whose.account) ||
           is_relayed_by(request, *whose.account),
       "an account is named by its login, its process or a relay", *whose.account + "\n" + sent(request));
}

void judge(std::string_view text) {
  const auto request = parse_policy_request(text);
  if (!request) {
    const Error& why = request.error();
    must(why.code == EINVAL && why.field == "request", "only what is no question is refused", why.text);
    must(why.text.find('\n') == std::string::npos, "the reason is one line", why.text);
    return;
  }
  const std::string once = sent(*request);
  must(once.find('\0') == std::string::npos, "no NUL comes in", once);
  const auto again = parse_policy_request(once);
  must(again.has_value(), "what was accepted is accepted again", once);
  must(sent(*again) == once, "another round changes nothing", once);
  judge_owner(*request);
}

}  // namespace
}  // namespace npanel

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's own name
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  npanel::judge({reinterpret_cast<const char*>(data), size});
  return 0;
}
