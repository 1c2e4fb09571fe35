// SPDX-License-Identifier: Apache-2.0
// failure_log.h: where is a death of the agent written down while the agent, or its database, is what died?
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/failure.h"

namespace npanel {

// One JSON file a failure. The watchdog writes, the agent takes the closed ones into its database: one writer a file,
// no database in the watchdog's way. What a full disk refuses stays in memory and is tried again.
class FailureLog {
 public:
  // Makes the directory. Failures that an earlier watchdog left open are closed as not recovered.
  static Result<FailureLog> open(std::string directory);

  // Closes the one before, if it is open.
  void add(Failure failure);
  void close(const std::optional<std::string>& recovered_by, double seconds);
  // Writes what is not on disk yet; the error of the first that does not get there.
  Result<void> flush();

 private:
  explicit FailureLog(std::string directory) : directory_(std::move(directory)) {}
  std::string directory_;
  std::vector<Failure> unwritten_;
  std::optional<Failure> open_;
};

struct FoundFailures {
  std::vector<Failure> closed;  // the oldest first
  std::vector<Failure> open;
  std::vector<std::string> spoilt;  // files that are no failure; renamed, so that they are named once
};
[[nodiscard]] FoundFailures find_failures(const std::string& directory);
// The agent has it now.
void forget_failure(const std::string& directory, const Failure& failure);

}  // namespace npanel
