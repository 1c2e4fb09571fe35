// SPDX-License-Identifier: Apache-2.0
// policy_request.h: what does the MTA ask?
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace npanel {

// A question of the agent to itself (daemon/self_check), as its clients ask: answered, and counted for nobody.
inline constexpr std::string_view kSelfCheckState = "SELF-CHECK";
inline constexpr std::string_view kSelfCheck = "request=smtpd_access_policy\nprotocol_state=SELF-CHECK\n\n";

// Postfix policy delegation (SMTPD_POLICY_README): name=value lines and an empty line. Exim speaks it through
// ${readsocket}, with uid, cwd and script added. Attributes that are not here are ignored, as the protocol wants.
//
// Who can write what: the MTA itself says state, queue id, addresses, ports, recipients, size and uid; the login is the
// client's word that the MTA has proven; sender, script and cwd are the client's own.
struct PolicyRequest {
  // protocol_state: END-OF-MESSAGE is charged; EXPANDED, of our own (deploy/exim/router), charges one recipient beyond
  // those of the envelope; all others only ask
  std::string state = {};
  std::string sasl_username = {};
  std::string sender = {};     // envelope, without <>
  std::string recipient = {};  // of a question at EXPANDED: to whom the message goes, whoever has named them
  std::string message = {};    // queue_id, or instance where there is none yet: what is asked twice is charged once
  std::string instance = {};   // of the message: queue ids come again (Postfix' short ones within the second)
  std::string client_address = {};
  uint16_t client_port = 0;         // 0: not known
  std::string server_address = {};  // of the connection by which the mail comes in
  uint16_t server_port = 0;
  uint32_t recipients = 0;        // recipient_count; Postfix says 0 before DATA. 0: not known
  uint64_t bytes = 0;             // size. 0: not known
  std::optional<uid_t> uid = {};  // who called sendmail
  std::string cwd = {};           // where
  std::string script = {};        // X-PHP-Originating-Script
};

inline constexpr size_t kPolicyRequestMost = 16384;  // bytes; Postfix's longest are about 2,000

// The text of one request, without the empty line. An attribute that is of no use ("unknown", -1) is not known, and
// voids no other: a question that is not answered is a mail that passes. Refused is only what is no question; field
// "request".
[[nodiscard]] Result<PolicyRequest> parse_policy_request(std::string_view text);

}  // namespace npanel
