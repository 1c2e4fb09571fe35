// SPDX-License-Identifier: Apache-2.0
// progress.h: which long operations are there, how far is each, and when will it be done?
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/job.h"
#include "model/recovery.h"

namespace npanel {

// The 100 jobs that ended last are kept, and all that run. What is said of a job that has ended changes nothing but its
// log; what is said of one that is not kept, nothing at all.
class JobList {
 public:
  // Ids are 1, 2, 3 …
  int64_t begin(std::string kind, std::optional<std::string> account, Moment now);
  // `total` 0: not known (yet); what was known stays. `done` is held between what it was and the total, so the
  // percentage goes back only when the total grows.
  void advance(int64_t id, uint64_t done, uint64_t total, std::string stage, Moment now);
  // The last 100 lines, the first 500 bytes of each, no character of UTF-8 cut in two.
  void log(int64_t id, std::string_view line);
  // `state`: any but running. `result`: a sentence.
  void end(int64_t id, Job::State state, std::string result, Moment now);

  // nullptr when it is not kept; valid until the list changes.
  [[nodiscard]] const Job* find(int64_t id) const;
  [[nodiscard]] std::vector<Job> list() const;  // newest first

 private:
  struct Sample {
    int64_t at_ms;
    uint64_t done;
  };
  struct Entry {
    Job job;
    std::deque<Sample> samples = {};  // from the newest that is 10 s old
  };
  Entry* running(int64_t id);

  int64_t last_id_ = 0;
  std::map<int64_t, Entry> entries_;
  std::deque<int64_t> ended_;  // in the order they ended
};

}  // namespace npanel
