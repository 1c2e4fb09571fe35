// SPDX-License-Identifier: Apache-2.0
#include "model/lived_time.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace npanel {
namespace {

constexpr int64_t kMinute = 60'000;
constexpr int64_t kYear = 365LL * 24 * 60 * kMinute;
constexpr int64_t kNow = 1'795'000'000'000;

Clocks at(int64_t boot_ms, int64_t wall_ms, const char* boot_id = "one") {
  return {.boot_id = boot_id, .boot_ms = boot_ms, .wall_ms = wall_ms};
}

TEST(LivedTime, BeginsWithTheAgentAndGoesWithTheBootClock) {
  LivedTime time({}, at(5000, kNow));
  EXPECT_EQ(time.lived_ms(5000), 0);
  EXPECT_EQ(time.lived_ms(8000), 3000);
}

TEST(LivedTime, ARestartLosesNothingAndARebootNothingButTheTimeThatItWasOff) {
  const LivedTime first({}, at(5000, kNow));
  const LivedMark mark = first.mark(at(8000, kNow + 3000));
  const LivedTime again(mark, at(9000, kNow + 4000));
  EXPECT_EQ(again.lived_ms(9000), 4000);
  const LivedTime rebooted(mark, at(2000, kNow + kYear, "two"));
  EXPECT_EQ(rebooted.lived_ms(2000), 5000) << "since its boot it has lived, and was off before";
}

TEST(LivedTime, NobodyLivesLongerBecauseTheClockSaysSo) {
  for (const int64_t wall : {int64_t{0}, kNow - 30 * kYear, kNow + 30 * kYear, int64_t{1} << 31}) {
    LivedTime time({}, at(0, kNow));
    EXPECT_EQ(time.lived_ms(kMinute), kMinute);
    EXPECT_EQ(time.take_jump(at(kMinute, wall)).has_value(), std::abs(wall - kNow - kMinute) >= LivedTime::kJumpMs);
    EXPECT_EQ(time.lived_ms(2 * kMinute), 2 * kMinute);
    EXPECT_EQ(LivedTime(time.mark(at(kMinute, wall)), at(10, wall + kYear, "two")).lived_ms(10), kMinute + 10);
  }
}

TEST(LivedTime, AJumpIsTakenOnceAndASlewNever) {
  LivedTime time({}, at(0, kNow));
  EXPECT_FALSE(time.take_jump(at(kMinute, kNow + kMinute)));
  EXPECT_EQ(time.take_jump(at(2 * kMinute, kNow + kYear + 2 * kMinute)), kYear);
  EXPECT_FALSE(time.take_jump(at(3 * kMinute, kNow + kYear + 3 * kMinute)));
  EXPECT_EQ(time.take_jump(at(4 * kMinute, kNow + 4 * kMinute)), -kYear);
  for (int64_t second = 1; second < 100'000; ++second)  // half a millisecond a second, for a day
    ASSERT_FALSE(time.take_jump(at(4 * kMinute + second * 1000, kNow + 4 * kMinute + second * 1000 + second / 2)));
}

TEST(LivedTime, ASuspendIsNoJump) {
  LivedTime time({}, at(0, kNow));
  EXPECT_FALSE(time.take_jump(at(kYear, kNow + kYear))) << "the boot clock runs on";
  EXPECT_EQ(time.lived_ms(kYear), kYear);
}

TEST(LivedTime, AJumpWhileNoAgentRanIsNoticed) {
  const LivedMark mark = LivedTime({}, at(0, kNow)).mark(at(kMinute, kNow + kMinute));
  LivedTime same_boot(mark, at(2 * kMinute, kNow - kYear + 2 * kMinute));
  EXPECT_EQ(same_boot.take_jump(at(2 * kMinute, kNow - kYear + 2 * kMinute)), -kYear);
  LivedTime behind(mark, at(10, 0, "two"));
  EXPECT_EQ(behind.take_jump(at(10, 0, "two")), -(kNow + kMinute + 10)) << "1970: its battery is empty";
  EXPECT_EQ(behind.take_jump(at(20, kNow + 2 * kMinute, "two")), kNow + 2 * kMinute - 10) << "and NTP has mended it";
  LivedTime later(mark, at(10, kNow + kYear, "two"));
  EXPECT_FALSE(later.take_jump(at(10, kNow + kYear, "two"))) << "it may have been off for a year";
}

TEST(LivedTime, AMarkOfALaterMomentOfThisBootIsNotBelieved) {
  const LivedMark mark{.clocks = at(kYear, kNow), .lived_ms = kYear};
  EXPECT_EQ(LivedTime(mark, at(10, kNow)).lived_ms(10), kYear + 10);
}

}  // namespace
}  // namespace npanel
