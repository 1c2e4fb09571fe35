// SPDX-License-Identifier: Apache-2.0
// routes.cpp: backups, and accounts that a damaged database has lost and the kernel still holds.
#include "database/database.h"

namespace npanel {
namespace {

Result<Response> show_lost(Database& database, const Call&) {
  return ok(encode(database.lost_accounts()));
}

Response adopted(const AccountView& view) {
  return versioned(encode(view), encode(view.account), 201);
}

Result<Response> adopt_account(Database& database, const Call& call) {
  return adopted(NP_TRY(database.adopt(call.caller, call.name)));
}

Result<Response> account_adopted(Core& core, const Call& call) {
  return adopted(core.editor.view(*NP_TRY(core.accounts.find(call.name))));
}

Result<Response> on_confirm_accounts(Database& database, const Call& call) {
  return ok(encode(NP_TRY(database.confirm_accounts(call.caller))));
}

Result<Response> back_up(Database& database, const Call& call) {
  return started(NP_TRY(database.start_backup(call.caller)));
}

}  // namespace

std::vector<Route> Database::routes() {
  Database& database = *this;
  return {
      {.method = "POST",
       .path = "/api/v1/backup",
       .handler = over(database, back_up),
       .action = "backup",
       .feature = NP_PROGRESS_TRACKING},
      {.method = "GET", .path = "/api/v1/lost-accounts", .handler = over(database, show_lost)},
      {.method = "POST",
       .path = "/api/v1/lost-accounts/*/adopt",
       .handler = over(database, adopt_account),
       .action = "account.adopt",
       .done = over(core_, account_adopted)},
      {.method = "POST",
       .path = "/api/v1/lost-accounts/confirm",
       .handler = over(database, on_confirm_accounts),
       .action = "accounts.confirm",
       .done = over(database, show_lost)},
  };
}

}  // namespace npanel
