// SPDX-License-Identifier: Apache-2.0
// account.h: what did the administrator say about one hosting account?
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/contact.h"
#include "model/mail.h"

namespace npanel {

// `[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}`: what useradd(8) takes, and what panels and directories give out beside it
// (john.doe, shop.example_x7k2, 4you). Never a path; "Bob" and "bob" are two.
[[nodiscard]] Result<std::string> parse_account_name(std::string_view name);

// The cgroup directory of an account's name: the name itself, but that a '.' is written %2E. So it is never hidden,
// never leads elsewhere, and is never called as a control file is, of today's kernel or a later one: each of these has
// a '.'.
[[nodiscard]] std::string cgroup_directory(std::string_view account);
// Back again; nullopt: no account's directory is called so.
[[nodiscard]] std::optional<std::string> account_of_directory(std::string_view directory);

// nullopt is "no limit" (`max` in the cgroup filesystem). The defaults suit a small site on a shared server.
struct Limits {
  std::optional<uint64_t> cpu_percent = 50;  // of one core: 1 … 25600
  std::optional<uint64_t> memory_max_bytes = 512ULL << 20;
  std::optional<uint64_t> memory_high_bytes = std::nullopt;
  std::optional<uint64_t> swap_max_bytes = 0;
  std::optional<uint64_t> io_read_bytes_per_s = 50'000'000;  // a block device
  std::optional<uint64_t> io_write_bytes_per_s = 50'000'000;
  std::optional<uint64_t> pids_max = 256;

  bool operator==(const Limits&) const = default;
};

inline constexpr Limits kUnlimited{.cpu_percent = std::nullopt,
                                   .memory_max_bytes = std::nullopt,
                                   .memory_high_bytes = std::nullopt,
                                   .swap_max_bytes = std::nullopt,
                                   .io_read_bytes_per_s = std::nullopt,
                                   .io_write_bytes_per_s = std::nullopt,
                                   .pids_max = std::nullopt};

// One row per number of Limits: the same names in the API, the database and the configuration, and what each may be.
struct LimitField {
  const char* name;
  std::optional<uint64_t> Limits::* member;
  uint64_t least;
  uint64_t most;
};
inline constexpr uint64_t kMaxBytes = 1ULL << 50;
inline constexpr LimitField kLimitFields[] = {
    {"cpu_percent", &Limits::cpu_percent, 1, 25600},
    {"memory_max_bytes", &Limits::memory_max_bytes, 64ULL << 20, kMaxBytes},
    {"memory_high_bytes", &Limits::memory_high_bytes, 1ULL << 20, kMaxBytes},
    {"swap_max_bytes", &Limits::swap_max_bytes, 0, kMaxBytes},
    {"io_read_bytes_per_s", &Limits::io_read_bytes_per_s, 1ULL << 16, 1ULL << 40},
    {"io_write_bytes_per_s", &Limits::io_write_bytes_per_s, 1ULL << 16, 1ULL << 40},
    {"pids_max", &Limits::pids_max, 10, 4194304},  // PID_MAX_LIMIT on 64 bits
};

// redirect: all direct SMTP goes to the local MTA, which has the mail limits; but not implicit TLS (465), which is
// limited as with enforce.
enum class SmtpMode { off, observe, redirect, enforce };
[[nodiscard]] std::string_view to_string(SmtpMode mode);
[[nodiscard]] std::optional<SmtpMode> parse_smtp_mode(std::string_view text);

// How many direct SMTP connections may be opened: a token bucket (npanel/token_bucket.h).
struct SmtpLimit {
  uint32_t per_minute = 30;  // 0 … 100000; 0 = may not open SMTP at all
  uint32_t burst = 10;       // 1 … 100000, at most what a day earns; 0 only with per_minute 0
  SmtpMode mode = SmtpMode::enforce;

  bool operator==(const SmtpLimit&) const = default;
};

enum class AccountState { active, suspended, deleting };
[[nodiscard]] std::string_view to_string(AccountState state);
[[nodiscard]] std::optional<AccountState> parse_account_state(std::string_view text);

struct Account {
  std::string name;
  uint32_t slot = 0;  // index in the kernel's per-account maps
  std::optional<uid_t> uid = std::nullopt;
  AccountState state = AccountState::active;
  Limits limits = {};
  SmtpLimit smtp = {};
  MailLimits mail = {};
  std::optional<MailRaise> raise = {};
  Contact contact = {};
  // The uid is that of the system user of this name, as soon as there is one; else it is as the administrator said.
  bool uid_of_user = false;
  // Where its cgroup is, since it was renamed while something ran in it; nullopt: where its name says.
  std::optional<std::string> directory = {};

  bool operator==(const Account&) const = default;
};
// Of the account, wherever it is.
[[nodiscard]] std::string cgroup_directory(const Account& account);

// The lower of both, number by number.
[[nodiscard]] SmtpLimit stricter(const SmtpLimit& one, const SmtpLimit& other);

// System users (below UID_MIN of login.defs(5), unless accounts.least_uid says otherwise) run the MTA and the web
// server: they are nobody's account.
inline constexpr uid_t kLeastUid = 1000;
// What the kernel, NFS and user namespaces show for a uid that they do not know (overflowuid of proc(5)).
inline constexpr uid_t kNobodyUid = 65534;

// Errors carry the field: "limits.pids_max must be a whole number from 10 to 4194304 or null; got 3".
[[nodiscard]] std::string range_wanted(const LimitField& field);
[[nodiscard]] Result<void> check(const Limits& limits);
[[nodiscard]] Result<void> check(const SmtpLimit& smtp);
// May it be an account's? The error's field is "uid".
[[nodiscard]] Result<void> check_uid(uint64_t uid, uid_t least = kLeastUid);

}  // namespace npanel
