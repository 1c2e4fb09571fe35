// SPDX-License-Identifier: Apache-2.0
// lost_routes.cpp: accounts that a damaged database has lost, and that the kernel still holds.
#include <array>

#include "api/route.h"

namespace npanel {
namespace {

Result<Response> show_lost(const Call& call) {
  return ok(encode(call.service.lost_accounts()));
}

Response adopted(const AccountView& view) {
  return versioned(encode(view), encode(view.account), 201);
}

Result<Response> adopt_account(const Call& call) {
  return adopted(NP_TRY(call.service.adopt(call.caller, call.name)));
}

Result<Response> account_adopted(const Call& call) {
  return adopted(NP_TRY(call.service.account(call.name)));
}

Result<Response> confirm_accounts(const Call& call) {
  return ok(encode(NP_TRY(call.service.confirm_accounts(call.caller))));
}

constexpr std::array kRoutes = std::to_array<Route>({
    {.method = "GET", .path = "/api/v1/lost-accounts", .handler = show_lost},
    {.method = "POST",
     .path = "/api/v1/lost-accounts/*/adopt",
     .handler = adopt_account,
     .action = "account.adopt",
     .done = account_adopted},
    {.method = "POST",
     .path = "/api/v1/lost-accounts/confirm",
     .handler = confirm_accounts,
     .action = "accounts.confirm",
     .done = show_lost},
});

}  // namespace

std::span<const Route> lost_routes() {
  return kRoutes;
}

}  // namespace npanel
