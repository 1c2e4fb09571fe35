// SPDX-License-Identifier: Apache-2.0
// routes.cpp: who sends, who waits and why, and more for a while.
#include "mail/mail.h"

namespace npanel {
namespace {

constexpr uint64_t kTopUsually = 20;
constexpr uint64_t kLeastSeconds = 60;

Response account(const AccountView& view) {
  return versioned(encode(view), encode(view.account));
}

Result<Response> show_top(Mail& mail, const Call& call) {
  NP_TRY(only_parameters(call.query, {"limit"}));
  Json list = Json::array();
  for (const MailStatus& status : mail.top(NP_TRY(limit_in(call.query)).value_or(kTopUsually)))
    list.push_back(encode(status));
  return ok({{"accounts", std::move(list)}});
}

Result<Response> show_mail(Mail& mail, const Call& call) {
  const MailStatus status = NP_TRY(mail.status(call.name));
  Json json = encode(status);
  json["refusals"] = Json::array();
  for (const Event& event : status.refusals) json["refusals"].push_back(encode(event));
  json["examples"] = Json::array();
  for (const DeliveryExample& example : status.examples) json["examples"].push_back(encode(example));
  return ok(json);
}

Result<Response> show_unclear(Mail& mail, const Call&) {
  return ok(encode(mail.unclear()));
}

Result<Response> show_findings(Mail& mail, const Call&) {
  Json list = Json::array();
  for (const MailFinding& finding : mail.findings()) list.push_back(encode(finding));
  return ok({{"findings", std::move(list)}});
}

Result<Response> show_unattributed(Mail& mail, const Call&) {
  return ok(encode(mail.unattributed()));
}

Result<Response> on_raise(Mail& mail, const Call& call) {
  const Json body = NP_TRY(parse_object(call.request.body));
  NP_TRY(only_keys(body, "", {"messages_per_hour", "seconds"}));
  for (const char* field : {"messages_per_hour", "seconds"})
    if (!body.contains(field)) return refused(field, "must be there, as a whole number");
  const uint64_t messages = NP_TRY(whole_number(body["messages_per_hour"], "messages_per_hour", 1, kMailCountMost));
  const uint64_t seconds = NP_TRY(whole_number(body["seconds"], "seconds", kLeastSeconds, kRaiseSecondsMost));
  return account(NP_TRY(mail.raise(call.caller, call.name, messages, seconds)));
}

Result<Response> on_end_raise(Mail& mail, const Call& call) {
  return account(NP_TRY(mail.end_raise(call.caller, call.name)));
}

Result<Response> on_release_throttle(Mail& mail, const Call& call) {
  return account(NP_TRY(mail.release_throttle(call.caller, call.name)));
}

}  // namespace

std::vector<Route> Mail::routes() {
  Mail& mail = *this;
  const auto on_raise_of_known = [this](const Call& call) -> Result<Response> {
    NP_TRY(core_.accounts.find(call.name));
    return on_raise(*this, call);
  };
  return {
      {.method = "GET", .path = "/api/v1/mail", .handler = over(mail, show_top), .feature = NP_EMAIL_RATE_LIMITING},
      {.method = "GET",
       .path = "/api/v1/mail/unattributed",
       .handler = over(mail, show_unattributed),
       .feature = NP_EMAIL_RATE_LIMITING},
      {.method = "GET",
       .path = "/api/v1/mail/unclear",
       .handler = over(mail, show_unclear),
       .feature = NP_EMAIL_RATE_LIMITING},
      {.method = "GET",
       .path = "/api/v1/mail/findings",
       .handler = over(mail, show_findings),
       .feature = NP_EMAIL_RATE_LIMITING},
      {.method = "GET",
       .path = "/api/v1/accounts/*/mail",
       .handler = over(mail, show_mail),
       .feature = NP_EMAIL_RATE_LIMITING},
      {.method = "POST",
       .path = "/api/v1/accounts/*/mail/raise",
       .handler = on_raise_of_known,
       .action = "account.mail_raise",
       .feature = NP_EMAIL_RATE_LIMITING,
       .version = over(core_, account_version),
       .done = over(core_, show_account)},
      {.method = "DELETE",
       .path = "/api/v1/accounts/*/mail/raise",
       .handler = over(mail, on_end_raise),
       .action = "account.mail_raise",
       .feature = NP_EMAIL_RATE_LIMITING,
       .version = over(core_, account_version),
       .done = over(core_, show_account)},
      {.method = "DELETE",
       .path = "/api/v1/accounts/*/mail/throttle",
       .handler = over(mail, on_release_throttle),
       .action = "account.mail_throttle",
       .feature = NP_EMAIL_RATE_LIMITING,
       .version = over(core_, account_version),
       .done = over(core_, show_account)},
  };
}

}  // namespace npanel
