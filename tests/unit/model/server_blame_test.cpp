// SPDX-License-Identifier: Apache-2.0
#include "model/server_blame.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

namespace npanel {
namespace {

constexpr int64_t kNow = 1'000'000;
constexpr uint32_t kDestinations = 10;

class ServerBlame : public testing::Test {
 protected:
  DeliveryHour& account() { return hours_.emplace_back(); }
  void met(DeliveryHour& hour, uint32_t destination, Verdict verdict, int times) {
    for (int i = 0; i < times; ++i)
      hour.add({.at_s = kNow, .id = ++ids_, .destination = destination, .verdict = verdict, .decided = true});
  }
  void met(DeliveryHour& hour, uint32_t destination, Outcome outcome, int times) {
    met(hour, destination, Verdict{.outcome = outcome}, times);
  }
  [[nodiscard]] ServerJudgement judge() const {
    std::vector<const DeliveryHour*> all;
    for (const DeliveryHour& hour : hours_) all.push_back(&hour);
    return judge_server(all, kDestinations, kNow);
  }
  bool blames(Trouble trouble) const {
    const auto blames = judge().blames;
    return std::ranges::find(blames, trouble, &Blame::trouble) != blames.end();
  }

  std::deque<DeliveryHour> hours_;
  uint64_t ids_ = 0;
  static constexpr Verdict kListed{.outcome = Outcome::server, .fault = ServerFault::reputation};
};

TEST_F(ServerBlame, ABlockListOfManyDestinationsIsOneTrouble) {
  for (int i = 0; i < 20; ++i) {
    DeliveryHour& hour = account();
    for (uint32_t destination = 1; destination < 6; ++destination) met(hour, destination, kListed, 2);
  }
  const ServerJudgement judgement = judge();
  ASSERT_EQ(judgement.blames.size(), 1U);
  EXPECT_EQ(judgement.blames[0].trouble, Trouble::reputation);
  EXPECT_EQ(judgement.blames[0].senders, 20U);
  EXPECT_EQ(judgement.blames[0].recipients, 200U);
  EXPECT_EQ(judgement.blames[0].destinations.size(), 3U);
}

TEST_F(ServerBlame, WhatMeetsMostSendersAtADestinationIsExcusedThere) {
  for (int i = 0; i < 6; ++i) {
    DeliveryHour& hour = account();
    met(hour, 1, Outcome::content, 3);
    met(hour, 2, Outcome::accepted, 30);
  }
  const ServerJudgement judgement = judge();
  EXPECT_TRUE(judgement.excuses.has(1, Outcome::content));
  EXPECT_FALSE(judgement.excuses.has(2, Outcome::content));
  EXPECT_FALSE(judgement.excuses.has(1, Outcome::unknown_recipient));
  ASSERT_EQ(judgement.blames.size(), 1U);
  EXPECT_EQ(judgement.blames[0].destinations, (std::vector<uint32_t>{1}));
}

TEST_F(ServerBlame, OneWhoInventsAddressesIsNotExcusedByAFewMistakesOfOthers) {
  met(account(), 1, Outcome::unknown_recipient, 500);
  for (int i = 0; i < 100; ++i) {
    DeliveryHour& hour = account();
    met(hour, 1, Outcome::accepted, 10);
    met(hour, 1, Outcome::unknown_recipient, 1);
  }
  EXPECT_TRUE(judge().blames.empty());
  EXPECT_FALSE(judge().excuses.has(1, Outcome::unknown_recipient));
}

TEST_F(ServerBlame, AFewAccountsTogetherExcuseNobodysUnwantedMail) {
  for (int i = 0; i < 4; ++i) met(account(), 1, Outcome::content, 50);
  EXPECT_TRUE(judge().blames.empty());
}

TEST_F(ServerBlame, AMissingKeyIsOfTheServerWhereThreeOfFourMeetIt) {
  for (int i = 0; i < 3; ++i) met(account(), 1, Outcome::authentication, 2);
  met(account(), 1, Outcome::accepted, 2);
  EXPECT_TRUE(blames(Trouble::authentication));
  met(account(), 1, Outcome::accepted, 2);
  EXPECT_FALSE(blames(Trouble::authentication)) << "three of five";
}

TEST_F(ServerBlame, ABlockListIsToldWhoeverMeetsIt) {
  DeliveryHour& hour = account();
  for (int i = 0; i < 9; ++i) met(account(), 1, Outcome::accepted, 9);
  met(hour, 2, kListed, 4);
  EXPECT_FALSE(blames(Trouble::reputation));
  met(hour, 2, kListed, 1);
  EXPECT_TRUE(blames(Trouble::reputation));
}

TEST_F(ServerBlame, ADestinationThatNobodyElseSendsToIsNoTrouble) {
  met(account(), 1, Verdict{.outcome = Outcome::server, .fault = ServerFault::unreachable}, 50);
  EXPECT_TRUE(judge().blames.empty());
}

TEST_F(ServerBlame, WhatIsOlderThanAnHourIsForgotten) {
  for (int i = 0; i < 9; ++i)
    account().add({.at_s = kNow - 3601, .id = 1, .destination = 1, .verdict = kListed, .decided = true});
  EXPECT_TRUE(judge().blames.empty());
}

TEST_F(ServerBlame, EachTroubleHasANameAndARemedy) {
  for (const Trouble trouble : kAllTroubles) {
    EXPECT_FALSE(to_string(trouble).empty());
    EXPECT_FALSE(description(trouble).empty());
    EXPECT_FALSE(remedy(trouble).empty());
  }
}

}  // namespace
}  // namespace npanel
