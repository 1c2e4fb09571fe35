// SPDX-License-Identifier: Apache-2.0
// Is every body of a request either refused with the field's name, or the same valid account after another round?
#include "api/codec.h"
#include "must.h"

namespace npanel {
namespace {

struct Base {
  Limits limits;
  SmtpLimit smtp;
  MailLimits mail = {};
  Contact contact = {};
};
// What a PATCH begins with.
const Base kBases[] = {
    {},
    {.limits = {.cpu_percent = {}, .memory_max_bytes = {}, .swap_max_bytes = {}, .pids_max = {}}, .smtp = {0, 0}},
    {.limits = {.memory_high_bytes = 64ULL << 20, .pids_max = 10},
     .smtp = {1, 1440, SmtpMode::observe},
     .mail = {.messages_per_hour = {}, .connections = {}},
     .contact = {.email = "owner@example.com", .language = "de"}},
};

// As api/routes takes the body of POST and of PATCH /api/v1/accounts.
Result<Account> take(std::string_view body, const Base& base) {
  const Json json = NP_TRY(parse_object(body));
  NP_TRY(only_keys(json, "", {"name", "uid", "limits", "smtp", "mail", "contact"}));
  Account account{.name = "bob"};
  if (json.contains("name") && json["name"].is_string())
    account.name = NP_TRY(parse_account_name(json["name"].get<std::string>()));
  if (json.contains("uid")) account.uid = NP_TRY(decode_uid(json["uid"], kLeastUid));
  account.limits = NP_TRY(decode_limits(json.value("limits", Json::object()), base.limits));
  account.smtp = NP_TRY(decode_smtp(json.value("smtp", Json::object()), base.smtp));
  account.mail = NP_TRY(decode_mail(json.value("mail", Json::object()), base.mail));
  account.contact = NP_TRY(decode_contact(json.value("contact", Json::object()), base.contact));
  return account;
}

std::string sent(const Account& account) {
  return Json{{"name", account.name},
              {"uid", account.uid ? Json(*account.uid) : Json(nullptr)},
              {"limits", encode(account.limits)},
              {"smtp", encode(account.smtp)},
              {"mail", encode(account.mail)},
              {"contact", encode(account.contact)}}
      .dump();
}

void judge(std::string_view body, const Base& base) {
  const auto account = take(body, base);
  if (!account) {
    const Error& why = account.error();
    must(why.code == EINVAL && !why.field.empty(), "a refusal names its field", why.text);
    must(why.text.starts_with(why.field + " "), "the text begins with the field", why.text);
    return;
  }
  must(check(account->limits).has_value(), "accepted limits are valid", sent(*account));
  must(check(account->smtp).has_value(), "an accepted rate is valid", sent(*account));
  must(check(account->mail).has_value(), "accepted mail limits are valid", sent(*account));
  must(check(account->contact).has_value(), "an accepted contact is valid", sent(*account));
  must(!account->uid || check_uid(*account->uid).has_value(), "an accepted uid is valid", sent(*account));
  const auto again = take(sent(*account), {});
  must(again && *again == *account, "another round changes nothing", sent(*account));
}

}  // namespace
}  // namespace npanel

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's own name
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  for (const npanel::Base& base : npanel::kBases) npanel::judge({reinterpret_cast<const char*>(data), size}, base);
  return 0;
}
