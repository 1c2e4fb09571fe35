// SPDX-License-Identifier: Apache-2.0
#include "model/overhead.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace npanel {
namespace {

constexpr int64_t kStart = 5'000'000;
constexpr Feature kMail = NP_EMAIL_RATE_LIMITING;
constexpr Feature kIsolation = NP_CGROUPS_ISOLATION;
constexpr OverheadLimit kLimit{.kernel_percent = 0.5, .agent_percent = 1.0, .memory_bytes = 1'000'000, .seconds = 300};

constexpr FeatureCost kCheap{.kernel_percent = 0.5, .agent_percent = 1.0, .memory_bytes = 1'000'000};
constexpr FeatureCost kAgentOver{.kernel_percent = 0.1, .agent_percent = 3.2, .memory_bytes = 1000};
constexpr FeatureCost kKernelOver{.kernel_percent = 0.75, .agent_percent = 0, .memory_bytes = 1000};
constexpr FeatureCost kMemoryOver{.kernel_percent = 0, .agent_percent = 0, .memory_bytes = 1'000'001};

// A watch, and a clock that goes on a second with each sample.
struct Story {
  explicit Story(OverheadLimit limit = kLimit) : watch(limit) {}

  // Why it is switched off, or nothing. What limits nobody, unless `limits`.
  std::optional<std::string> judge(const FeatureCost& cost, Feature feature = kMail) {
    const auto order = watch.judge(feature, cost, limits, ms);
    if (!order) return std::nullopt;
    if (order->what == OverheadOrder::What::switch_off) return order->why;
    steps.push_back({order->what == OverheadOrder::What::shed, order->level, (ms - kStart) / 1000});
    return std::nullopt;
  }
  // The second in which it fired, the first one being 0; nullopt when it did not.
  std::optional<int> fires_within(int seconds, const FeatureCost& cost) {
    std::optional<int> fired;
    for (int second = 0; second <= seconds; ++second) {
      if (second > 0) ms += 1000;
      if (!judge(cost)) continue;
      EXPECT_FALSE(fired) << "twice, again in second " << second;
      if (!fired) fired = second;
    }
    return fired;
  }

