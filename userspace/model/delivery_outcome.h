// SPDX-License-Identifier: Apache-2.0
// delivery_outcome.h: what does an answer to a mail mean, and who is to mend it?
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace npanel {

// What became of one recipient of a message.
enum class Outcome : uint8_t {
  accepted,
  unknown_recipient,   // the address does not exist, or its domain
  deferred_recipient,  // this mailbox, later: it is full, greylisted
  content,             // this message is unwanted: spam, malware
  authentication,      // SPF, DKIM, DMARC, a reverse name: whoever has the DNS must mend it
  server,              // this server's address, or the destination's load: no account is to blame
  local,               // our own MTA refused, and nobody was asked
  unclear,             // not understood: it counts for nothing
};
inline constexpr std::array kAllOutcomes = {Outcome::accepted,
                                            Outcome::unknown_recipient,
                                            Outcome::deferred_recipient,
                                            Outcome::content,
                                            Outcome::authentication,
                                            Outcome::server,
                                            Outcome::local,
                                            Outcome::unclear};
// "accepted", "unknown_recipient", …
[[nodiscard]] std::string_view to_string(Outcome outcome);
[[nodiscard]] std::optional<Outcome> parse_outcome(std::string_view text);

// What about the server, where the outcome is `server`; else `none`.
enum class ServerFault : uint8_t {
  none,
  reputation,   // its address is on a list, or has a bad name
  load,         // the other side has too much to do, or wants it slower
  relay,        // the other side does not take mail for this domain from us
  unreachable,  // nobody answers, or not as SMTP, TLS and DNS want it
};
inline constexpr std::array kAllServerFaults = {ServerFault::reputation, ServerFault::load, ServerFault::relay,
                                                ServerFault::unreachable};

// To which command the answer was given (RFC 5321, 3.1 to 3.3).
enum class Stage : uint8_t { connect, helo, mail, rcpt, data, end_of_data, unknown };
[[nodiscard]] std::string_view to_string(Stage stage);

// What an MTA's log says of one try.
struct DeliveryFacts {
  bool accepted = false;
  bool permanent = false;  // our MTA has given up
  bool remote = false;     // another host has spoken, as quoted; else our MTA says it of itself
  bool asked = true;       // false: our MTA repeats what it knew, for a destination that it has suspended
  Stage stage = Stage::unknown;
  int code = 0;           // of the reply, 200 to 599; 0: there is none
  int subject = -1;       // of the enhanced status code (RFC 3463), its second number; -1: there is none
  int detail = -1;        // its third
  std::string text = {};  // the reply, its lines joined
};

struct Verdict {
  Outcome outcome = Outcome::unclear;
  ServerFault fault = ServerFault::none;

  bool operator==(const Verdict&) const = default;
};

// The first row of the table that fits.
[[nodiscard]] Verdict verdict_of(const DeliveryFacts& facts);

// The words of a reply as the table compares them: lower case, one blank before, between and behind them. Addresses
// become "address", IP addresses "ip", names of hosts "host", those of the known block lists and look-ups of an IP
// address "blocklist", so that nobody's name is taken for an opinion. At most 384 bytes.
[[nodiscard]] std::string answer_words(std::string_view text);

}  // namespace npanel
