// SPDX-License-Identifier: Apache-2.0
// account_routes.cpp: accounts, their limits, their processes and what they use.
#include "api/service_routes.h"

namespace npanel {
namespace {

constexpr uint64_t kPidMost = 4194304;  // PID_MAX_LIMIT on 64 bits
constexpr uint64_t kGraceSeconds = 10;
constexpr uint64_t kGraceSecondsMost = 600;

Response account(const AccountView& view, int status = 200) {
  return versioned(encode(view), encode(view.account), status);
}

Result<Json> version(Service& service, const Call& call) {
  return encode(NP_TRY(service.account(call.name)).account);
}

Result<Response> list_accounts(Service& service, const Call& call) {
  return page_by_name<AccountView>(
      call.query, "accounts",
      [&](const std::string& after, size_t most) -> Result<std::vector<AccountView>> {
        return service.accounts(after, most);
      },
      [](const AccountView& view) -> const std::string& { return view.account.name; });
}

Result<std::string> name_in(const Json& body) {
  const std::string name = NP_TRY(text_in(body, "name"));
  return parse_account_name(name);
}

Result<Response> create_account(Service& service, const Call& call) {
  const Json body = NP_TRY(parse_object(call.request.body));
  NP_TRY(only_keys(body, "", {"name", "uid", "limits", "smtp", "mail", "contact"}));
  Account wanted;
  wanted.name = NP_TRY(name_in(body));
  if (body.contains("uid")) wanted.uid = NP_TRY(decode_uid(body["uid"], service.least_uid()));
  wanted.limits = NP_TRY(decode_limits(body.value("limits", Json::object()), service.default_limits()));
  wanted.smtp = NP_TRY(decode_smtp(body.value("smtp", Json::object()), service.default_smtp()));
  wanted.mail = NP_TRY(decode_mail(body.value("mail", Json::object()), service.default_mail()));
  wanted.contact = NP_TRY(decode_contact(body.value("contact", Json::object()), {}));
  return account(NP_TRY(service.create(call.caller, std::move(wanted), !body.contains("uid"))), 201);
}

Result<Response> show_account(Service& service, const Call& call) {
  return account(NP_TRY(service.account(call.name)));
}

// By the name that the request gives it.
Result<AccountView> named_in(Service& service, const Call& call) {
  const Json body = NP_TRY(parse_object(call.request.body));
  return service.account(body.contains("name") ? NP_TRY(name_in(body)) : call.name);
}

Result<Response> account_created(Service& service, const Call& call) {
  return account(NP_TRY(named_in(service, call)), 201);
}

Result<Response> account_changed(Service& service, const Call& call) {
  return account(NP_TRY(named_in(service, call)));
}

Result<Response> change_account(Service& service, const Call& call) {
  Account wanted = NP_TRY(service.account(call.name)).account;
  const Json body = NP_TRY(parse_object(call.request.body));
  NP_TRY(only_keys(body, "", {"name", "uid", "limits", "smtp", "mail", "contact"}));
  if (body.contains("name")) wanted.name = NP_TRY(name_in(body));
  if (body.contains("uid")) {
    wanted.uid = NP_TRY(decode_uid(body["uid"], service.least_uid()));
    wanted.uid_of_user = false;
  }
  wanted.limits = NP_TRY(decode_limits(body.value("limits", Json::object()), wanted.limits));
  wanted.smtp = NP_TRY(decode_smtp(body.value("smtp", Json::object()), wanted.smtp));
  wanted.mail = NP_TRY(decode_mail(body.value("mail", Json::object()), wanted.mail));
  wanted.contact = NP_TRY(decode_contact(body.value("contact", Json::object()), wanted.contact));
  return account(NP_TRY(service.change(call.caller, call.name, wanted)));
}

Result<Response> change_smtp(Service& service, const Call& call) {
  Account wanted = NP_TRY(service.account(call.name)).account;
  const Json body = NP_TRY(parse_object(call.request.body));
  wanted.smtp = NP_TRY(decode_smtp(body, wanted.smtp));
  return account(NP_TRY(service.change(call.caller, call.name, wanted)));
}

Result<Response> delete_account(Service& service, const Call& call) {
  if (const auto dying = NP_TRY(service.remove(call.caller, call.name))) return account(*dying, 202);
  return no_content();
}

// One of the same name may have been created since.
Result<Response> account_deleted(Service& service, const Call& call) {
  const auto view = service.account(call.name);
  return view && view->account.state == AccountState::deleting ? account(*view, 202) : no_content();
}

Result<Response> suspend_account(Service& service, const Call& call) {
  return account(NP_TRY(service.suspend(call.caller, call.name)));
}
Result<Response> resume_account(Service& service, const Call& call) {
  return account(NP_TRY(service.resume(call.caller, call.name)));
}

Result<Response> list_processes(Service& service, const Call& call) {
  return ok({{"pids", NP_TRY(service.processes(call.name))}});
}

Result<Response> add_process(Service& service, const Call& call) {
  const Json body = NP_TRY(parse_object(call.request.body));
  NP_TRY(only_keys(body, "", {"pid"}));
  if (!body.contains("pid")) return refused("pid", "must be there, as a whole number");
  const auto pid = static_cast<pid_t>(NP_TRY(whole_number(body["pid"], "pid", 1, kPidMost)));
  NP_TRY(service.add_process(call.caller, call.name, pid));
  return no_content();
}

Result<Response> process_added(const Call&) {
  return no_content();
}

Result<Response> drain_account(Service& service, const Call& call) {
  const Json body = call.request.body.empty() ? Json::object() : NP_TRY(parse_object(call.request.body));
  NP_TRY(only_keys(body, "", {"grace_seconds"}));
  const uint64_t grace =
      NP_TRY(whole_number(body.value("grace_seconds", Json(kGraceSeconds)), "grace_seconds", 0, kGraceSecondsMost));
  return started(NP_TRY(service.start_drain(call.caller, call.name, static_cast<uint32_t>(grace))));
}

Result<Response> apply_all(Service& service, const Call& call) {
  return started(NP_TRY(service.start_apply(call.caller)));
}

Result<Response> show_stats(Service& service, const Call& call) {
  return ok(encode(NP_TRY(service.stats(call.name))));
}

Result<Response> list_stats(Service& service, const Call& call) {
  return page_by_name<AccountStats>(
      call.query, "stats", [&](const std::string&, size_t) { return service.stats(); },
      [](const AccountStats& stats) -> const std::string& { return stats.account->name; });
}

}  // namespace

std::vector<Route> account_routes(Service& service) {
  return {
      {.method = "GET", .path = "/api/v1/accounts", .handler = over(service, list_accounts)},
      {.method = "POST",
       .path = "/api/v1/accounts",
       .handler = over(service, create_account),
       .action = "account.create",
       .done = over(service, account_created)},
      {.method = "GET", .path = "/api/v1/accounts/*", .handler = over(service, show_account)},
      {.method = "PATCH",
       .path = "/api/v1/accounts/*",
       .handler = over(service, change_account),
       .action = "account.change",
       .version = over(service, version),
       .done = over(service, account_changed)},
      {.method = "DELETE",
       .path = "/api/v1/accounts/*",
       .handler = over(service, delete_account),
       .action = "account.delete",
       .version = over(service, version),
       .done = over(service, account_deleted)},
      {.method = "POST",
       .path = "/api/v1/accounts/*/suspend",
       .handler = over(service, suspend_account),
       .action = "account.suspend",
       .version = over(service, version),
       .done = over(service, show_account)},
      {.method = "POST",
       .path = "/api/v1/accounts/*/resume",
       .handler = over(service, resume_account),
       .action = "account.resume",
       .version = over(service, version),
       .done = over(service, show_account)},
      {.method = "POST",
       .path = "/api/v1/accounts/*/smtp",
       .handler = over(service, change_smtp),
       .action = "account.smtp",
       .feature = NP_EMAIL_RATE_LIMITING,
       .version = over(service, version),
       .done = over(service, show_account)},
      {.method = "POST",
       .path = "/api/v1/accounts/*/drain",
       .handler = over(service, drain_account),
       .action = "account.drain",
       .feature = NP_PROGRESS_TRACKING},
      {.method = "POST",
       .path = "/api/v1/apply",
       .handler = over(service, apply_all),
       .action = "apply",
       .feature = NP_PROGRESS_TRACKING},
      {.method = "GET", .path = "/api/v1/accounts/*/processes", .handler = over(service, list_processes)},
      {.method = "POST",
       .path = "/api/v1/accounts/*/processes",
       .handler = over(service, add_process),
       .action = "account.add_process",
       .done = process_added},
      {.method = "GET", .path = "/api/v1/accounts/*/stats", .handler = over(service, show_stats)},
      {.method = "GET", .path = "/api/v1/stats", .handler = over(service, list_stats)},
  };
}

}  // namespace npanel
