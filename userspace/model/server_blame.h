// SPDX-License-Identifier: Apache-2.0
// server_blame.h: what meets most senders at once, and so is no account's fault?
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/reputation.h"

namespace npanel {

// What the administrator is to look at: the server's own troubles, and answers that so many accounts get that they can
// hardly be each account's.
enum class Trouble : uint8_t {
  reputation,  // ServerFault's …
  load,
  relay,
  unreachable,
  authentication,  // … and outcomes that were excused
  content,
  unknown_recipients,
  deferrals,
};
inline constexpr std::array kAllTroubles = {Trouble::reputation,         Trouble::load,           Trouble::relay,
                                            Trouble::unreachable,        Trouble::authentication, Trouble::content,
                                            Trouble::unknown_recipients, Trouble::deferrals};
[[nodiscard]] std::string_view to_string(Trouble trouble);
// nullopt: what was accepted, refused by our own MTA, or not understood.
[[nodiscard]] std::optional<Trouble> trouble_of(const Verdict& verdict);
// What is wrong, and what the administrator does about it: each a sentence without a full stop.
[[nodiscard]] std::string_view description(Trouble trouble);
[[nodiscard]] std::string_view remedy(Trouble trouble);

struct Blame {
  Trouble trouble = Trouble::reputation;
  uint64_t senders = 0;                     // accounts
  uint64_t recipients = 0;                  // of the last hour
  std::vector<uint32_t> destinations = {};  // at most 3, those with the most senders

  bool operator==(const Blame&) const = default;
};

struct ServerJudgement {
  Excuses excuses = {};
  std::vector<Blame> blames = {};  // one a trouble at most
};

// `hours`: one an account; destinations are numbers below `destinations`, of which 0 stands for those that are not told
// apart. An account is hit where at least half of its recipients at a destination got that answer. The server or the
// destination is to blame when two thirds of those who sent there are hit: 3 accounts or more, and 5 for what an
// account could bring about itself (addresses that do not exist, unwanted mail). A block list is the server's whoever
// meets it: 5 recipients are enough. Takes the time of one look at each recipient.
[[nodiscard]] ServerJudgement judge_server(std::span<const DeliveryHour* const> hours, uint32_t destinations,
                                           int64_t now_s);

}  // namespace npanel
