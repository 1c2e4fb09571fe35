// SPDX-License-Identifier: Apache-2.0
#include "api/etag.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

constexpr const char* kHeader = "If-Match";

EtagList parsed(const char* value) {
  return parse_etags(kHeader, value).value();
}

TEST(Etag, IsTheSameForTheSameJsonOnly) {
  const std::string etag = etag_of(Json{{"a", 1}});
  EXPECT_EQ(etag.size(), 18u);
  EXPECT_EQ(etag, etag_of(Json{{"a", 1}}));
  EXPECT_NE(etag, etag_of(Json{{"a", 2}}));
}

TEST(Etag, MatchesAnyOfAList) {
  const EtagList list = parsed(R"( "a" ,W/"b","c,d" )");
  EXPECT_TRUE(list.matches(R"("a")"));
  EXPECT_TRUE(list.matches(R"("c,d")"));
  EXPECT_FALSE(list.matches(R"("b")"));
  EXPECT_TRUE(list.matches_weakly(R"("b")"));
  EXPECT_FALSE(list.matches_weakly(R"("e")"));
  EXPECT_TRUE(parsed(" * ").matches(R"("a")"));
}

TEST(Etag, RefusesWhatIsNoList) {
  for (const char* value : {"", " ", "a", "\"", "\"a", "a\"", "\"a\"b\"", "\"a\",", ",\"a\"", "\"a\" \"b\"", "w/\"a\"",
                            "W/a", "W/ \"a\"", "*,\"a\"", "**", "\"a b\"", "'a'", "\"a\";\"b\""}) {
    const auto list = parse_etags(kHeader, value);
    ASSERT_FALSE(list) << value;
    EXPECT_EQ(list.error().field, kHeader);
  }
}

}  // namespace
}  // namespace npanel
