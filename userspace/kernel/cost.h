// SPDX-License-Identifier: Apache-2.0
// cost.h: what do our BPF programs and maps cost this host?
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "model/feature.h"

namespace npanel {

// What the kernel counted of one program since it was loaded, while somebody had statistics switched on.
struct ProgramRuns {
  uint64_t time_ns = 0;  // on all CPUs together
  uint64_t count = 0;
};
[[nodiscard]] Result<ProgramRuns> runs_of(int program_fd);

// What the kernel charges for this program or map: "memlock" of its fdinfo (since 4.12; of maps exact since 6.4).
[[nodiscard]] Result<uint64_t> memory_of(int object_fd);

// Statistics cost every BPF program of the host some 20-40 ns a run, so they are switched on for one second out of ten,
// and what was measured then stands for the rest. Each of ten windows has another place in its ten seconds: work that
// somebody asks for every ten seconds would be met always or never.
class KernelCost {
 public:
  struct Objects {
    std::vector<int> programs;
    std::vector<int> maps;
  };
  // The objects of this feature, instead of those it had. They are held (not attached) until the next watch() or
  // forget().
  Result<void> watch(Feature feature, const Objects& objects);
  void forget(Feature feature) { watched_.erase(feature); }

  // Once a second. `now_ms`: CLOCK_MONOTONIC, read just before.
  void tick(int64_t now_ms);

  // BPF run time in % of one core over the last minute. nullopt: not watched, no window has ended yet, or reason().
  [[nodiscard]] std::optional<double> percent(Feature feature) const;
  // The same, with no more than so many runs a second in each window (judged_percent).
  [[nodiscard]] std::optional<double> percent(Feature feature, double most_runs_a_second) const;
  // As of the last window. nullopt: not watched, or the kernel does not say.
  [[nodiscard]] std::optional<uint64_t> memory_bytes(Feature feature) const;
  // Why run times cannot be known now; empty when they can.
  [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
  struct Window {
    int64_t ended_ms;
    double percent;
    double runs_a_second;
  };
  struct Watched {
    std::vector<UniqueFd> programs;
    std::vector<UniqueFd> maps;
    std::optional<uint64_t> memory_bytes = {};
    std::optional<ProgramRuns> before = {};  // when the window opened; nullopt: watched since it is open
    std::deque<Window> windows = {};         // of the last minute
  };
  void open_window(int64_t now_ms);
  void close_window(int64_t now_ms);

  std::map<Feature, Watched> watched_;
  UniqueFd statistics_;  // switched on as long as it is open
  int64_t opened_ms_ = 0;
  int64_t next_ms_ = 0;
  int64_t place_ = 0;  // of the window in its ten seconds
  std::string reason_;
};

}  // namespace npanel
