// SPDX-License-Identifier: Apache-2.0
#include "mail/unattributed_stats.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

constexpr size_t at(Nobody why) {
  return static_cast<size_t>(why);
}
constexpr size_t at(NobodyAnswer answer) {
  return static_cast<size_t>(answer);
}

TEST(UnattributedStats, CountsByReasonAndAnswer) {
  UnattributedStats stats;
  stats.add({}, {.why = Nobody::login}, NobodyAnswer::accepted, true, 1);
  stats.add({}, {.why = Nobody::login}, NobodyAnswer::deferred, true, 2);
  stats.add({}, {.why = Nobody::outside}, NobodyAnswer::passed, true, 3);
  stats.add({}, {.why = Nobody::outside}, NobodyAnswer::passed, false, 4);
  stats.add({}, {.why = Nobody::login}, NobodyAnswer::deferred, false, 5);
  EXPECT_EQ(stats.counts()[at(Nobody::login)][at(NobodyAnswer::accepted)], 1U);
  EXPECT_EQ(stats.counts()[at(Nobody::login)][at(NobodyAnswer::deferred)], 2U);
  EXPECT_EQ(stats.counts()[at(Nobody::outside)][at(NobodyAnswer::passed)], 1U) << "who only asks will ask again";
  EXPECT_EQ(stats.deferred_ms(), 5);
}

TEST(UnattributedStats, RemembersTheNewestOnceEach) {
  UnattributedStats stats;
  for (int i = 0; i < 30; ++i)
    stats.add({.sasl_username = "login" + std::to_string(i)}, {.why = Nobody::login}, NobodyAnswer::accepted, true, i);
  stats.add({.sasl_username = "LOGIN15", .sender = "x@a.example"}, {.why = Nobody::login}, NobodyAnswer::deferred, true,
            99);
  const auto newest = stats.newest();
  ASSERT_EQ(newest.size(), UnattributedStats::kNewest);
  EXPECT_EQ(newest[0].login, "login15");
  EXPECT_EQ(newest[0].sender, "x@a.example");
  EXPECT_EQ(newest[0].messages, 1U);
  EXPECT_EQ(newest[0].deferred, 1U);
  EXPECT_EQ(newest[0].last_ms, 99);
  EXPECT_EQ(newest[1].login, "login29");
  EXPECT_EQ(newest.back().login, "login10");
}

TEST(UnattributedStats, TellsApartByWhatAnAdministratorWouldAttribute) {
  UnattributedStats stats;
  const auto add = [&](const PolicyRequest& request, Nobody why, std::optional<uid_t> uid = {}) {
    stats.add(request, {.why = why, .uid = uid}, NobodyAnswer::accepted, true, 1);
  };
  for (const char* sender : {"a@x.example", "b@y.example"}) {
    add({.sasl_username = "scanner", .sender = sender}, Nobody::login);
    add({.sender = sender}, Nobody::process, 33);
    add({.sender = sender, .client_address = "127.0.0.1"}, Nobody::unknown);
    add({.sender = sender, .client_address = "198.51.100.7"}, Nobody::relay);
    add({.sender = sender, .client_address = "203.0.113.9"}, Nobody::outside);
  }
  EXPECT_EQ(stats.newest().size(), 5U) << "one of each, but of the relay one a domain, and none from outside";
}

TEST(UnattributedStats, KeepsNoMoreOfATextThanAnAddressHas) {
  UnattributedStats stats;
  stats.add({.sasl_username = std::string(5000, 'x')}, {.why = Nobody::login}, NobodyAnswer::accepted, true, 1);
  EXPECT_EQ(stats.newest()[0].login.size(), 320U);
}

}  // namespace
}  // namespace npanel
