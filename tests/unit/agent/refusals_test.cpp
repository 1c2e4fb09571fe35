// SPDX-License-Identifier: Apache-2.0
#include "agent/refusals.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <cstring>

#include "api/codec.h"

namespace npanel {
namespace {

np_smtp_refusal refusal(uint32_t slot, const char* address, const char* comm = "perl") {
  np_smtp_refusal made{};
  made.slot = slot;
  made.pid = 4'194'303;  // no such process
  made.port = 25;
  made.family = std::strchr(address, ':') ? 6 : 4;
  made.verdict = NP_SMTP_DENIED;
  ::inet_pton(made.family == 6 ? AF_INET6 : AF_INET, address, made.address);
  std::memcpy(made.comm, comm, std::min(std::strlen(comm), sizeof(made.comm)));
  return made;
}

std::optional<std::string> only_bob(uint32_t slot) {
  return slot == 1 ? std::optional<std::string>("bob") : std::nullopt;
}

TEST(Refusals, WriteDestinationsAsPeopleDo) {
  EXPECT_EQ(destination(refusal(1, "192.0.2.1")), "192.0.2.1:25");
  EXPECT_EQ(destination(refusal(1, "2001:db8::1")), "[2001:db8::1]:25");
}

TEST(Refusals, BecomeOneEventWithACount) {
  Refusals refusals;
  for (int i = 0; i < 1000; ++i) refusals.add(refusal(1, "192.0.2.1"));
  const auto events = refusals.take(only_bob);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].account, "bob");
  EXPECT_EQ(events[0].kind, "smtp_denied");
  const Json detail = Json::parse(events[0].detail);
  EXPECT_EQ(detail["count"], 1000);
  EXPECT_EQ(detail["comm"], "perl");
  EXPECT_TRUE(detail["exe"].is_null());
  EXPECT_TRUE(refusals.take(only_bob).empty());
}

TEST(Refusals, CountThoseThatHadNoRecord) {
  Refusals refusals;
  refusals.add(refusal(1, "192.0.2.1"));
  np_smtp_refusal later = refusal(1, "192.0.2.1");
  later.missed = 998;
  refusals.add(later);
  EXPECT_EQ(Json::parse(refusals.take(only_bob).at(0).detail)["count"], 1000);
}

TEST(Refusals, OfADeletedAccountAreDropped) {
  Refusals refusals;
  refusals.add(refusal(2, "192.0.2.1"));
  EXPECT_TRUE(refusals.take(only_bob).empty());
}

TEST(Refusals, TakeAnyBytesAsACommandName) {
  Refusals refusals;
  refusals.add(refusal(1, "192.0.2.1", "\xff\"\n0123456789abcdef"));
  const auto events = refusals.take(only_bob);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_FALSE(Json::parse(events[0].detail, nullptr, false).is_discarded());
}

}  // namespace
}  // namespace npanel
