// SPDX-License-Identifier: Apache-2.0
// database_routes.cpp: backups, and accounts that a damaged database has lost and the kernel still holds.
#include "api/service_routes.h"

namespace npanel {
namespace {

Result<Response> show_lost(Service& service, const Call&) {
  return ok(encode(service.lost_accounts()));
}

Response adopted(const AccountView& view) {
  return versioned(encode(view), encode(view.account), 201);
}

Result<Response> adopt_account(Service& service, const Call& call) {
  return adopted(NP_TRY(service.adopt(call.caller, call.name)));
}

Result<Response> account_adopted(Service& service, const Call& call) {
  return adopted(NP_TRY(service.account(call.name)));
}

Result<Response> confirm_accounts(Service& service, const Call& call) {
  return ok(encode(NP_TRY(service.confirm_accounts(call.caller))));
}

Result<Response> back_up(Service& service, const Call& call) {
  return started(NP_TRY(service.start_backup(call.caller)));
}

}  // namespace

std::vector<Route> database_routes(Service& service) {
  return {
      {.method = "POST",
       .path = "/api/v1/backup",
       .handler = over(service, back_up),
       .action = "backup",
       .feature = NP_PROGRESS_TRACKING},
      {.method = "GET", .path = "/api/v1/lost-accounts", .handler = over(service, show_lost)},
      {.method = "POST",
       .path = "/api/v1/lost-accounts/*/adopt",
       .handler = over(service, adopt_account),
       .action = "account.adopt",
       .done = over(service, account_adopted)},
      {.method = "POST",
       .path = "/api/v1/lost-accounts/confirm",
       .handler = over(service, confirm_accounts),
       .action = "accounts.confirm",
       .done = over(service, show_lost)},
  };
}

}  // namespace npanel
