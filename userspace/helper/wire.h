// SPDX-License-Identifier: Apache-2.0
// wire.h: what do the agent and npanel-helper say to each other?
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/unique_fd.h"

namespace npanel {

// What may take for ever, each with its own bounds (dispatcher.h); append only.
enum class Ask : uint32_t {
  process = 1,  // who is pid? Its /proc, if it still is the process that began at `start_ns`
  user = 2,     // which uid has the user `text`? NSS: perhaps a directory server far away
  write = 3,    // writes `text` to `file`: memory.max below use makes the writer reclaim memory
};

// One packet (SOCK_SEQPACKET) each way.
struct Question {
  Ask what;
  uint64_t number = 0;  // the answer has the same
  uint64_t owner = 0;   // whose fault it is when this hangs: they have only so many at once
  pid_t pid = 0;
  uint64_t start_ns = 0;  // CLOCK_BOOTTIME
  std::string text = {};
  UniqueFd file = {};
};

using Fields = std::vector<std::pair<std::string, std::string>>;
struct Answer {
  uint64_t number = 0;
  int error = 0;  // ETIME: what is in `fields` came in time, the rest did not; EBUSY: too many hang already
  Fields fields = {};
};

inline constexpr size_t kPacketMost = 16384;

// Waits for nobody: 0, or an errno value (EAGAIN when the other side does not read).
[[nodiscard]] int send_question(int socket, const Question& question);
[[nodiscard]] int send_answer(int socket, uint64_t number, int error, std::string_view fields);

// nullopt with errno: EAGAIN when there is none, EBADMSG for one that makes no sense, ECONNRESET at the end.
[[nodiscard]] std::optional<Question> receive_question(int socket);
[[nodiscard]] std::optional<Answer> receive_answer(int socket);

// One field as it stands in an answer: name and value, each with its NUL; a value ends at its first NUL.
[[nodiscard]] std::string field(std::string_view name, std::string_view value);
[[nodiscard]] Fields parse_fields(std::string_view text);
[[nodiscard]] std::optional<std::string> find_field(const Fields& fields, std::string_view name);

}  // namespace npanel
