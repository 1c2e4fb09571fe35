// SPDX-License-Identifier: Apache-2.0
#include "kernel/cost.h"

#include <bpf/bpf.h>
#include <fcntl.h>

#include <limits>
#include <numeric>

#include "base/file.h"
#include "base/parse.h"
#include "model/overhead.h"

namespace npanel {
namespace {

constexpr int64_t kWindowMs = 1000;
constexpr int64_t kEveryMs = 10'000;
constexpr int64_t kEarlyMs = 100;  // a tick may come early
constexpr int64_t kPlaces = kEveryMs / kWindowMs;
constexpr int64_t kStep = 7;  // has no factor in common with kPlaces: every place has its turn
constexpr int64_t kMinuteMs = 60'000;
constexpr double kNsPerMs = 1e6;
constexpr double kNsASecond = 1e9;

// Duplicates, so that no descriptor means another object by the time it is asked.
Result<std::vector<UniqueFd>> hold(const std::vector<int>& fds) {
  std::vector<UniqueFd> held;
  for (const int fd : fds)
    if (!held.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 0)).valid())
      return errno_failure("hold descriptor " + std::to_string(fd) + " of a BPF object", errno);
  return held;
}

std::optional<uint64_t> memory_of_all(const std::vector<UniqueFd>& programs, const std::vector<UniqueFd>& maps) {
  uint64_t bytes = 0;
  for (const auto* objects : {&programs, &maps})
    for (const UniqueFd& object : *objects) {
      const auto one = memory_of(object.get());
      if (!one) return std::nullopt;
      bytes += *one;
    }
  return bytes;
}

std::optional<ProgramRuns> runs_of_all(const std::vector<UniqueFd>& programs) {
  ProgramRuns sum;
  for (const UniqueFd& program : programs) {
    const auto runs = runs_of(program.get());
    if (!runs) return std::nullopt;
    sum.time_ns += runs->time_ns;
    sum.count += runs->count;
  }
  return sum;
}

}  // namespace

Result<ProgramRuns> runs_of(int program_fd) {
  bpf_prog_info info{};
  __u32 length = sizeof(info);
  if (bpf_obj_get_info_by_fd(program_fd, &info, &length) != 0) return errno_failure("figures of a BPF program", errno);
  return ProgramRuns{.time_ns = info.run_time_ns, .count = info.run_cnt};
}

Result<uint64_t> memory_of(int object_fd) {
  constexpr std::string_view kKey = "memlock:\t";
  const std::string path = "/proc/self/fdinfo/" + std::to_string(object_fd);
  const std::string text = NP_TRY(read_file_at(AT_FDCWD, path));
  const auto at = text.find(kKey);
  if (at == std::string::npos) return failure(path + " says nothing of memlock: no BPF program or map?");
  const std::string_view rest = std::string_view(text).substr(at + kKey.size());
  const auto bytes = parse_u64(rest.substr(0, rest.find('\n')));
  if (!bytes) return failure(path + ": memlock is no number");
  return *bytes;
}

Result<void> KernelCost::watch(Feature feature, const Objects& objects) {
  watched_.erase(feature);
  Watched watched{.programs = NP_TRY(hold(objects.programs)), .maps = NP_TRY(hold(objects.maps))};
  watched.memory_bytes = memory_of_all(watched.programs, watched.maps);
  watched_.emplace(feature, std::move(watched));
  return {};
}

void KernelCost::tick(int64_t now_ms) {
  if (statistics_.valid() && now_ms - opened_ms_ >= kWindowMs - kEarlyMs) close_window(now_ms);
  if (!statistics_.valid() && !watched_.empty() && now_ms >= next_ms_ - kEarlyMs) open_window(now_ms);
}

std::optional<double> KernelCost::percent(Feature feature) const {
  return percent(feature, std::numeric_limits<double>::infinity());
}

std::optional<double> KernelCost::percent(Feature feature, double most_runs_a_second) const {
  const auto found = watched_.find(feature);
  if (!reason_.empty() || found == watched_.end() || found->second.windows.empty()) return std::nullopt;
  const auto& windows = found->second.windows;
  const double sum =
      std::accumulate(windows.begin(), windows.end(), 0.0, [most_runs_a_second](double so_far, const Window& window) {
        return so_far + judged_percent(window.percent, window.runs_a_second, most_runs_a_second);
      });
  return sum / static_cast<double>(windows.size());
}

std::optional<uint64_t> KernelCost::memory_bytes(Feature feature) const {
  const auto found = watched_.find(feature);
  return found == watched_.end() ? std::nullopt : found->second.memory_bytes;
}

void KernelCost::open_window(int64_t now_ms) {
  const int64_t next_place = (place_ + kStep) % kPlaces;
  next_ms_ = now_ms + kEveryMs + (next_place - place_) * kWindowMs;
  place_ = next_place;
  for (auto& [feature, watched] : watched_) watched.memory_bytes = memory_of_all(watched.programs, watched.maps);
  statistics_ = UniqueFd(bpf_enable_stats(BPF_STATS_RUN_TIME));
  if (!statistics_.valid()) {
    reason_ = errno_failure("BPF run times cannot be counted (bpf_enable_stats, Linux 5.8)", errno).error().text;
    for (auto& [feature, watched] : watched_) watched.windows.clear();
    return;
  }
  reason_.clear();
  opened_ms_ = now_ms;
  for (auto& [feature, watched] : watched_) watched.before = runs_of_all(watched.programs);
}

void KernelCost::close_window(int64_t now_ms) {
  const double window_ns = static_cast<double>(now_ms - opened_ms_) * kNsPerMs;
  for (auto& [feature, watched] : watched_) {
    const auto now = runs_of_all(watched.programs);
    if (now && watched.before)
      watched.windows.push_back(
          {.ended_ms = now_ms,
           .percent = 100.0 * static_cast<double>(now->time_ns - watched.before->time_ns) / window_ns,
           .runs_a_second = kNsASecond * static_cast<double>(now->count - watched.before->count) / window_ns});
    watched.before.reset();
    std::erase_if(watched.windows, [&](const Window& window) { return now_ms - window.ended_ms >= kMinuteMs; });
  }
  statistics_ = UniqueFd();
}

}  // namespace npanel
