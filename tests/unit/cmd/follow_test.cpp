// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/follow.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

namespace npanel {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

Response job(const std::string& state, int percent = 0) {
  return {.status = 200, .body = json{{"id", 7}, {"state", state}, {"percent", percent}}.dump()};
}

// Follows a job without waiting; the last answer is given again and again.
class Follow : public testing::Test {
 protected:
  Result<Response> follow_it(const Response& started, std::vector<Response> later) {
    const auto send = [this, later = std::move(later)](const Request& request) -> Result<Response> {
      paths_.push_back(request.method + " " + request.path);
      if (later.empty()) return failure("nobody answers");
      return later[std::min(paths_.size(), later.size()) - 1];
    };
    const auto show = [this](const json& shown) { shown_.push_back(shown["percent"].get<int>()); };
    const auto wait = [this](milliseconds pause) { pauses_.push_back(pause); };
    return follow({.send = send, .show = show, .wait = wait}, started);
  }

  std::vector<std::string> paths_;
  std::vector<int> shown_;
  std::vector<milliseconds> pauses_;
};

TEST_F(Follow, ShowsEachStepUntilTheEnd) {
  const auto ended = follow_it(job("running", 0), {job("running", 40), job("running", 80), job("done", 100)});
  EXPECT_EQ(ended->body, job("done", 100).body);
  EXPECT_EQ(shown_, (std::vector{0, 40, 80}));
  EXPECT_EQ(paths_, std::vector<std::string>(3, "GET /api/v1/jobs/7"));
}

TEST_F(Follow, JobThatHasEndedIsNotAskedForAgain) {
  for (const char* state : {"done", "failed", "cancelled"}) EXPECT_TRUE(follow_it(job(state), {}));
  EXPECT_TRUE(paths_.empty() && shown_.empty() && pauses_.empty());
}

TEST_F(Follow, AsksEverySecondAfterTenSeconds) {
  std::vector<Response> later(59, job("running"));
  later.push_back(job("done"));
  EXPECT_TRUE(follow_it(job("running"), later));
  ASSERT_EQ(pauses_.size(), 60U);
  EXPECT_EQ(pauses_[49], milliseconds(200));
  EXPECT_EQ(pauses_[50], milliseconds(1000));
  EXPECT_EQ(std::ranges::count(pauses_, milliseconds(200)), 50);
}

TEST_F(Follow, AgentThatDoesNotAnswerAnyMoreIsAnError) {
  EXPECT_EQ(follow_it(job("running"), {}).error().text, "nobody answers");
}

TEST_F(Follow, RefusalIsTheAnswer) {
  EXPECT_EQ(follow_it(job("running"), {{.status = 404, .body = "{}"}})->status, 404);
}

TEST_F(Follow, AnswerThatIsNoJobIsAnError) {
  for (const char* body : {"", "[]", "{}", R"({"id": "7", "state": "done"})", R"({"id": 7})"})
    EXPECT_FALSE(follow_it({.status = 202, .body = body}, {})) << body;
}

}  // namespace
}  // namespace npanel
