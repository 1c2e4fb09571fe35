// SPDX-License-Identifier: Apache-2.0
#include "model/account.h"

#include <algorithm>

#include "model/token.h"
#include "npanel/token_bucket.h"

namespace npanel {
namespace {

constexpr size_t kNameMost = 64;
constexpr std::string_view kDot = "%2E";  // percent-encoding, as anybody reads it (RFC 3986, 2.1)

bool may_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
bool may_follow(char c) {
  return may_start(c) || c == '-' || c == '.';
}

template <class Enum, size_t N>
std::optional<Enum> parse_enum(std::string_view text, const Enum (&values)[N]) {
  for (const Enum value : values)
    if (text == to_string(value)) return value;
  return std::nullopt;
}

}  // namespace

Result<std::string> parse_account_name(std::string_view name) {
  const bool ok =
      !name.empty() && name.size() <= kNameMost && may_start(name.front()) && std::ranges::all_of(name, may_follow);
  if (!ok)
    return refused("name", "must be 1 to 64 characters: a letter, a digit or _, then letters, digits, _, - or .");
  // Somebody has pasted it into the wrong field; as a name it would stand in every list and log.
  if (is_token_text(name)) return refused("name", "must not be the text of a token");
  return std::string(name);
}

std::string cgroup_directory(std::string_view account) {
  std::string directory;
  for (const char c : account) c == '.' ? directory.append(kDot) : directory.append(1, c);
  return directory;
}

std::string cgroup_directory(const Account& account) {
  return account.directory.value_or(cgroup_directory(account.name));
}

std::optional<std::string> account_of_directory(std::string_view directory) {
  std::string name(directory);
  for (size_t at = 0; (at = name.find(kDot, at)) != std::string::npos; ++at) name.replace(at, kDot.size(), ".");
  // There is one spelling: a directory with a real '.' was made by somebody else.
  const bool ours = parse_account_name(name) && cgroup_directory(name) == directory;
  return ours ? std::optional(std::move(name)) : std::nullopt;
}

std::string_view to_string(SmtpMode mode) {
  switch (mode) {
    case SmtpMode::off:
      return "off";
    case SmtpMode::observe:
      return "observe";
    case SmtpMode::redirect:
      return "redirect";
    case SmtpMode::enforce:
      return "enforce";
  }
  return "?";
}

std::optional<SmtpMode> parse_smtp_mode(std::string_view text) {
  return parse_enum(text, {SmtpMode::off, SmtpMode::observe, SmtpMode::redirect, SmtpMode::enforce});
}

std::string_view to_string(AccountState state) {
  switch (state) {
    case AccountState::active:
      return "active";
    case AccountState::suspended:
      return "suspended";
    case AccountState::deleting:
      return "deleting";
  }
  return "?";
}

std::optional<AccountState> parse_account_state(std::string_view text) {
  return parse_enum(text, {AccountState::active, AccountState::suspended, AccountState::deleting});
}

std::string range_wanted(const LimitField& field) {
  return "must be a whole number from " + std::to_string(field.least) + " to " + std::to_string(field.most) +
         " or null";
}

SmtpLimit stricter(const SmtpLimit& one, const SmtpLimit& other) {
  return {.per_minute = std::min(one.per_minute, other.per_minute),
          .burst = std::min(one.burst, other.burst),
          .mode = std::max(one.mode, other.mode)};
}

Result<void> check(const Limits& limits) {
  for (const LimitField& field : kLimitFields) {
    const auto& value = limits.*field.member;
    if (value && (*value < field.least || *value > field.most))
      return refused(std::string("limits.") + field.name, range_wanted(field) + "; got " + std::to_string(*value));
  }
  if (limits.memory_high_bytes && limits.memory_max_bytes && *limits.memory_high_bytes > *limits.memory_max_bytes)
    return refused("limits.memory_high_bytes", "must not be above limits.memory_max_bytes, " +
                                                   std::to_string(*limits.memory_max_bytes) +
                                                   ", where the kernel kills");
  return {};
}

Result<void> check(const SmtpLimit& smtp) {
  if (smtp.per_minute > NP_BUCKET_PER_MINUTE_MAX)
    return refused("smtp.per_minute",
                   "must be a whole number from 0 to 100000; got " + std::to_string(smtp.per_minute));
  if (smtp.per_minute == 0) {
    if (smtp.burst == 0) return {};
    return refused("smtp.burst", "must be 0 when smtp.per_minute is 0: the account may not open SMTP at all");
  }
  const uint64_t most = std::min<uint64_t>(NP_BUCKET_BURST_MAX, uint64_t{NP_BUCKET_FILL_MINUTES} * smtp.per_minute);
  if (smtp.burst < 1 || smtp.burst > most)
    return refused("smtp.burst", "must be a whole number from 1 to " + std::to_string(most) +
                                     " (a day's worth of per_minute, at most 100000); got " +
                                     std::to_string(smtp.burst));
  return {};
}

Result<void> check_uid(uint64_t uid, uid_t least) {
  constexpr uint64_t kNoUid = 0xffffffff;  // (uid_t)-1, "no change" to chown(2)
  if (uid == kNobodyUid)
    return refused("uid", "must not be 65534: that is nobody, who stands for every user that is not known");
  if (uid >= least && uid < kNoUid) return {};
  return refused("uid", "must be a whole number from " + std::to_string(least) +
                            " to 4294967294 or null (system users belong to no account); got " + std::to_string(uid));
}

}  // namespace npanel
