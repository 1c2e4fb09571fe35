// SPDX-License-Identifier: Apache-2.0
// smtp_recount.h: do the counts of open connections say what the kernel's own list of sockets says?
#pragma once

#include <cstdint>
#include <map>
#include <span>

#include "base/result.h"

struct np_smtp_bpf;

namespace npanel {

struct OpenCount {
  uint32_t counted = 0;  // np_mail_budget.open
  uint32_t found = 0;    // sockets
  uint32_t generation = 0;

  bool operator==(const OpenCount&) const = default;
};

// Slots from `first` to before `end` whose count is another than the number of sockets, while nothing else changed it
// meanwhile. A connect() that is just counting itself is seen so, too: only what is equally wrong some seconds later is
// wrong. `found`: np_smtp_found.
[[nodiscard]] Result<std::map<uint32_t, OpenCount>> miscounted(const np_smtp_bpf& skeleton, std::span<uint64_t> found,
                                                               uint32_t first, uint32_t end);

// False when the count has changed since: then it is looked at again.
[[nodiscard]] Result<bool> correct(const np_smtp_bpf& skeleton, uint32_t slot, const OpenCount& count);

}  // namespace npanel
