// SPDX-License-Identifier: Apache-2.0
#include "core/jobs.h"

#include "support/temp_dir.h"
#include "unit/core/one_room.h"

namespace npanel {
namespace {

class JobsTest : public testing::Test {
 protected:
  Result<Job> cancel(int64_t id) { return jobs.cancel({.actor = "uid 0 (root)", .source = "test"}, id); }
  void run_all() {
    for (int i = 0; i < 10; ++i) jobs.scheduler().run();
  }

  TempDir directory;
  Ledger ledger{*Store::open(directory.path("npanel.db"))};
  Jobs jobs{ledger};
  OneRoom room{job_routes(jobs)};
};

TEST_F(JobsTest, SayHowFarTheyAre) {
  const int64_t id = jobs.begin("drain", "bob");
  jobs.advance(id, 1, 3, "1 of 3");
  jobs.log(id, "SIGTERM");
  Json job = json_of(room.get("/api/v1/jobs/1"));
  EXPECT_TRUE(job["started"].is_string());
  job.erase("started");
  EXPECT_EQ(job, Json::parse(R"({"id":1,"kind":"drain","account":"bob","state":"running",)"
                             R"("stage":"1 of 3","percent":33.3,"done":1,"total":3,"ended":null,)"
                             R"("eta_seconds":null,"result":null,"log":["SIGTERM"]})"));
  EXPECT_EQ(json_of(room.get("/api/v1/jobs"))["jobs"].size(), 1u);
  EXPECT_EQ(room.get("/api/v1/jobs/3").status, 404);
}

TEST_F(JobsTest, ARunningOneIsCancelledAndOneThatHasEndedIsNot) {
  bool undone = false;
  jobs.begin("apply", std::nullopt, [&] { undone = true; });
  const Response cancelled = room.post("/api/v1/jobs/1/cancel");
  EXPECT_EQ(cancelled.status, 200) << cancelled.body;
  EXPECT_EQ(json_of(cancelled)["state"], "cancelled");
  EXPECT_TRUE(undone);
  EXPECT_EQ(room.post("/api/v1/jobs/1/cancel").status, 409);
  EXPECT_EQ(room.post("/api/v1/jobs/2/cancel").status, 404);
  EXPECT_EQ(field_of(room.post("/api/v1/jobs/x/cancel")), "id");
}

TEST_F(JobsTest, WhatIsHalfDoneIsUndoneOnceAndByACancellationAlone) {
  int undone = 0;
  const auto undo = [&] { ++undone; };
  const int64_t cancelled = jobs.begin("apply", std::nullopt, undo);
  EXPECT_TRUE(cancel(cancelled));
  EXPECT_EQ(cancel(cancelled).error().code, EBUSY);
  EXPECT_EQ(undone, 1);
  const int64_t ended = jobs.begin("apply", std::nullopt, undo);
  jobs.end(ended, Job::State::done, "all of it");
  EXPECT_EQ(cancel(ended).error().code, EBUSY);
  EXPECT_EQ(undone, 1);
}

TEST_F(JobsTest, ACancellationSaysByWhomAndIsInTheTrail) {
  const int64_t id = jobs.begin("drain", "bob");
  EXPECT_NE(cancel(id)->result.find("uid 0 (root)"), std::string::npos);
  const auto entries = ledger.store().audit({});
  ASSERT_EQ(entries->size(), 1u);
  EXPECT_EQ(entries->front().action, "job.cancel");
  EXPECT_EQ(entries->front().account, "bob");
  EXPECT_EQ(entries->front().target, "job 1");
}

TEST_F(JobsTest, StepsRunUntilOneIsTheLast) {
  const int64_t id = jobs.begin("apply", std::nullopt);
  int steps = 0;
  jobs.step(id, [&] { return ++steps < 3; });
  run_all();
  EXPECT_EQ(steps, 3);
}

TEST_F(JobsTest, StepsOfAJobThatHasEndedAreNoMore) {
  int steps = 0;
  const auto step = [&] {
    ++steps;
    return true;
  };
  const int64_t between = jobs.begin("apply", std::nullopt);
  jobs.step(between, step);
  const int64_t each_second = jobs.begin("drain", "bob");
  jobs.step_each_second(each_second, step);
  jobs.scheduler().each_second();
  EXPECT_EQ(steps, 1);
  EXPECT_TRUE(cancel(between));
  jobs.end(each_second, Job::State::failed, "gone");
  run_all();
  jobs.scheduler().each_second();
  EXPECT_EQ(steps, 1);
}

TEST_F(JobsTest, OnlyARunningOneOfThisKindAndAccountIsRunning) {
  const int64_t id = jobs.begin("drain", "bob");
  EXPECT_EQ(jobs.running("drain", "bob"), id);
  EXPECT_EQ(jobs.running("drain", "ann"), std::nullopt);
  EXPECT_EQ(jobs.running("apply", "bob"), std::nullopt);
  jobs.end(id, Job::State::done, "2 processes ended");
  EXPECT_EQ(jobs.running("drain", "bob"), std::nullopt);
}

TEST_F(JobsTest, TheTrailSaysWhoseAJobIs) {
  const Caller caller{.actor = "token panel", .source = "api"};
  jobs.audit(caller, jobs.begin("apply", std::nullopt));
  jobs.audit(caller, jobs.begin("drain", "bob"));
  const auto entries = ledger.store().audit({});
  ASSERT_EQ(entries->size(), 2u);
  EXPECT_EQ((*entries)[0].action, "account.drain");
  EXPECT_EQ((*entries)[0].account, "bob");
  EXPECT_EQ((*entries)[0].target, "job 2");
  EXPECT_EQ((*entries)[1].action, "apply");
  EXPECT_EQ((*entries)[1].account, std::nullopt);
}

}  // namespace
}  // namespace npanel
