// SPDX-License-Identifier: Apache-2.0
// unattributed.h: mail that no account owns: why, how much is there, and who sends it?
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/feature.h"
#include "model/mail_status.h"

namespace npanel {

enum class Nobody {
  login,    // the MTA has authenticated a login that no account owns
  process,  // of this host, and no account's
  unknown,  // of this host, and nobody knows whose
  relay,    // a host of mail.relays, with a sender whose domain no account owns
  system,   // root, or a user of smtp.exempt_users or mail.mta_users: the system's own
  outside,  // from elsewhere, without a login: for us, not from us
};
inline constexpr std::array kAllNobodies = {Nobody::login, Nobody::process, Nobody::unknown,
                                            Nobody::relay, Nobody::system,  Nobody::outside};
[[nodiscard]] std::string_view to_string(Nobody why);
// Does it draw on the allowance of mail that no account owns? The other mail passes.
[[nodiscard]] bool is_charged(Nobody why);
// What the administrator does so that such mail becomes an account's. One sentence without a full stop.
[[nodiscard]] std::string_view remedy(Nobody why);

// Questions, by their answer; where nothing was charged, the MTA only asked and will ask again.
enum class NobodyAnswer { passed, accepted, repeated, would_defer, deferred };
inline constexpr std::array kAllNobodyAnswers = {NobodyAnswer::passed, NobodyAnswer::accepted, NobodyAnswer::repeated,
                                                 NobodyAnswer::would_defer, NobodyAnswer::deferred};
[[nodiscard]] std::string_view to_string(NobodyAnswer answer);
using NobodyCounts = std::array<std::array<uint64_t, kAllNobodyAnswers.size()>, kAllNobodies.size()>;

// One that an administrator may want to attribute: a login, a user, a client or a sender's domain, whatever tells them
// apart.
struct NobodySender {
  Nobody why = Nobody::unknown;
  std::string login = {};
  std::optional<uid_t> uid = {};
  std::string client = {};  // of the newest
  std::string sender = {};  // of the newest
  uint64_t messages = 0;    // that passed
  uint64_t deferred = 0;    // questions
  int64_t last_ms = 0;      // Unix time
};

struct UnattributedMail {
  FeatureMode mode = FeatureMode::off;
  MailLimits limits = {};
  MailFigures figures = {};
  std::optional<uint64_t> free_in_s = 0;  // until one more message fits; nullopt: none ever
  NobodyCounts counts{};                  // since the start of the agent
  std::vector<NobodySender> newest = {};  // the newest first
};

}  // namespace npanel