  struct Step {
    bool shed;  // or restored
    unsigned level;
    int64_t second;
    bool operator==(const Step&) const = default;
  };
  OverheadWatch watch;
  bool limits = false;
  std::vector<Step> steps;
  int64_t ms = kStart;
};

TEST(Overhead, SwitchesOffWhatIsOverForItsWholeTime) {
  for (const FeatureCost& cost : {kAgentOver, kKernelOver, kMemoryOver}) {
    Story story;
    EXPECT_EQ(story.fires_within(400, cost), 300);
  }
}

TEST(Overhead, LetsWhatUsesAllOfItsLimitBe) {
  Story story;
  EXPECT_EQ(story.fires_within(1000, kCheap), std::nullopt);
}

TEST(Overhead, SaysWhichLimitIsPassedByHowMuchAndForHowLong) {
  const auto text = [](const FeatureCost& cost) {
    Story story;
    story.fires_within(299, cost);
    story.ms += 1000;
    return story.judge(cost);
  };
  EXPECT_EQ(text(kAgentOver), "over its overhead limit for 300 s: agent CPU 3.20 % of a core, limit 1.00 %");
  EXPECT_EQ(text(kKernelOver), "over its overhead limit for 300 s: kernel CPU 0.75 % of a core, limit 0.50 %");
  EXPECT_EQ(text(kMemoryOver), "over its overhead limit for 300 s: memory 1000001 bytes, limit 1000000");
  EXPECT_EQ(text({.kernel_percent = 2, .agent_percent = 0, .memory_bytes = 2'000'000}),
            "over its overhead limit for 300 s: kernel CPU 2.00 % of a core, limit 0.50 %; memory 2000000 bytes, limit "
            "1000000");
}

TEST(Overhead, FigureThatIsNotKnownIsNotOver) {
  Story story;
  EXPECT_EQ(story.fires_within(400, {.kernel_percent = {}, .agent_percent = 0.5, .memory_bytes = {}}), std::nullopt);
  story.ms += 1000;
  EXPECT_EQ(story.fires_within(400, {.kernel_percent = {}, .agent_percent = 1.5, .memory_bytes = {}}), 300);
}

TEST(Overhead, OneCheapSampleStartsTheCountAgain) {
  Story story;
  EXPECT_EQ(story.fires_within(299, kAgentOver), std::nullopt);
  story.ms += 1000;
  EXPECT_EQ(story.judge(kCheap), std::nullopt);
  story.ms += 1000;
  EXPECT_EQ(story.fires_within(400, kAgentOver), 300);
}

TEST(Overhead, OverOneLimitAndThenOverAnotherIsOverAllTheTime) {
  Story story;
  EXPECT_EQ(story.fires_within(150, kAgentOver), std::nullopt);
  EXPECT_EQ(story.fires_within(300, kMemoryOver), 150);
}

TEST(Overhead, GapInTheSamplesIsABreak) {
  Story story;
  EXPECT_EQ(story.fires_within(200, kAgentOver), std::nullopt);
  story.ms += 1'000'000;
  EXPECT_EQ(story.fires_within(400, kAgentOver), 300);
}

TEST(Overhead, LateSampleIsNoGap) {
  Story story;
  EXPECT_EQ(story.fires_within(290, kAgentOver), std::nullopt);
  story.ms += 10'000;
  EXPECT_NE(story.judge(kAgentOver), std::nullopt);

  Story later;
  EXPECT_EQ(later.fires_within(290, kAgentOver), std::nullopt);
  later.ms += 10'001;
  EXPECT_EQ(later.judge(kAgentOver), std::nullopt);
}

TEST(Overhead, ClockThatWentBackIsABreak) {
  Story story;
  EXPECT_EQ(story.fires_within(299, kAgentOver), std::nullopt);
  story.ms -= 200'000;
  EXPECT_EQ(story.fires_within(400, kAgentOver), 300);
}

TEST(Overhead, JudgesEachFeatureAlone) {
  Story story;
  for (int second = 0; second < 300; ++second, story.ms += 1000) {
    EXPECT_EQ(story.judge(kAgentOver, kMail), std::nullopt);
    EXPECT_EQ(story.judge(second == 150 ? kCheap : kAgentOver, kIsolation), std::nullopt);
  }
  EXPECT_NE(story.judge(kAgentOver, kMail), std::nullopt);
  EXPECT_EQ(story.judge(kAgentOver, kIsolation), std::nullopt);
}

TEST(Overhead, FiresOnceUntilSomebodyEnablesTheFeatureAgain) {
  Story story;
  EXPECT_EQ(story.fires_within(300, kAgentOver), 300);
  story.ms += 1000;
  EXPECT_EQ(story.fires_within(1000, kAgentOver), std::nullopt);
  story.ms += 1000;
  story.fires_within(10, kCheap);
  story.ms += 1000;
  EXPECT_EQ(story.fires_within(1000, kAgentOver), std::nullopt) << "cheap for a while is not enabled again";
  story.watch.reset(kMail);
  story.ms += 1000;
  EXPECT_EQ(story.fires_within(400, kAgentOver), 300) << "from the moment on that it was enabled";
}

TEST(Overhead, EnablingOneFeatureLeavesTheOthersCount) {
  Story story;
  EXPECT_EQ(story.fires_within(299, kAgentOver), std::nullopt);
  story.watch.reset(kIsolation);
  story.ms += 1000;
  EXPECT_NE(story.judge(kAgentOver), std::nullopt);
}

TEST(Overhead, AnotherLimitCountsFromItsFirstMoment) {
  for (const OverheadLimit& other :
       {OverheadLimit{.kernel_percent = 0.6, .agent_percent = 1.0, .memory_bytes = 1'000'000},
        OverheadLimit{.kernel_percent = 0.5, .agent_percent = 2.0, .memory_bytes = 1'000'000},
        OverheadLimit{.kernel_percent = 0.5, .agent_percent = 1.0, .memory_bytes = 2'000'000}}) {
    Story story;
    EXPECT_EQ(story.fires_within(299, kAgentOver), std::nullopt);
    story.watch.set(other);
    story.ms += 1000;
    EXPECT_EQ(story.fires_within(400, kAgentOver), 300);
  }
}

TEST(Overhead, SameLimitSetAgainChangesNothing) {
  Story story;
  EXPECT_EQ(story.fires_within(299, kAgentOver), std::nullopt);
  story.watch.set(kLimit);
  story.ms += 1000;
  EXPECT_NE(story.judge(kAgentOver), std::nullopt);
}

TEST(Overhead, AnotherTimeHoldsFromItsFirstMoment) {
  Story story;
  EXPECT_EQ(story.fires_within(200, kAgentOver), std::nullopt);
  OverheadLimit shorter = kLimit;
  shorter.seconds = 20;
  story.watch.set(shorter);
  story.ms += 1000;
  EXPECT_EQ(story.fires_within(100, kAgentOver), 20);
}

TEST(Overhead, AnotherLimitDoesNotFireAgain) {
  Story story;
  EXPECT_EQ(story.fires_within(300, kAgentOver), 300);
  OverheadLimit smaller = kLimit;
  smaller.agent_percent = 0.1;
  story.watch.set(smaller);
  story.ms += 1000;
  EXPECT_EQ(story.fires_within(1000, kAgentOver), std::nullopt);
}

TEST(Overhead, LargerLimitLetsTheFeatureBe) {
  Story story;
  EXPECT_EQ(story.fires_within(299, kAgentOver), std::nullopt);
  OverheadLimit larger = kLimit;
  larger.agent_percent = 5;
  story.watch.set(larger);
  story.ms += 1000;
  EXPECT_EQ(story.fires_within(1000, kAgentOver), std::nullopt);
}

TEST(Overhead, WhatLimitsAccountsIsNeverSwitchedOff) {
  Story story;
  story.limits = true;
  EXPECT_EQ(story.fires_within(100'000, kAgentOver), std::nullopt);
  EXPECT_EQ(story.watch.level(kMail), kShedMost);
}

TEST(Overhead, UnlessTheAdministratorSaidSo) {
  OverheadLimit limit = kLimit;
  limit.drop_limits = true;
  Story story(limit);
  story.limits = true;
  EXPECT_EQ(story.fires_within(400, kAgentOver), 300);
}

TEST(Overhead, TelemetryGoesFirstALevelEachFifthOfTheTime) {
  Story story;
  story.limits = true;
  story.fires_within(1000, kKernelOver);
  EXPECT_EQ(story.steps, (std::vector<Story::Step>{{true, 1, 60}, {true, 2, 120}}));
}

TEST(Overhead, WhatWasLeftOutComesBackWhenTheCostIsWellBelowForTheWholeTime) {
  Story story;
  story.limits = true;
  story.fires_within(150, kAgentOver);
  story.steps.clear();
  const int64_t calm = (story.ms - kStart) / 1000 + 1;
  story.ms += 1000;
  story.fires_within(1000, {.kernel_percent = 0.4, .agent_percent = 0.8, .memory_bytes = 1000});
  EXPECT_EQ(story.steps, (std::vector<Story::Step>{{false, 1, calm + 300}, {false, 0, calm + 600}}));
}

TEST(Overhead, JustWithinTheLimitNothingComesBackAndNothingMoreGoes) {
  Story story;
  story.limits = true;
  story.fires_within(70, kAgentOver);
  EXPECT_EQ(story.watch.level(kMail), 1U);
  story.fires_within(5000, {.kernel_percent = 0.45, .agent_percent = 0.9, .memory_bytes = 1000});
  EXPECT_EQ(story.watch.level(kMail), 1U);
}

TEST(Overhead, OneDearMomentBeginsTheCalmTimeAnew) {
  Story story;
  story.limits = true;
  story.fires_within(70, kAgentOver);
  story.fires_within(299, {.kernel_percent = 0, .agent_percent = 0, .memory_bytes = 0});
  story.ms += 1000;
  story.fires_within(1, kAgentOver);
  story.ms += 1000;
  story.fires_within(299, {.kernel_percent = 0, .agent_percent = 0, .memory_bytes = 0});
  EXPECT_EQ(story.watch.level(kMail), 1U);
}

TEST(Overhead, SheddingThatHelpsKeepsAFeatureThatLimitsNobodyOn) {
  Story story;
  story.fires_within(70, kAgentOver);
  story.ms += 1000;
  EXPECT_EQ(story.fires_within(5000, kCheap), std::nullopt);
  EXPECT_EQ(story.watch.level(kMail), 1U);
}

TEST(Overhead, EnabledAgainItLeavesNothingOut) {
  Story story;
  story.fires_within(300, kAgentOver);
  story.watch.reset(kMail);
  EXPECT_EQ(story.watch.level(kMail), 0U);
}

// Adds a sample a second, `ns_per_second` more each; returns the counter and leaves the clock at the last sample.
uint64_t add_seconds(CostMeter& meter, int seconds, uint64_t ns_per_second, uint64_t total_ns, int64_t& ms) {
  for (int second = 0; second < seconds; ++second) {
    ms += 1000;
    meter.add(total_ns += ns_per_second, 0, ms);
  }
  return total_ns;
}

TEST(CostMeter, KnowsNothingBeforeTheSecondSample) {
  CostMeter meter;
  EXPECT_EQ(meter.percent(), std::nullopt);
  meter.add(123'456'789, 0, kStart);
  EXPECT_EQ(meter.percent(), std::nullopt);
  meter.add(123'456'789 + 20'000'000, 0, kStart + 1000);
  EXPECT_DOUBLE_EQ(meter.percent().value(), 2.0);
}

TEST(CostMeter, SaysMoreThanAHundredOfMoreThanOneCore) {
  CostMeter meter;
  meter.add(0, 0, kStart);
  meter.add(3'000'000'000, 0, kStart + 1000);
  EXPECT_DOUBLE_EQ(meter.percent().value(), 300.0);
}

TEST(CostMeter, NoTimeUsedIsZeroAndNotUnknown) {
  CostMeter meter;
  meter.add(7, 0, kStart);
  meter.add(7, 0, kStart + 1000);
  EXPECT_DOUBLE_EQ(meter.percent().value(), 0.0);
}

TEST(CostMeter, ForgetsWhatIsOlderThanAMinute) {
  CostMeter meter;
  int64_t ms = kStart;
  const uint64_t busy = add_seconds(meter, 61, 500'000'000, 0, ms);
  EXPECT_DOUBLE_EQ(meter.percent().value(), 50.0);
  const uint64_t half = add_seconds(meter, 30, 0, busy, ms);
  EXPECT_DOUBLE_EQ(meter.percent().value(), 25.0);
  add_seconds(meter, 30, 0, half, ms);
  EXPECT_DOUBLE_EQ(meter.percent().value(), 0.0);
}

TEST(CostMeter, CounterThatShrinksIsAnotherOne) {
  CostMeter meter;
  int64_t ms = kStart;
  add_seconds(meter, 60, 500'000'000, 0, ms);
  meter.add(0, 0, ms + 1000);
  EXPECT_EQ(meter.percent(), std::nullopt);
  meter.add(10'000'000, 0, ms + 2000);
  EXPECT_DOUBLE_EQ(meter.percent().value(), 1.0);
}

TEST(CostMeter, MinuteWithoutSamplesStartsAfresh) {
  CostMeter meter;
  meter.add(0, 0, kStart);
  meter.add(1'000'000'000, 0, kStart + 60'000);
  EXPECT_DOUBLE_EQ(meter.percent().value(), 100.0 / 60);
  meter.add(9'000'000'000, 0, kStart + 120'001);
  EXPECT_EQ(meter.percent(), std::nullopt);
}

TEST(CostMeter, ClockThatWentBackStartsAfresh) {
  CostMeter meter;
  meter.add(0, 0, kStart);
  meter.add(1'000'000'000, 0, kStart + 1000);
  meter.add(1'000'000'000, 0, kStart - 1000);
  EXPECT_EQ(meter.percent(), std::nullopt);
  meter.add(1'500'000'000, 0, kStart);
  EXPECT_DOUBLE_EQ(meter.percent().value(), 50.0);
}

TEST(CostMeter, SamplesThatComeTooOftenAreLeftOut) {
  CostMeter meter;
  meter.add(0, 0, kStart);
  meter.add(800'000'000, 0, kStart + 899);
  EXPECT_EQ(meter.percent(), std::nullopt);
  meter.add(450'000'000, 0, kStart + 900);
  EXPECT_DOUBLE_EQ(meter.percent().value(), 50.0) << "what was left out is no shrinking counter";
}

TEST(CostMeter, CountsTheTasksOfASecond) {
  CostMeter meter;
  EXPECT_DOUBLE_EQ(meter.tasks_a_second(), 0);
  meter.add(0, 100, kStart);
  meter.add(0, 5100, kStart + 2000);
  EXPECT_DOUBLE_EQ(meter.tasks_a_second(), 2500);
}

TEST(JudgedPercent, WhatComesAboveTheRateDoesNotCount) {
  EXPECT_DOUBLE_EQ(judged_percent(0.8, 20'000, 20'000), 0.8);
  EXPECT_DOUBLE_EQ(judged_percent(8, 200'000, 20'000), 0.8) << "ten times as often is not dearer";
  EXPECT_DOUBLE_EQ(judged_percent(8, 20'000, 20'000), 8) << "what is dear each time is";
  EXPECT_DOUBLE_EQ(judged_percent(0, 0, 20'000), 0);
}

}  // namespace
}  // namespace npanel
