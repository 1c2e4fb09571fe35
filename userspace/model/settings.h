// SPDX-License-Identifier: Apache-2.0
// settings.h: which control files say what the administrator said, and which say something else now?
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/account.h"

namespace npanel {

// What one write(2) to a control file of the account's cgroup makes true.
struct Setting {
  std::string file;  // "memory.max"
  std::string text;  // "536870912"; for io.max one device's line
  bool operator==(const Setting&) const = default;
};

// Controllers that the account's cgroup has: cpu, io, memory, pids.
using Controllers = std::set<std::string, std::less<>>;
inline constexpr std::string_view kControllers[] = {"cpu", "io", "memory", "pids"};

// What the host can do about an account.
struct HostAbilities {
  Controllers controllers;
  std::vector<std::string> devices;       // "259:0", where io.max applies
  std::vector<std::string> io_gaps = {};  // what it does not reach, one sentence each (model/storage)
  uint64_t page_bytes = 4096;             // the kernel keeps memory limits in whole pages
};

// Every setting of the account that this host can hold. memory.high stands before memory.max, freezing comes last.
[[nodiscard]] std::vector<Setting> settings_for(const Account& account, const HostAbilities& host);

// Control files of one cgroup as they were read, by name.
using ControlFiles = std::map<std::string, std::string, std::less<>>;
// What control files hold an account to: settings_for(), the other way. One that is missing or says "max" limits
// nothing; of the devices in io.max the one that is limited most counts; what is out of a limit's range counts as the
// nearest that is in it.
[[nodiscard]] Limits limits_in(const ControlFiles& files);
// What `said` limits, but `held`, as limits_in() read it, where that is lower than what would be written.
[[nodiscard]] Limits not_looser(const Account& said, const Limits& held, const HostAbilities& host);

// Does the control file, with this content, already say so?
[[nodiscard]] bool matches(const Setting& setting, std::string_view content);

// What io.max, with this content, still limits although no device of `host` is it: a device that io.devices names no
// more.
[[nodiscard]] std::vector<Setting> stale_io(std::string_view content, const HostAbilities& host);

// Must whoever writes this reclaim memory, and wait for it? A limit that is lowered, with more than half of it in use:
// the other half is more than an account takes between our look at it and the write.
// `content`: of the control file; `use_bytes`: memory.current, nullopt when it is not known.
[[nodiscard]] bool may_reclaim(const Setting& setting, std::string_view content, std::optional<uint64_t> use_bytes);

// What stands in for controllers that are missing: rlimits of each process, setrlimit(2). nullopt = leave alone.
struct RlimitFallback {
  std::optional<uint64_t> address_space_bytes;  // RLIMIT_AS for memory.max
  std::optional<uint64_t> processes;            // RLIMIT_NPROC for pids.max
  bool operator==(const RlimitFallback&) const = default;
};
[[nodiscard]] RlimitFallback rlimit_fallback_for(const Account& account, const HostAbilities& host);

// One sentence for each limit of the account that is not in force as it was asked for, and what stands in.
[[nodiscard]] std::vector<std::string> degraded(const Account& account, const HostAbilities& host);

}  // namespace npanel
