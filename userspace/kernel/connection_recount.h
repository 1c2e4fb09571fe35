// SPDX-License-Identifier: Apache-2.0
// connection_recount.h: do the counts of open connections say what the kernel's own list of sockets says?
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "kernel/pins.h"

namespace npanel {

class ConnectionRecount {
 public:
  // After the load of the connect hooks, whose sockets and counts it looks at.
  static Result<ConnectionRecount> load(const Pins& pins);
  ConnectionRecount(ConnectionRecount&&) noexcept;
  ConnectionRecount& operator=(ConnectionRecount&&) noexcept;
  ~ConnectionRecount();

  // Compares the counts of the next 400 slots with the sockets that there are. What was wrong, and equally so when it
  // was compared last (once a second: 25 s ago, so not one that was just being opened), is corrected. Returns how many
  // accounts' were.
  Result<int> next_slots();

  // What its cost is measured by (kernel/cost.h): what no connect hook has; open as long as this object lives.
  [[nodiscard]] std::vector<int> program_fds() const;
  [[nodiscard]] std::vector<int> map_fds() const;

 private:
  struct Loaded;
  explicit ConnectionRecount(std::unique_ptr<Loaded> loaded);
  std::unique_ptr<Loaded> loaded_;
};

}  // namespace npanel
