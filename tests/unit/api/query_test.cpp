// SPDX-License-Identifier: Apache-2.0
#include "api/query.h"

#include <gtest/gtest.h>

#include "base/clock.h"

namespace npanel {
namespace {

std::string field_of(const auto& result) {
  return result ? "accepted" : result.error().field;
}

TEST(Query, DecodesEscapesOfValuesOnce) {
  const auto query = decode_query({{"text", "a%20b%2Fc%2525"}, {"%61", "x"}});
  ASSERT_TRUE(query);
  EXPECT_EQ(query->at("text"), "a b/c%25");
  EXPECT_EQ(query->at("%61"), "x");
}

TEST(Query, RefusesBadEscapes) {
  for (const char* value : {"%", "a%", "%2", "%2g", "%g2", "% 2", "%%41", "%+1", "%00", "a%00b", "%u0041"})
    EXPECT_EQ(field_of(decode_query({{"text", value}})), "text") << value;
}

TEST(Query, NamesTheUnknownParameter) {
  EXPECT_TRUE(only_parameters({{"limit", "1"}}, {"limit", "after"}));
  const auto wrong = only_parameters({{"colour", "red"}}, {"limit", "after"});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().field, "colour");
  EXPECT_EQ(wrong.error().text, "colour is not known here; known: limit, after");
}

TEST(Query, RefusesALimitOutOfRange) {
  EXPECT_EQ(limit_in({{"limit", "1"}}).value(), 1u);
  EXPECT_EQ(limit_in({{"limit", "1000"}}).value(), 1000u);
  EXPECT_EQ(limit_in({}).value(), std::nullopt);
  for (const char* value : {"", "0", "1001", "-1", "1.0", "ten", "1 ", "+1", "1e2", "99999999999999999999"})
    EXPECT_EQ(field_of(limit_in({{"limit", value}})), "limit") << value;
}

TEST(Query, RefusesAnIdThatNoRowHas) {
  EXPECT_EQ(below_in({{"below", "9223372036854775807"}}).value(), INT64_MAX);
  for (const char* value : {"", "0", "-1", "9223372036854775808", "x"})
    EXPECT_EQ(field_of(below_in({{"below", value}})), "below") << value;
}

TEST(Query, RefusesAnEmptyText) {
  EXPECT_EQ(text_in({{"actor", "uid 0"}}, "actor").value(), "uid 0");
  EXPECT_EQ(field_of(text_in({{"actor", ""}}, "actor")), "actor");
}

TEST(Time, ReadsRfc3339) {
  EXPECT_EQ(parse_time("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(parse_time("1970-01-01T00:00:00.5Z"), 500);
  EXPECT_EQ(parse_time("1970-01-01T00:00:00.123999999Z"), 123);
  EXPECT_EQ(parse_time("1970-01-01T01:00:00+01:00"), 0);
  EXPECT_EQ(parse_time("1969-12-31t18:30:00-05:30"), 0);
  EXPECT_EQ(parse_time("2024-02-29 12:00:00z"), 1709208000000);
  EXPECT_EQ(utc_time(parse_time("2026-11-22T19:40:00.123Z").value()), "2026-11-22T19:40:00.123Z");
}

TEST(Time, RefusesWhatIsNoTime) {
  for (const char* text : {"",
                           "now",
                           "1700000000",
                           "2026-11-22",
                           "2026-11-22T19:40:00",
                           "2026-11-22T19:40Z",
                           "2026-13-01T00:00:00Z",
                           "2026-00-01T00:00:00Z",
                           "2026-02-29T00:00:00Z",
                           "2026-11-31T00:00:00Z",
                           "2026-11-22T24:00:00Z",
                           "2026-11-22T19:60:00Z",
                           "2026-11-22T19:40:60Z",
                           "2026-11-22T19:40:00.Z",
                           "2026-11-22T19:40:00 01:00",
                           "2026-11-22T19:40:00+0100",
                           "2026-11-22T19:40:00+24:00",
                           "2026-11-22T19:40:00+01:60",
                           "2026-11-22T19:40:00ZZ",
                           " 2026-11-22T19:40:00Z",
                           "26-11-22T19:40:00Z",
                           "-026-11-22T19:40:00Z",
                           "2026-1-22T19:40:00Z",
                           "2026/11/22T19:40:00Z",
                           "2026-11-22X19:40:00Z",
                           "20261122T194000Z",
                           "2026-11-22T19:40:00.1"})
    EXPECT_EQ(parse_time(text), std::nullopt) << text;
  EXPECT_EQ(field_of(time_in({{"from", "yesterday"}}, "from")), "from");
}

}  // namespace
}  // namespace npanel
