// SPDX-License-Identifier: Apache-2.0
// Does every line of an MTA's log, whatever a remote server or a sender has put into it, mean one message or none?
#include <algorithm>
#include <cctype>
#include <string>

#include "mail/delivery_log.h"
#include "must.h"

namespace npanel {
namespace {

void judge(std::string_view line) {
  const auto found = parse_delivery(line);
  if (!found) return;
  const std::string& id = found->queue_id;
  const bool is_plain = std::ranges::all_of(id, [](unsigned char c) { return c == '-' || std::isalnum(c) != 0; });
  must(!id.empty() && is_plain, "a queue id is letters, digits and -", id);
  must(line.find(id) != std::string_view::npos, "the queue id is part of the line", id);
  const auto again = parse_delivery(std::string(line) + " and more");
  must(!again || again->queue_id == id, "what follows a line does not make it another message's", std::string(line));
}

}  // namespace
}  // namespace npanel

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's own name
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  npanel::judge({reinterpret_cast<const char*>(data), size});
  return 0;
}
