// SPDX-License-Identifier: Apache-2.0
#include "model/settings.h"

#include <algorithm>

#include "base/parse.h"

namespace npanel {
namespace {

constexpr uint64_t kPeriodUs = 100'000;  // the kernel's default period

std::string or_max(std::optional<uint64_t> value) {
  return value ? std::to_string(*value) : "max";
}

std::string in_pages(std::optional<uint64_t> bytes, uint64_t page_bytes) {
  return bytes ? std::to_string(*bytes / page_bytes * page_bytes) : "max";
}

std::string cpu_max(std::optional<uint64_t> percent) {
  const auto quota_us = percent ? std::optional(*percent * kPeriodUs / 100) : std::nullopt;
  return or_max(quota_us) + " " + std::to_string(kPeriodUs);
}

// The line of `file` that starts with `first_word`; empty when there is none.
std::string_view line_of(std::string_view file, std::string_view first_word) {
  while (!file.empty()) {
    const auto end = file.find('\n');
    const std::string_view line = file.substr(0, end);
    if (line.starts_with(first_word) && line.substr(first_word.size()).starts_with(' ')) return line;
    if (end == std::string_view::npos) break;
    file.remove_prefix(end + 1);
  }
  return {};
}

// The value of `key` ("rbps=") in an io.max line; a device without a line is unlimited.
std::string_view io_value(std::string_view line, std::string_view key) {
  const auto at = line.find(key);
  if (at == std::string_view::npos) return "max";
  const auto value = line.substr(at + key.size());
  return value.substr(0, value.find(' '));
}

bool io_holds(std::string_view wanted, std::string_view content) {
  const std::string_view device = wanted.substr(0, wanted.find(' '));
  const std::string_view now = line_of(content, device);
  return io_value(wanted, "rbps=") == io_value(now, "rbps=") && io_value(wanted, "wbps=") == io_value(now, "wbps=");
}

std::string& memory_reason(std::vector<std::string>& reasons) {
  return *std::ranges::find_if(reasons, [](const std::string& reason) { return reason.starts_with("memory"); });
}

}  // namespace

std::vector<Setting> settings_for(const Account& account, const HostAbilities& host) {
  const Limits& limits = account.limits;
  std::vector<Setting> settings;
  if (host.controllers.contains("cpu")) settings.emplace_back("cpu.max", cpu_max(limits.cpu_percent));
  if (host.controllers.contains("memory")) {
    settings.emplace_back("memory.high", in_pages(limits.memory_high_bytes, host.page_bytes));
    settings.emplace_back("memory.max", in_pages(limits.memory_max_bytes, host.page_bytes));
    settings.emplace_back("memory.swap.max", in_pages(limits.swap_max_bytes, host.page_bytes));
  }
  if (host.controllers.contains("pids")) settings.emplace_back("pids.max", or_max(limits.pids_max));
  if (host.controllers.contains("io"))
    for (const std::string& device : host.devices)
      settings.emplace_back("io.max", device + " rbps=" + or_max(limits.io_read_bytes_per_s) +
                                          " wbps=" + or_max(limits.io_write_bytes_per_s));
  settings.emplace_back("cgroup.freeze", account.state == AccountState::suspended ? "1" : "0");
  return settings;
}

bool holds(const Setting& setting, std::string_view content) {
  if (setting.file == "io.max") return io_holds(setting.text, content);
  return trim(content) == setting.text;
}

std::vector<Setting> stale_io(std::string_view content, const HostAbilities& host) {
  std::vector<Setting> stale;
  while (!content.empty()) {
    const auto end = content.find('\n');
    const std::string_view line = content.substr(0, end);
    const std::string device(line.substr(0, line.find(' ')));
    const bool limited = io_value(line, "rbps=") != "max" || io_value(line, "wbps=") != "max";
    if (limited && std::ranges::find(host.devices, device) == host.devices.end())
      stale.emplace_back("io.max", device + " rbps=max wbps=max");
    if (end == std::string_view::npos) break;
    content.remove_prefix(end + 1);
  }
  return stale;
}

bool may_reclaim(const Setting& setting, std::string_view content, std::optional<uint64_t> use_bytes) {
  if (setting.file != "memory.max" && setting.file != "memory.high") return false;
  const auto wanted = parse_u64(setting.text);
  const auto now = parse_u64(trim(content));  // nullopt: "max"
  if (!wanted || (now && *now <= *wanted)) return false;
  return !use_bytes || *use_bytes > *wanted / 2;
}

StandIns stand_ins_for(const Account& account, const HostAbilities& host) {
  StandIns stand_ins;
  if (!host.controllers.contains("memory")) stand_ins.address_space_bytes = account.limits.memory_max_bytes;
  if (!host.controllers.contains("pids")) stand_ins.processes = account.limits.pids_max;
  return stand_ins;
}

std::vector<std::string> degraded(const Account& account, const HostAbilities& host) {
  const Limits& limits = account.limits;
  const auto missing = [&](std::string_view controller) { return !host.controllers.contains(controller); };
  std::vector<std::string> reasons;
  if (limits.cpu_percent && missing("cpu"))
    reasons.push_back("cpu: cgroup v2 offers no cpu controller here; nothing stands in for " +
                      std::to_string(*limits.cpu_percent) + " % of a core");
  if (limits.memory_max_bytes && missing("memory"))
    reasons.push_back("memory: cgroup v2 offers no memory controller here; RLIMIT_AS of " +
                      std::to_string(*limits.memory_max_bytes) + " bytes on each process stands in");
  if (limits.pids_max && missing("pids"))
    reasons.push_back("pids: cgroup v2 offers no pids controller here; RLIMIT_NPROC of " +
                      std::to_string(*limits.pids_max) + " for the user of each process stands in");
  if (limits.io_read_bytes_per_s || limits.io_write_bytes_per_s) {
    if (missing("io"))
      reasons.emplace_back("io: cgroup v2 offers no io controller here; nothing stands in");
    else if (host.devices.empty())
      reasons.emplace_back("io: no block device was found that io.max could limit");
    if (!missing("io"))
      for (const std::string& gap : host.io_gaps) reasons.push_back("io: " + gap);
    // inode_cgwb_enabled() wants both controllers.
    if (!missing("io") && missing("memory")) {
      constexpr std::string_view kDirect =
          "of I/O only reads and direct writes are limited, for the page cache is "
          "written in the kernel's name";
      if (limits.memory_max_bytes)
        memory_reason(reasons) += "; " + std::string(kDirect);
      else
        reasons.push_back("io: cgroup v2 offers no memory controller here; " + std::string(kDirect));
    }
  }
  return reasons;
}

}  // namespace npanel
