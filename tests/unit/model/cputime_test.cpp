// SPDX-License-Identifier: Apache-2.0
#include "model/cputime.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

TEST(Cputime, DividesRuntimeInTheRatioOfTicks) {
  EXPECT_EQ(split_runtime(1000, {.user_ns = 30, .system_ns = 10}, {}), (CpuSplit{.user_ns = 750, .system_ns = 250}));
}

TEST(Cputime, GivesAllToTheOnlyKindOfTick) {
  EXPECT_EQ(split_runtime(1000, {.user_ns = 30, .system_ns = 0}, {}), (CpuSplit{.user_ns = 1000, .system_ns = 0}));
  EXPECT_EQ(split_runtime(1000, {.user_ns = 0, .system_ns = 30}, {}), (CpuSplit{.user_ns = 0, .system_ns = 1000}));
}

TEST(Cputime, CountsRuntimeWithoutAnyTickAsUser) {
  EXPECT_EQ(split_runtime(1000, {}, {}), (CpuSplit{.user_ns = 1000, .system_ns = 0}));
}

TEST(Cputime, NeverShowsLessThanBefore) {
  EXPECT_EQ(split_runtime(1000, {.user_ns = 90, .system_ns = 10}, {.user_ns = 300, .system_ns = 400}),
            (CpuSplit{.user_ns = 600, .system_ns = 400}));
  EXPECT_EQ(split_runtime(1000, {.user_ns = 10, .system_ns = 90}, {.user_ns = 400, .system_ns = 300}),
            (CpuSplit{.user_ns = 400, .system_ns = 600}));
}

TEST(Cputime, RepeatsWhatWasShownWhenNothingRanSince) {
  EXPECT_EQ(split_runtime(1000, {.user_ns = 10, .system_ns = 90}, {.user_ns = 400, .system_ns = 600}),
            (CpuSplit{.user_ns = 400, .system_ns = 600}));
}

TEST(Cputime, SurvivesAHundredYearsOfRuntime) {
  constexpr uint64_t kCentury = 3'155'760'000ULL * 1'000'000'000ULL;
  const CpuSplit split = split_runtime(kCentury, {.user_ns = kCentury / 2, .system_ns = kCentury / 2}, {});
  EXPECT_EQ(split.user_ns + split.system_ns, kCentury);
  EXPECT_EQ(split.system_ns, kCentury / 2);
}

}  // namespace
}  // namespace npanel
