// SPDX-License-Identifier: Apache-2.0
// links.h: how does a program come behind a hook, and a new one behind the same hook, with no moment between them?
#pragma once

#include <string>

#include "base/result.h"
#include "kernel/bpf_object.h"

namespace npanel {

// Attaches to the cgroup and pins the link at `pin`. A link that is pinned at `now` and attached to this cgroup is
// kept, and the program behind it swapped.
[[nodiscard]] Result<LinkPtr> adopt_or_attach(bpf_program* program, int cgroup_fd, const std::string& now,
                                              const std::string& pin);

// For a tracing program, whose link cannot be given another one: the new link is attached before the old is unpinned,
// so for a moment both see an event.
[[nodiscard]] Result<LinkPtr> attach_and_pin(bpf_program* program, const std::string& pin);

}  // namespace npanel
