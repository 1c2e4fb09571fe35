// SPDX-License-Identifier: Apache-2.0
#include "model/progress.h"

#include <gtest/gtest.h>

#include <string>

namespace npanel {
namespace {

using State = Job::State;

constexpr int64_t kUnixOffset = 1'700'000'000'000;

// A list with one job, and a clock.
struct Story {
  [[nodiscard]] Moment now() const { return {.steady_ms = ms, .unix_ms = ms + kUnixOffset}; }
  int64_t begin(const std::string& kind = "apply") { return jobs.begin(kind, std::nullopt, now()); }
  void advance(uint64_t done, uint64_t total) { jobs.advance(id, done, total, "", now()); }
  // Works for `seconds` with a report every `step_ms`; returns what is done then.
  double work(double done, uint64_t total, double per_second, int seconds, int step_ms = 1000) {
    for (int64_t passed = 0; passed < int64_t{seconds} * 1000; passed += step_ms) {
      ms += step_ms;
      done += per_second * step_ms / 1000;
      advance(static_cast<uint64_t>(done), total);
    }
    return done;
  }
  [[nodiscard]] const Job& job() const { return *jobs.find(id); }
  void expect_eta_near(double truth) const {
    ASSERT_TRUE(job().eta_seconds) << "expected about " << truth;
    EXPECT_NEAR(*job().eta_seconds, truth, truth / 10);
  }

