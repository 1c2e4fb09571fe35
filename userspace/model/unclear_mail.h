// SPDX-License-Identifier: Apache-2.0
// unclear_mail.h: which answers to mail does the agent not understand, and what is the server's own trouble?
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/delivery_outcome.h"
#include "model/reputation.h"
#include "model/server_blame.h"

namespace npanel {

// The same answer from the same server, as often as it came. What is text, the other side has written.
struct UnclearAnswer {
  std::string account = {};  // of the newest
  std::string server = {};   // or the recipient's domain; at most 64 bytes
  Stage stage = Stage::unknown;
  int code = 0;             // 0: none
  std::string status = {};  // "5.7.1"; empty: none
  std::string text = {};    // at most 300 bytes
  uint64_t count = 0;
  int64_t last_ms = 0;  // Unix time
};

struct UnclearMail {
  uint64_t count = 0;                      // since the start of the agent
  std::vector<UnclearAnswer> newest = {};  // the newest first, at most 50
};

// A trouble of the server, told once and shown until nothing of it has been seen for an hour.
struct MailFinding {
  Trouble trouble = Trouble::reputation;
  int64_t since_ms = 0;  // Unix time
  uint64_t senders = 0;  // accounts that met it in the last hour
  uint64_t recipients = 0;
  std::vector<std::string> destinations = {};  // at most 3
  DeliveryExample example = {};
};

}  // namespace npanel
