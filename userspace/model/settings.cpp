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

std::vector<std::string_view> lines_of(std::string_view file) {
  std::vector<std::string_view> lines;
  while (!file.empty()) {
    const auto end = file.find('\n');
    lines.push_back(file.substr(0, end));
    if (end == std::string_view::npos) break;
    file.remove_prefix(end + 1);
  }
  return lines;
}

// The line of `file` that starts with `first_word`; empty when there is none.
std::string_view line_of(std::string_view file, std::string_view first_word) {
  for (const std::string_view line : lines_of(file))
    if (line.starts_with(first_word) && line.substr(first_word.size()).starts_with(' ')) return line;
  return {};
}

// The value of `key` ("rbps=") in an io.max line; a device without a line is unlimited.
std::string_view io_value(std::string_view line, std::string_view key) {
  const auto at = line.find(key);
  if (at == std::string_view::npos) return "max";
  const auto value = line.substr(at + key.size());
  return value.substr(0, value.find(' '));
}

std::optional<uint64_t> least_io(std::string_view content, std::string_view key) {
  std::optional<uint64_t> least;
  for (const std::string_view line : lines_of(content))
    if (const auto value = parse_u64(io_value(line, key)); value) least = std::min(least.value_or(*value), *value);
  return least;
}

// "50000 100000": microseconds of CPU time in a period.
std::optional<uint64_t> cpu_percent_in(std::string_view content) {
  const auto space = content.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const auto quota_us = parse_u64(content.substr(0, space));
  const uint64_t period_us = parse_u64(content.substr(space + 1)).value_or(0);
  if (!quota_us || period_us == 0) return std::nullopt;
  return *quota_us * 100 / period_us;
}

bool io_holds(std::string_view wanted, std::string_view content) {
  const std::string_view device = wanted.substr(0, wanted.find(' '));
  const std::string_view now = line_of(content, device);
  return io_value(wanted, "rbps=") == io_value(now, "rbps=") && io_value(wanted, "wbps=") == io_value(now, "wbps=");
}

// The kernel lets memory.high be above memory.max, an account does not.
void keep_in_order(Limits& limits) {
  if (limits.memory_high_bytes) limits.memory_high_bytes = lower(limits.memory_high_bytes, limits.memory_max_bytes);
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

Limits limits_in(const ControlFiles& files) {
  const auto content = [&](std::string_view file) {
    const auto found = files.find(file);
    return found == files.end() ? std::string_view() : trim(found->second);
  };
  Limits limits{.cpu_percent = cpu_percent_in(content("cpu.max")),
                .memory_max_bytes = parse_u64(content("memory.max")),
                .memory_high_bytes = parse_u64(content("memory.high")),
                .swap_max_bytes = parse_u64(content("memory.swap.max")),
                .io_read_bytes_per_s = least_io(content("io.max"), "rbps="),
                .io_write_bytes_per_s = least_io(content("io.max"), "wbps="),
                .pids_max = parse_u64(content("pids.max"))};
  for (const LimitField& field : kLimitFields)
    if (auto& value = limits.*field.member; value) value = std::clamp(*value, field.least, field.most);
  keep_in_order(limits);
  return limits;
}

Limits not_looser(const Account& said, const Limits& held, const HostAbilities& host) {
  ControlFiles files;
  for (const Setting& setting : settings_for(said, host)) files[setting.file] += setting.text + "\n";
  const Limits rendered = limits_in(files);
  Limits now = said.limits;
  for (const LimitField& field : kLimitFields)
    if (lower(held.*field.member, rendered.*field.member) != rendered.*field.member)
      now.*field.member = held.*field.member;
  keep_in_order(now);
  return now;
}

bool matches(const Setting& setting, std::string_view content) {
  if (setting.file == "io.max") return io_holds(setting.text, content);
  return trim(content) == setting.text;
}

std::vector<Setting> stale_io(std::string_view content, const HostAbilities& host) {
  std::vector<Setting> stale;
  for (const std::string_view line : lines_of(content)) {
    const std::string device(line.substr(0, line.find(' ')));
    const bool limited = io_value(line, "rbps=") != "max" || io_value(line, "wbps=") != "max";
    if (limited && std::ranges::find(host.devices, device) == host.devices.end())
      stale.emplace_back("io.max", device + " rbps=max wbps=max");
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

RlimitFallback rlimit_fallback_for(const Account& account, const HostAbilities& host) {
  RlimitFallback fallback;
  if (!host.controllers.contains("memory")) fallback.address_space_bytes = account.limits.memory_max_bytes;
  if (!host.controllers.contains("pids")) fallback.processes = account.limits.pids_max;
  return fallback;
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
