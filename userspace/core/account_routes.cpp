// SPDX-License-Identifier: Apache-2.0
// account_routes.cpp: accounts, their limits, their processes and what they use.
#include "core/core.h"

namespace npanel {
namespace {

constexpr uint64_t kPidMost = 4194304;  // PID_MAX_LIMIT on 64 bits
constexpr uint64_t kGraceSeconds = 10;
constexpr uint64_t kGraceSecondsMost = 600;

Response account(const AccountView& view, int status = 200) {
  return versioned(encode(view), encode(view.account), status);
}

Result<AccountView> find(Core& core, const std::string& name) {
  return core.editor.view(*NP_TRY(core.accounts.find(name)));
}

// By name, those behind `after`.
std::vector<AccountView> views(Core& core, const std::string& after, size_t most) {
  const Accounts::Map& all = core.accounts.all();
  std::vector<AccountView> found;
  found.reserve(std::min(most, all.size()));
  for (auto next = all.upper_bound(after); next != all.end() && found.size() < most; ++next)
    found.push_back(core.editor.view(next->second));
  return found;
}

Result<Job> start_apply(Core& core, const Caller& caller) {
  const int64_t id = core.enforcer.apply_in_background("asked for by " + caller.actor);
  core.jobs.audit(caller, id);
  return core.jobs.find(id);
}

Result<Response> list_accounts(Core& core, const Call& call) {
  return page_by_name<AccountView>(
      call.query, "accounts",
      [&](const std::string& after, size_t most) -> Result<std::vector<AccountView>> {
        return views(core, after, most);
      },
      [](const AccountView& view) -> const std::string& { return view.account.name; });
}

Result<std::string> name_in(const Json& body) {
  const std::string name = NP_TRY(text_in(body, "name"));
  return parse_account_name(name);
}

Result<Response> create_account(Core& core, const Call& call) {
  const Json body = NP_TRY(parse_object(call.request.body));
  NP_TRY(only_keys(body, "", {"name", "uid", "limits", "smtp", "mail", "contact"}));
  Account wanted;
  wanted.name = NP_TRY(name_in(body));
  if (body.contains("uid")) wanted.uid = NP_TRY(decode_uid(body["uid"], core.config.least_uid));
  wanted.limits = NP_TRY(decode_limits(body.value("limits", Json::object()), core.config.default_limits));
  wanted.smtp = NP_TRY(decode_smtp(body.value("smtp", Json::object()), core.config.default_smtp));
  wanted.mail = NP_TRY(decode_mail(body.value("mail", Json::object()), core.config.default_mail));
  wanted.contact = NP_TRY(decode_contact(body.value("contact", Json::object()), {}));
  return account(NP_TRY(core.editor.create(call.caller, std::move(wanted), !body.contains("uid"))), 201);
}

// By the name that the request gives it.
Result<AccountView> named_in(Core& core, const Call& call) {
  const Json body = NP_TRY(parse_object(call.request.body));
  return find(core, body.contains("name") ? NP_TRY(name_in(body)) : call.name);
}

Result<Response> account_created(Core& core, const Call& call) {
  return account(NP_TRY(named_in(core, call)), 201);
}

Result<Response> account_changed(Core& core, const Call& call) {
  return account(NP_TRY(named_in(core, call)));
}

Result<Response> change_account(Core& core, const Call& call) {
  Account wanted = NP_TRY(find(core, call.name)).account;
  const Json body = NP_TRY(parse_object(call.request.body));
  NP_TRY(only_keys(body, "", {"name", "uid", "limits", "smtp", "mail", "contact"}));
  if (body.contains("name")) wanted.name = NP_TRY(name_in(body));
  if (body.contains("uid")) {
    wanted.uid = NP_TRY(decode_uid(body["uid"], core.config.least_uid));
    wanted.uid_of_user = false;
  }
  wanted.limits = NP_TRY(decode_limits(body.value("limits", Json::object()), wanted.limits));
  wanted.smtp = NP_TRY(decode_smtp(body.value("smtp", Json::object()), wanted.smtp));
  wanted.mail = NP_TRY(decode_mail(body.value("mail", Json::object()), wanted.mail));
  wanted.contact = NP_TRY(decode_contact(body.value("contact", Json::object()), wanted.contact));
  return account(NP_TRY(core.editor.change(call.caller, call.name, wanted)));
}

Result<Response> change_smtp(Core& core, const Call& call) {
  Account wanted = NP_TRY(find(core, call.name)).account;
  const Json body = NP_TRY(parse_object(call.request.body));
  wanted.smtp = NP_TRY(decode_smtp(body, wanted.smtp));
  return account(NP_TRY(core.editor.change(call.caller, call.name, wanted)));
}

Result<Response> delete_account(Core& core, const Call& call) {
  if (const auto dying = NP_TRY(core.editor.remove(call.caller, call.name))) return account(*dying, 202);
  return no_content();
}

// One of the same name may have been created since.
Result<Response> account_deleted(Core& core, const Call& call) {
  const auto view = find(core, call.name);
  return view && view->account.state == AccountState::deleting ? account(*view, 202) : no_content();
}

Result<Response> suspend_account(Core& core, const Call& call) {
  return account(NP_TRY(core.editor.set_state(call.caller, call.name, AccountState::suspended)));
}
Result<Response> resume_account(Core& core, const Call& call) {
  return account(NP_TRY(core.editor.set_state(call.caller, call.name, AccountState::active)));
}

Result<Response> list_processes(Core& core, const Call& call) {
  const AccountEntry* entry = NP_TRY(core.accounts.find(call.name));
  return ok({{"pids", NP_TRY(core.reconciler.processes(entry->account))}});
}

Result<Response> add_process(Core& core, const Call& call) {
  const Json body = NP_TRY(parse_object(call.request.body));
  NP_TRY(only_keys(body, "", {"pid"}));
  if (!body.contains("pid")) return refused("pid", "must be there, as a whole number");
  const auto pid = static_cast<pid_t>(NP_TRY(whole_number(body["pid"], "pid", 1, kPidMost)));
  NP_TRY(core.editor.add_process(call.caller, call.name, pid));
  return no_content();
}

Result<Response> process_added(const Call&) {
  return no_content();
}

Result<Response> drain_account(Core& core, const Call& call) {
  const Json body = call.request.body.empty() ? Json::object() : NP_TRY(parse_object(call.request.body));
  NP_TRY(only_keys(body, "", {"grace_seconds"}));
  const uint64_t grace =
      NP_TRY(whole_number(body.value("grace_seconds", Json(kGraceSeconds)), "grace_seconds", 0, kGraceSecondsMost));
  return started(NP_TRY(core.editor.start_drain(call.caller, call.name, static_cast<uint32_t>(grace))));
}

Result<Response> apply_all(Core& core, const Call& call) {
  return started(NP_TRY(start_apply(core, call.caller)));
}

}  // namespace

Result<Json> account_version(Core& core, const Call& call) {
  return encode(NP_TRY(find(core, call.name)).account);
}

Result<Response> show_account(Core& core, const Call& call) {
  return account(NP_TRY(find(core, call.name)));
}

std::vector<Route> account_routes(Core& core) {
  return {
      {.method = "GET", .path = "/api/v1/accounts", .handler = over(core, list_accounts)},
      {.method = "POST",
       .path = "/api/v1/accounts",
       .handler = over(core, create_account),
       .action = "account.create",
       .done = over(core, account_created)},
      {.method = "GET", .path = "/api/v1/accounts/*", .handler = over(core, show_account)},
      {.method = "PATCH",
       .path = "/api/v1/accounts/*",
       .handler = over(core, change_account),
       .action = "account.change",
       .version = over(core, account_version),
       .done = over(core, account_changed)},
      {.method = "DELETE",
       .path = "/api/v1/accounts/*",
       .handler = over(core, delete_account),
       .action = "account.delete",
       .version = over(core, account_version),
       .done = over(core, account_deleted)},
      {.method = "POST",
       .path = "/api/v1/accounts/*/suspend",
       .handler = over(core, suspend_account),
       .action = "account.suspend",
       .version = over(core, account_version),
       .done = over(core, show_account)},
      {.method = "POST",
       .path = "/api/v1/accounts/*/resume",
       .handler = over(core, resume_account),
       .action = "account.resume",
       .version = over(core, account_version),
       .done = over(core, show_account)},
      {.method = "POST",
       .path = "/api/v1/accounts/*/smtp",
       .handler = over(core, change_smtp),
       .action = "account.smtp",
       .feature = NP_EMAIL_RATE_LIMITING,
       .version = over(core, account_version),
       .done = over(core, show_account)},
      {.method = "POST",
       .path = "/api/v1/accounts/*/drain",
       .handler = over(core, drain_account),
       .action = "account.drain",
       .feature = NP_PROGRESS_TRACKING},
      {.method = "POST",
       .path = "/api/v1/apply",
       .handler = over(core, apply_all),
       .action = "apply",
       .feature = NP_PROGRESS_TRACKING},
      {.method = "GET", .path = "/api/v1/accounts/*/processes", .handler = over(core, list_processes)},
      {.method = "POST",
       .path = "/api/v1/accounts/*/processes",
       .handler = over(core, add_process),
       .action = "account.add_process",
       .done = process_added},
  };
}

}  // namespace npanel
