// SPDX-License-Identifier: Apache-2.0
#include "model/server_blame.h"

#include <algorithm>
#include <functional>

namespace npanel {
namespace {

constexpr size_t kTroubles = kAllTroubles.size();
constexpr size_t kDestinationsTold = 3;
using Tally = std::array<uint32_t, kTroubles>;

std::optional<Outcome> outcome_of(Trouble trouble) {
  switch (trouble) {
    case Trouble::authentication:
      return Outcome::authentication;
    case Trouble::content:
      return Outcome::content;
    case Trouble::unknown_recipients:
      return Outcome::unknown_recipient;
    case Trouble::deferrals:
      return Outcome::deferred_recipient;
    default:
      return std::nullopt;
  }
}

// What one place, or all of them, has seen of all accounts.
struct Place {
  uint32_t senders = 0;
  Tally hit{};         // senders most of whose recipients there met it
  Tally recipients{};  // that met it, of whomever
};

// Of one account at one place.
struct Visit {
  uint32_t account = 0;  // 1 and above; 0: nobody has been here
  uint32_t recipients = 0;
  Tally met{};
};

void meet(Visit& visit, std::optional<Trouble> trouble) {
  ++visit.recipients;
  if (trouble) ++visit.met.at(static_cast<size_t>(*trouble));
}

void end_visit(const Visit& visit, Place& place) {
  ++place.senders;
  for (size_t i = 0; i < kTroubles; ++i) {
    place.recipients.at(i) += visit.met.at(i);
    if (visit.met.at(i) * 2 >= visit.recipients && visit.met.at(i) > 0) ++place.hit.at(i);
  }
}

bool meets_most(Trouble trouble, const Place& place) {
  const auto i = static_cast<size_t>(trouble);
  constexpr uint32_t kFew = 3;
  constexpr uint32_t kMany = 5;
  const bool of_their_making =
      trouble == Trouble::content || trouble == Trouble::unknown_recipients || trouble == Trouble::deferrals;
  if (trouble == Trouble::reputation && place.recipients.at(i) >= kMany) return true;
  return place.hit.at(i) >= (of_their_making ? kMany : kFew) && place.hit.at(i) * 3 >= place.senders * 2;
}

struct Seen {
  Place everywhere = {};
  std::vector<Place> places = {};
};

bool is_of_a_sender(Outcome outcome) {
  return outcome != Outcome::local && outcome != Outcome::unclear;
}

Seen look(std::span<const DeliveryHour* const> hours, uint32_t destinations, int64_t now_s) {
  Seen seen{.places = std::vector<Place>(destinations)};
  std::vector<Visit> visits(destinations);
  std::vector<uint32_t> visited;
  uint32_t account = 0;
  for (const DeliveryHour* hour : hours) {
    ++account;
    Visit all;
    visited.clear();
    for (const Recipient& each : hour->recipients()) {
      if (each.at_s <= now_s - DeliveryHour::kHourS || !is_of_a_sender(each.verdict.outcome)) continue;
      const auto trouble = trouble_of(each.verdict);
      meet(all, trouble);
      if (each.destination >= destinations) continue;
      Visit& visit = visits[each.destination];
      if (visit.account != account) {
        visit = {.account = account};
        visited.push_back(each.destination);
      }
      meet(visit, trouble);
    }
    if (all.recipients > 0) end_visit(all, seen.everywhere);
    for (const uint32_t destination : visited) end_visit(visits[destination], seen.places[destination]);
  }
  return seen;
}

// Whom it met, at the places where it meets most, or everywhere.
std::optional<Blame> blame_for(Trouble trouble, const Seen& seen, ServerJudgement& judgement) {
  const auto i = static_cast<size_t>(trouble);
  const auto outcome = outcome_of(trouble);
  Blame blame{.trouble = trouble};
  for (uint32_t at = 1; at < seen.places.size(); ++at) {
    const Place& place = seen.places[at];
    if (!meets_most(trouble, place)) continue;
    if (outcome) judgement.excuses.excuse(at, *outcome);
    blame.destinations.push_back(at);
    blame.senders = std::max<uint64_t>(blame.senders, place.hit.at(i));
    blame.recipients += place.recipients.at(i);
  }
  if (meets_most(trouble, seen.everywhere)) {
    if (outcome) judgement.excuses.excuse_everywhere(*outcome);
    blame.senders = seen.everywhere.hit.at(i);
    blame.recipients = seen.everywhere.recipients.at(i);
    blame.destinations.clear();
    for (uint32_t at = 1; at < seen.places.size(); ++at)
      if (seen.places[at].recipients.at(i) > 0) blame.destinations.push_back(at);
  } else if (blame.destinations.empty()) {
    return std::nullopt;
  }
  const auto rank = [&](uint32_t at) { return seen.places[at].recipients.at(i); };
  const size_t told = std::min(kDestinationsTold, blame.destinations.size());
  std::ranges::partial_sort(blame.destinations, blame.destinations.begin() + static_cast<std::ptrdiff_t>(told),
                            std::greater(), rank);
  blame.destinations.resize(told);
  return blame;
}

}  // namespace

std::optional<Trouble> trouble_of(const Verdict& verdict) {
  switch (verdict.outcome) {
    case Outcome::authentication:
      return Trouble::authentication;
    case Outcome::content:
      return Trouble::content;
    case Outcome::unknown_recipient:
      return Trouble::unknown_recipients;
    case Outcome::deferred_recipient:
      return Trouble::deferrals;
    case Outcome::server:
      break;
    default:
      return std::nullopt;
  }
  switch (verdict.fault) {
    case ServerFault::reputation:
      return Trouble::reputation;
    case ServerFault::relay:
      return Trouble::relay;
    case ServerFault::unreachable:
      return Trouble::unreachable;
    default:
      return Trouble::load;
  }
}

std::string_view to_string(Trouble trouble) {
  constexpr std::array<std::string_view, kTroubles> kNames = {
      "reputation", "load", "relay", "unreachable", "authentication", "content", "unknown_recipients", "deferrals"};
  return kNames.at(static_cast<size_t>(trouble));
}

std::string_view description(Trouble trouble) {
  constexpr std::array<std::string_view, kTroubles> kTexts = {
      "other servers refuse this server for its address: it is on a block list, or has a bad name",
      "other servers are busy, or want mail of this server slower",
      "another server does not take mail for others from this server",
      "other servers do not answer",
      "mail of most accounts fails SPF, DKIM, DMARC or the check of the reverse name",
      "mail of most accounts is refused as unwanted: the server's name may be bad, or several accounts are misused "
      "together",
      "a destination says of most accounts' recipients that they do not exist: it is broken, or these accounts work "
      "together",
      "a destination puts off most accounts' mail"};
  return kTexts.at(static_cast<size_t>(trouble));
}

std::string_view remedy(Trouble trouble) {
  constexpr std::array<std::string_view, kTroubles> kTexts = {
      "find who sends spam (npanelctl mail top), end it, then ask the list to take the address off, or send by a relay",
      "lower the MTA's connections and rate for that destination, or raise the quota at the relay",
      "look at the relay's user and password in the MTA's configuration, and at the destination's MX record",
      "look at the network, the resolver and port 25 of this server, and at the destination's own state",
      "look at the server's DKIM key, the SPF records of the domains and the reverse name of the address",
      "look at the mail of the accounts that send most (npanelctl mail top), and at the address's reputation",
      "compare with mail from elsewhere; if others can deliver there, look at these accounts",
      "wait, or ask the destination's postmaster"};
  return kTexts.at(static_cast<size_t>(trouble));
}

ServerJudgement judge_server(std::span<const DeliveryHour* const> hours, uint32_t destinations, int64_t now_s) {
  const Seen seen = look(hours, destinations, now_s);
  ServerJudgement judgement;
  for (const Trouble trouble : kAllTroubles)
    if (auto blame = blame_for(trouble, seen, judgement)) judgement.blames.push_back(std::move(*blame));
  return judgement;
}

}  // namespace npanel