  JobList jobs;
  int64_t ms = 1'000'000;
  int64_t id = begin();
};

TEST(Progress, JobBeginsWithNothingDone) {
  Story story;
  const int64_t id = story.jobs.begin("drain", "bob", story.now());
  const Job& job = *story.jobs.find(id);
  EXPECT_EQ(job.id, 2);
  EXPECT_EQ(job.kind, "drain");
  EXPECT_EQ(job.account, "bob");
  EXPECT_EQ(job.state, State::running);
  EXPECT_EQ(job.started_ms, story.ms + kUnixOffset);
  EXPECT_EQ(job.ended_ms, std::nullopt);
  EXPECT_EQ(job.percent(), 0);
  EXPECT_EQ(job.eta_seconds, std::nullopt);
}

TEST(Progress, AdvanceSaysHowFarItIs) {
  Story story;
  story.jobs.advance(story.id, 30, 120, "account 30 of 120", story.now());
  EXPECT_EQ(story.job().stage, "account 30 of 120");
  EXPECT_EQ(story.job().done, 30U);
  EXPECT_EQ(story.job().total, 120U);
  EXPECT_DOUBLE_EQ(story.job().percent(), 25);
}

TEST(Progress, PercentageGoesBackOnlyWhenTheTotalGrows) {
  Story story;
  story.advance(50, 100);
  story.advance(20, 100);
  EXPECT_DOUBLE_EQ(story.job().percent(), 50) << "less is done";
  story.advance(20, 80);
  EXPECT_DOUBLE_EQ(story.job().percent(), 62.5) << "the total shrank";
  story.advance(60, 0);
  EXPECT_DOUBLE_EQ(story.job().percent(), 75) << "the total was forgotten";
  story.advance(0, 10);
  EXPECT_DOUBLE_EQ(story.job().percent(), 100) << "the total shrank below what is done";
  story.advance(10, 40);
  EXPECT_DOUBLE_EQ(story.job().percent(), 25) << "the total grew";
}

TEST(Progress, NeverSaysMoreThanAHundredPercent) {
  Story story;
  story.advance(150, 100);
  EXPECT_EQ(story.job().done, 100U);
  EXPECT_DOUBLE_EQ(story.job().percent(), 100);
}

TEST(Progress, CountsWithoutATotal) {
  Story story;
  story.advance(7, 0);
  EXPECT_EQ(story.job().done, 7U);
  EXPECT_EQ(story.job().percent(), 0);
}

TEST(Progress, EtaIsUnknownBeforeTheSecondSample) {
  Story story;
  story.advance(10, 1000);
  EXPECT_EQ(story.job().eta_seconds, std::nullopt);
  story.ms += 1000;
  story.advance(20, 1000);
  EXPECT_DOUBLE_EQ(story.job().eta_seconds.value(), 98);
}

TEST(Progress, EtaIsUnknownWithoutATotal) {
  Story story;
  story.work(0, 0, 100, 60);
  EXPECT_EQ(story.job().eta_seconds, std::nullopt);
}

TEST(Progress, EtaIsUnknownFromSamplesOfOneMoment) {
  Story story;
  story.advance(10, 1000);
  story.ms += 99;
  story.advance(20, 1000);
  EXPECT_EQ(story.job().eta_seconds, std::nullopt);
}

TEST(Progress, EtaIsRightAtASteadyRate) {
  for (const int step_ms : {20, 250, 1000, 3000, 15'000}) {
    Story story;
    double done = 0;
    story.advance(0, 100'000);
    for (int seconds = 0; seconds < 900; seconds += 15) {
      done = story.work(done, 100'000, 100, 15, step_ms);
      story.expect_eta_near(1000 - seconds - 15);
    }
  }
}

TEST(Progress, EtaFollowsARateThatSlowsDown) {
  Story story;
  const double done = story.work(0, 10'000, 100, 60);
  story.expect_eta_near(40);
  story.work(done, 10'000, 10, 10);
  story.expect_eta_near((10'000 - 6100) / 10.0);
}

TEST(Progress, EtaFollowsARateThatGrows) {
  Story story;
  const double done = story.work(0, 10'000, 10, 60);
  story.work(done, 10'000, 200, 10);
  story.expect_eta_near((10'000 - 2600) / 200.0);
}

TEST(Progress, EtaIsUnknownInAPauseAndRightTenSecondsAfterIt) {
  Story story;
  double done = story.work(0, 10'000, 100, 20);
  done = story.work(done, 10'000, 0, 30);
  EXPECT_EQ(story.job().eta_seconds, std::nullopt);
  story.work(done, 10'000, 100, 10);
  story.expect_eta_near(70);
}

TEST(Progress, EtaIsRightTenSecondsAfterAPauseWithoutSamples) {
  Story story;
  const double done = story.work(0, 10'000, 100, 20);
  story.ms += 30'000;
  story.work(done, 10'000, 100, 11);
  story.expect_eta_near(69);
}

TEST(Progress, EtaIsNeverNegative) {
  Story story;
  const double done = story.work(0, 1000, 100, 12);
  EXPECT_EQ(story.job().eta_seconds.value(), 0);
  story.work(done, 500, 100, 20);
  EXPECT_GE(story.job().eta_seconds.value_or(0), 0);
}

TEST(Progress, EtaOfAnEndedJobIsUnknown) {
  Story story;
  story.work(0, 1000, 10, 20);
  ASSERT_TRUE(story.job().eta_seconds);
  story.jobs.end(story.id, State::failed, "the disk is full", story.now());
  EXPECT_EQ(story.job().eta_seconds, std::nullopt);
}

TEST(Progress, EndIsWrittenDownOnce) {
  Story story;
  story.advance(40, 100);
  story.ms += 5000;
  story.jobs.end(story.id, State::cancelled, "cancelled by uid 0", story.now());
  story.ms += 5000;
  story.jobs.end(story.id, State::done, "all 100 accounts", story.now());
  story.advance(90, 100);
  EXPECT_EQ(story.job().state, State::cancelled);
  EXPECT_EQ(story.job().result, "cancelled by uid 0");
  EXPECT_EQ(story.job().ended_ms, story.ms - 5000 + kUnixOffset);
  EXPECT_DOUBLE_EQ(story.job().percent(), 40);
}

TEST(Progress, DoneIsAHundredPercentWhateverWasCounted) {
  Story story;
  story.advance(40, 100);
  story.jobs.end(story.id, State::done, "60 accounts were gone", story.now());
  EXPECT_DOUBLE_EQ(story.job().percent(), 100);
}

TEST(Progress, KeepsTheLastHundredLines) {
  Story story;
  for (int line = 1; line <= 250; ++line) story.jobs.log(story.id, "line " + std::to_string(line));
  ASSERT_EQ(story.job().log.size(), 100U);
  EXPECT_EQ(story.job().log.front(), "line 151");
  EXPECT_EQ(story.job().log.back(), "line 250");
}

TEST(Progress, CutsLongLines) {
  Story story;
  story.jobs.log(story.id, std::string(500, 'a'));
  story.jobs.log(story.id, std::string(501, 'b'));
  EXPECT_EQ(story.job().log[0], std::string(500, 'a'));
  EXPECT_EQ(story.job().log[1], std::string(500, 'b'));
}

TEST(Progress, CutsNoCharacterInTwo) {
  Story story;
  story.jobs.log(story.id, std::string(499, 'a') + "ä and more");
  story.jobs.log(story.id, std::string(497, 'a') + "\xF0\x9F\x92\xBE and more");
  story.jobs.log(story.id, std::string(498, 'a') + "ä and more");
  EXPECT_EQ(story.job().log[0], std::string(499, 'a'));
  EXPECT_EQ(story.job().log[1], std::string(497, 'a'));
  EXPECT_EQ(story.job().log[2], std::string(498, 'a') + "ä");
}

TEST(Progress, CutsBytesThatAreNoText) {
  Story story;
  story.jobs.log(story.id, std::string(1000, '\x80'));
  EXPECT_GE(story.job().log[0].size(), 497U);
  EXPECT_LE(story.job().log[0].size(), 500U);
}

TEST(Progress, KeepsTheHundredJobsThatEndedLast) {
  Story story;  // job 1 runs on
  for (int i = 0; i < 150; ++i) story.jobs.end(story.begin(), State::done, "", story.now());
  EXPECT_EQ(story.jobs.list().size(), 101U);
  EXPECT_EQ(story.jobs.find(51), nullptr);
  EXPECT_NE(story.jobs.find(52), nullptr);
  ASSERT_NE(story.jobs.find(1), nullptr) << "a running job is always kept";
  story.jobs.end(story.id, State::done, "", story.now());
  EXPECT_NE(story.jobs.find(1), nullptr) << "it is the one that ended last, though the oldest";
  EXPECT_EQ(story.jobs.find(52), nullptr);
  EXPECT_EQ(story.jobs.list().size(), 100U);
}

TEST(Progress, KeepsEveryRunningJob) {
  Story story;
  for (int i = 0; i < 500; ++i) story.begin();
  EXPECT_EQ(story.jobs.list().size(), 501U);
}

TEST(Progress, ListsTheNewestFirst) {
  Story story;
  story.begin("drain");
  story.begin("backup");
  const auto jobs = story.jobs.list();
  ASSERT_EQ(jobs.size(), 3U);
  EXPECT_EQ(jobs[0].kind, "backup");
  EXPECT_EQ(jobs[1].kind, "drain");
  EXPECT_EQ(jobs[2].kind, "apply");
}

TEST(Progress, NeverGivesAnIdTwice) {
  Story story;
  for (int64_t i = 2; i < 200; ++i) {
    EXPECT_EQ(story.begin(), i);
    story.jobs.end(i, State::done, "", story.now());
  }
}

TEST(Progress, WordsAboutAnUnknownJobChangeNothing) {
  Story story;
  story.jobs.advance(77, 1, 2, "", story.now());
  story.jobs.log(77, "hello");
  story.jobs.end(77, State::done, "", story.now());
  EXPECT_EQ(story.jobs.find(77), nullptr);
  EXPECT_EQ(story.jobs.list().size(), 1U);
}

TEST(Progress, LinesMayComeAfterTheEnd) {
  Story story;
  story.jobs.end(story.id, State::failed, "the disk is full", story.now());
  story.jobs.log(story.id, "removed the half-written copy");
  EXPECT_EQ(story.job().log.back(), "removed the half-written copy");
}

TEST(Progress, EveryStateHasAName) {
  EXPECT_STREQ(to_string(State::running), "running");
  EXPECT_STREQ(to_string(State::done), "done");
  EXPECT_STREQ(to_string(State::failed), "failed");
  EXPECT_STREQ(to_string(State::cancelled), "cancelled");
}

}  // namespace
}  // namespace npanel
