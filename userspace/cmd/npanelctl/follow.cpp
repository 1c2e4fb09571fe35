// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/follow.h"

#include <nlohmann/json.hpp>

#include "cmd/npanelctl/cells.h"

namespace npanel {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr milliseconds kPauseAtFirst{200};
constexpr milliseconds kPauseLater{1000};
constexpr milliseconds kAtFirst{10'000};

}  // namespace

std::string job_path(const std::string& id) {
  return "/api/v1/jobs/" + percent_encoded(id);
}

Result<Response> follow(const Follower& follower, Response answer) {
  for (milliseconds waited{0};;) {
    if (!answer.succeeded()) return answer;
    const json job = json::parse(answer.body, nullptr, false);
    if (!field(job, "id").is_number() || !field(job, "state").is_string())
      return failure("the agent's answer is not a job; see it with --json --no-wait");
    if (field(job, "state") != "running") return answer;
    follower.show(job);
    const milliseconds pause = waited < kAtFirst ? kPauseAtFirst : kPauseLater;
    follower.wait(pause);
    waited += pause;
    answer = NP_TRY(follower.send({"GET", job_path(plain(field(job, "id"))), {}}));
  }
}

}  // namespace npanel
