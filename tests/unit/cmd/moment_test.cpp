// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/moment.h"

#include <gtest/gtest.h>

#include "base/clock.h"

namespace npanel {
namespace {

std::string meant(std::string_view text) {
  const auto ms = parse_moment(text);
  return ms ? utc_time(*ms) : "refused";
}

TEST(Moment, IsATimeOfRfc3339) {
  EXPECT_EQ(meant("2026-11-22T19:40:00Z"), "2026-11-22T19:40:00.000Z");
  EXPECT_EQ(meant("2026-11-22t19:40:00.12345z"), "2026-11-22T19:40:00.123Z");
  EXPECT_EQ(meant("2026-11-22 19:40:00.5Z"), "2026-11-22T19:40:00.500Z");
  EXPECT_EQ(meant("2026-11-22T19:40:00+01:30"), "2026-11-22T18:10:00.000Z");
  EXPECT_EQ(meant("2026-12-31T23:59:60-00:30"), "2027-01-01T00:30:00.000Z");
}

TEST(Moment, IsTheFirstOfADate) {
  EXPECT_EQ(meant("2024-02-29"), "2024-02-29T00:00:00.000Z");
  EXPECT_EQ(meant("1970-01-01"), "1970-01-01T00:00:00.000Z");
}

TEST(Moment, IsNothingElse) {
  for (const char* text : {"",
                           "now",
                           "2026",
                           "2026-11",
                           "2026-1-2",
                           "2026-13-01",
                           "2026-02-29",
                           "2026-00-10",
                           "1969-12-31",
                           "+026-01-01",
                           "2026-11-22T",
                           "2026-11-22T19:40",
                           "2026-11-22T19:40:00",
                           "2026-11-22T24:00:00Z",
                           "2026-11-22T19:60:00Z",
                           "2026-11-22T19:40:61Z",
                           "2026-11-22T19:40:00.Z",
                           "2026-11-22T19:40:00+0100",
                           "2026-11-22T19:40:00+25:00",
                           "2026-11-22T19:40:00Zulu",
                           "2026-11-22 ",
                           "1970-01-01T00:00:00+01:00"})
    EXPECT_EQ(meant(text), "refused") << text;
}

}  // namespace
}  // namespace npanel
