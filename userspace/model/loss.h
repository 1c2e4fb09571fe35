// SPDX-License-Identifier: Apache-2.0
// loss.h: what is known of accounts that were lost with a damaged database?
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/account.h"

namespace npanel {

// Lasts over every restart, until an administrator confirms the accounts.
struct AccountLoss {
  int64_t found_ms = 0;                // since 1970
  bool taken_over = false;             // what the kernel held is in the database again
  std::vector<std::string> done = {};  // about an account each, a sentence
};

// What the kernel holds of an account, whatever the database says.
struct HeldAccount {
  std::string directory;              // of its cgroup
  std::optional<uint32_t> slot = {};  // in the maps; nullopt: they know of no account in this cgroup
  std::optional<uid_t> uid = {};
  AccountState state = AccountState::active;  // or suspended
  Limits limits = {};
  std::optional<SmtpLimit> smtp = {};
  std::optional<MailLimits> mail = {};  // under a raise or a throttle, if there was one
};

// What is shown of it.
struct LostAccounts {
  std::optional<AccountLoss> loss;
  std::vector<HeldAccount> held;  // by no account of the database
};

}  // namespace npanel
