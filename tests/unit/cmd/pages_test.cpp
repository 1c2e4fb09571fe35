// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/pages.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <vector>

namespace npanel {
namespace {

using nlohmann::json;

// An agent whose answers are known beforehand; it keeps the paths it was asked for.
class Pages : public testing::Test {
 protected:
  Result<Response> gather_all(std::vector<Response> answers, const Paging& paging, const std::string& path = "/list") {
    const Sender send = [this, answers = std::move(answers)](const Request& request) -> Result<Response> {
      asked_.push_back(request.path);
      if (asked_.size() > answers.size()) return failure("nobody answers");
      return answers[asked_.size() - 1];
    };
    return gather(send, {"GET", path, {}}, paging);
  }

  static Response page(const json& items, const json& next) {
    return {.status = 200, .body = json{{"items", items}, {"next", next}}.dump()};
  }

  using Paths = std::vector<std::string>;
  const Paging all_{.list = "items", .goes_on = "after"};
  Paths asked_;
};

TEST_F(Pages, BecomeOneDocument) {
  const auto answer = gather_all({page({1, 2}, "b_o-b"), page({3}, "carl"), page({4}, nullptr)}, all_);
  ASSERT_TRUE(answer);
  EXPECT_EQ(json::parse(answer->body), json::parse(R"({"items": [1, 2, 3, 4], "next": null})"));
  EXPECT_EQ(asked_, (Paths{"/list?limit=1000", "/list?limit=1000&after=b_o-b", "/list?limit=1000&after=carl"}));
}

TEST_F(Pages, OneOfThemIsTheAnswerAsItCame) {
  const std::string body = "{ \"items\": [],\n \"zeta\": 1, \"alpha\": 2}";
  EXPECT_EQ(gather_all({{.status = 200, .body = body}}, all_)->body, body);
}

TEST_F(Pages, StopWhenAsManyAsWantedAreThere) {
  const Paging some{.list = "items", .goes_on = "below", .most = 1500};
  json thousand = json::array();
  json half = json::array();
  for (int i = 0; i < 1000; ++i) thousand.push_back(i);
  for (int i = 0; i < 500; ++i) half.push_back(i);
  const auto answer = gather_all({page(thousand, 8001), page(half, 7501)}, some, "/list?account=bob");
  EXPECT_EQ(json::parse(answer->body)["items"].size(), 1500U);
  EXPECT_EQ(json::parse(answer->body)["next"], 7501) << "where one may go on";
  EXPECT_EQ(asked_, (Paths{"/list?account=bob&limit=1000", "/list?account=bob&limit=500&below=8001"}));
}

TEST_F(Pages, NextIsPercentEncoded) {
  (void)gather_all({page({1}, "a&b=c"), page({2}, nullptr)}, all_);
  EXPECT_EQ(asked_.at(1), "/list?limit=1000&after=a%26b%3Dc");
}

TEST_F(Pages, RefusalOfALaterPageIsTheAnswer) {
  const auto answer = gather_all({page({1}, "b"), {.status = 503, .body = "busy", .request_id = "7"}}, all_);
  EXPECT_EQ(answer->status, 503);
  EXPECT_EQ(answer->body, "busy");
}

TEST_F(Pages, PageThatDoesNotComeIsAnError) {
  EXPECT_EQ(gather_all({page({1}, "b")}, all_).error().text, "nobody answers");
}

TEST_F(Pages, AnswerWithoutTheListIsAnError) {
  for (const char* body : {"", "{", "[]", "{}", R"({"items": 3})", R"({"items": null})"}) {
    asked_.clear();
    const auto answer = gather_all({{.status = 200, .body = body}}, all_);
    ASSERT_FALSE(answer) << body;
    EXPECT_NE(answer.error().text.find("no list \"items\""), std::string::npos) << answer.error().text;
  }
}

TEST_F(Pages, AgentThatNeverEndsIsLeftAtItsFirstEmptyPage) {
  const auto answer = gather_all({page({1}, "b"), page(json::array(), "b"), page({2}, nullptr)}, all_);
  EXPECT_EQ(json::parse(answer->body)["items"], json::array({1}));
  EXPECT_EQ(asked_.size(), 2U);
}

}  // namespace
}  // namespace npanel
