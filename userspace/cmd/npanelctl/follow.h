// SPDX-License-Identifier: Apache-2.0
// follow.h: how far is a job, again and again until it has ended?
#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"
#include "cmd/npanelctl/client.h"

namespace npanel {

struct Follower {
  Sender send;
  std::function<void(const nlohmann::json& job)> show;  // each time it is still running
  std::function<void(std::chrono::milliseconds)> wait;
};

// `answer` has the job as it was started, or as it is now. Returns the answer with the job as it ended, or the refusal
// to a later question. An error: no answer came, or one that is no job.
[[nodiscard]] Result<Response> follow(const Follower& follower, Response answer);

[[nodiscard]] std::string job_path(const std::string& id);

}  // namespace npanel
