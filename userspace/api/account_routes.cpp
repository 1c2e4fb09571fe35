// SPDX-License-Identifier: Apache-2.0
// account_routes.cpp: accounts, their limits, their processes and what they use.
#include <array>

#include "api/route.h"

namespace npanel {
namespace {

constexpr uint64_t kPidMost = 4194304;  // PID_MAX_LIMIT on 64 bits
constexpr uint64_t kGraceSeconds = 10;
constexpr uint64_t kGraceSecondsMost = 600;

Response account(const AccountView& view, int status = 200) {
  return versioned(encode(view), encode(view.account), status);
}

Result<Json> version(const Call& call) {
  return encode(NP_TRY(call.service.account(call.name)).account);
}

Result<Response> list_accounts(const Call& call) {
  return page_by_name<AccountView>(
      call.query, "accounts",
      [&](const std::string& after, size_t most) -> Result<std::vector<AccountView>> {
        return call.service.accounts(after, most);
      },
      [](const AccountView& view) -> const std::string& { return view.account.name; });
}

Result<std::string> name_in(const Json& body) {
  const std::string name = NP_TRY(text_in(body, "name"));
  return parse_account_name(name);
}

Result<Response> create_account(const Call& call) {
  const Json body = NP_TRY(parse_object(call.request.body));
  NP_TRY(only_keys(body, "", {"name", "uid", "limits", "smtp", "mail", "contact"}));
  Account wanted;
  wanted.name = NP_TRY(name_in(body));
  if (body.contains("uid")) wanted.uid = NP_TRY(decode_uid(body["uid"], call.service.least_uid()));
  wanted.limits = NP_TRY(decode_limits(body.value("limits", Json::object()), call.service.default_limits()));
  wanted.smtp = NP_TRY(decode_smtp(body.value("smtp", Json::object()), call.service.default_smtp()));
  wanted.mail = NP_TRY(decode_mail(body.value("mail", Json::object()), call.service.default_mail()));
  wanted.contact = NP_TRY(decode_contact(body.value("contact", Json::object()), {}));
  return account(NP_TRY(call.service.create(call.caller, std::move(wanted), !body.contains("uid"))), 201);
}

Result<Response> show_account(const Call& call) {
  return account(NP_TRY(call.service.account(call.name)));
}

// By the name that the request gives it.
Result<AccountView> named_in(const Call& call) {
  const Json body = NP_TRY(parse_object(call.request.body));
  return call.service.account(body.contains("name") ? NP_TRY(name_in(body)) : call.name);
}

Result<Response> account_created(const Call& call) {
  return account(NP_TRY(named_in(call)), 201);
}

Result<Response> account_changed(const Call& call) {
  return account(NP_TRY(named_in(call)));
}

Result<Response> change_account(const Call& call) {
  Account wanted = NP_TRY(call.service.account(call.name)).account;
  const Json body = NP_TRY(parse_object(call.request.body));
  NP_TRY(only_keys(body, "", {"name", "uid", "limits", "smtp", "mail", "contact"}));
  if (body.contains("name")) wanted.name = NP_TRY(name_in(body));
  if (body.contains("uid")) {
    wanted.uid = NP_TRY(decode_uid(body["uid"], call.service.least_uid()));
    wanted.uid_of_user = false;
  }
  wanted.limits = NP_TRY(decode_limits(body.value("limits", Json::object()), wanted.limits));
  wanted.smtp = NP_TRY(decode_smtp(body.value("smtp", Json::object()), wanted.smtp));
  wanted.mail = NP_TRY(decode_mail(body.value("mail", Json::object()), wanted.mail));
  wanted.contact = NP_TRY(decode_contact(body.value("contact", Json::object()), wanted.contact));
  return account(NP_TRY(call.service.change(call.caller, call.name, wanted)));
}

Result<Response> change_smtp(const Call& call) {
  Account wanted = NP_TRY(call.service.account(call.name)).account;
  const Json body = NP_TRY(parse_object(call.request.body));
  wanted.smtp = NP_TRY(decode_smtp(body, wanted.smtp));
  return account(NP_TRY(call.service.change(call.caller, call.name, wanted)));
}

Result<Response> delete_account(const Call& call) {
  if (const auto dying = NP_TRY(call.service.remove(call.caller, call.name))) return account(*dying, 202);
  return no_content();
}

// One of the same name may have been created since.
Result<Response> account_deleted(const Call& call) {
  const auto view = call.service.account(call.name);
  return view && view->account.state == AccountState::deleting ? account(*view, 202) : no_content();
}

Result<Response> suspend_account(const Call& call) {
  return account(NP_TRY(call.service.suspend(call.caller, call.name)));
}
Result<Response> resume_account(const Call& call) {
  return account(NP_TRY(call.service.resume(call.caller, call.name)));
}

Result<Response> list_processes(const Call& call) {
  return ok({{"pids", NP_TRY(call.service.processes(call.name))}});
}

Result<Response> add_process(const Call& call) {
  const Json body = NP_TRY(parse_object(call.request.body));
  NP_TRY(only_keys(body, "", {"pid"}));
  if (!body.contains("pid")) return refused("pid", "must be there, as a whole number");
  const auto pid = static_cast<pid_t>(NP_TRY(whole_number(body["pid"], "pid", 1, kPidMost)));
  NP_TRY(call.service.add_process(call.caller, call.name, pid));
  return no_content();
}

Result<Response> process_added(const Call&) {
  return no_content();
}

Result<Response> drain_account(const Call& call) {
  const Json body = call.request.body.empty() ? Json::object() : NP_TRY(parse_object(call.request.body));
  NP_TRY(only_keys(body, "", {"grace_seconds"}));
  const uint64_t grace =
      NP_TRY(whole_number(body.value("grace_seconds", Json(kGraceSeconds)), "grace_seconds", 0, kGraceSecondsMost));
  return started(NP_TRY(call.service.start_drain(call.caller, call.name, static_cast<uint32_t>(grace))));
}

Result<Response> show_stats(const Call& call) {
  return ok(encode(NP_TRY(call.service.stats(call.name))));
}

Result<Response> list_stats(const Call& call) {
  return page_by_name<AccountStats>(
      call.query, "stats", [&](const std::string&, size_t) { return call.service.stats(); },
      [](const AccountStats& stats) -> const std::string& { return stats.account->name; });
}

constexpr std::array kRoutes = std::to_array<Route>({
    {.method = "GET", .path = "/api/v1/accounts", .handler = list_accounts},
    {.method = "POST",
     .path = "/api/v1/accounts",
     .handler = create_account,
     .action = "account.create",
     .done = account_created},
    {.method = "GET", .path = "/api/v1/accounts/*", .handler = show_account},
    {.method = "PATCH",
     .path = "/api/v1/accounts/*",
     .handler = change_account,
     .action = "account.change",
     .version = version,
     .done = account_changed},
    {.method = "DELETE",
     .path = "/api/v1/accounts/*",
     .handler = delete_account,
     .action = "account.delete",
     .version = version,
     .done = account_deleted},
    {.method = "POST",
     .path = "/api/v1/accounts/*/suspend",
     .handler = suspend_account,
     .action = "account.suspend",
     .version = version,
     .done = show_account},
    {.method = "POST",
     .path = "/api/v1/accounts/*/resume",
     .handler = resume_account,
     .action = "account.resume",
     .version = version,
     .done = show_account},
    {.method = "POST",
     .path = "/api/v1/accounts/*/smtp",
     .handler = change_smtp,
     .action = "account.smtp",
     .feature = NP_EMAIL_RATE_LIMITING,
     .version = version,
     .done = show_account},
    {.method = "POST",
     .path = "/api/v1/accounts/*/drain",
     .handler = drain_account,
     .action = "account.drain",
     .feature = NP_PROGRESS_TRACKING},
    {.method = "GET", .path = "/api/v1/accounts/*/processes", .handler = list_processes},
    {.method = "POST",
     .path = "/api/v1/accounts/*/processes",
     .handler = add_process,
     .action = "account.add_process",
     .done = process_added},
    {.method = "GET", .path = "/api/v1/accounts/*/stats", .handler = show_stats},
    {.method = "GET", .path = "/api/v1/stats", .handler = list_stats},
});

}  // namespace

std::span<const Route> account_routes() {
  return kRoutes;
}

}  // namespace npanel
