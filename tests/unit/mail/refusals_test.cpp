// SPDX-License-Identifier: Apache-2.0
#include "mail/refusals.h"

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

// Who is asked at once says nothing.
void see_nothing(const np_smtp_refusal&, const Seen& found) {
  found({.missing = "gone"});
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
  for (int i = 0; i < 1000; ++i) refusals.add(refusal(1, "192.0.2.1"), see_nothing);
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
  refusals.add(refusal(1, "192.0.2.1"), see_nothing);
  np_smtp_refusal later = refusal(1, "192.0.2.1");
  later.missed = 998;
  refusals.add(later, see_nothing);
  EXPECT_EQ(Json::parse(refusals.take(only_bob).at(0).detail)["count"], 1000);
}

// Keeps the question until the test answers.
struct Later {
  std::vector<Seen> asked;
  Look look() {
    return [this](const np_smtp_refusal&, Seen found) { asked.push_back(std::move(found)); };
  }
};

TEST(Refusals, WaitForTheirEvidenceAndCountOn) {
  Refusals refusals;
  Later later;
  refusals.add(refusal(1, "192.0.2.1"), later.look());
  EXPECT_TRUE(refusals.take(only_bob).empty());
  refusals.add(refusal(1, "192.0.2.1"), later.look());
  ASSERT_EQ(later.asked.size(), 1U) << "about the first one only";
  later.asked[0]({.exe = "/usr/bin/perl", .parents = {{.pid = "1", .comm = "init", .exe = {}}}});
  const Json detail = Json::parse(refusals.take(only_bob).at(0).detail);
  EXPECT_EQ(detail["count"], 2);
  EXPECT_EQ(detail["exe"], "/usr/bin/perl");
  EXPECT_EQ(detail["parents"], (Json{{{"pid", 1}, {"comm", "init"}, {"exe", nullptr}}}));
  EXPECT_TRUE(detail["evidence_missing"].is_null());
  EXPECT_EQ(refusals.evidence_missing(), 0U);
}

TEST(Refusals, SayWhatTheKernelSawAndWhyTheRestIsMissing) {
  Refusals refusals;
  np_smtp_refusal one = refusal(1, "192.0.2.1");
  one.parent_pid = 7;
  std::memcpy(one.parent_comm, "php-fpm", 8);
  std::memcpy(one.program, "perl5.36", 9);
  refusals.add(one, [](const np_smtp_refusal&, const Seen& found) { found({.missing = "late"}); });
  const Json detail = Json::parse(refusals.take(only_bob).at(0).detail);
  EXPECT_EQ(detail["program"], "perl5.36");
  EXPECT_EQ(detail["parent"], (Json{{"pid", 7}, {"comm", "php-fpm"}}));
  EXPECT_TRUE(detail["command"].is_null());
  EXPECT_EQ(detail["evidence_missing"], "late");
  EXPECT_EQ(refusals.evidence_missing(), 1U);
}

TEST(Refusals, EvidenceThatComesTooLateIsNotTheNextOnes) {
  Refusals refusals;
  Later later;
  refusals.add(refusal(1, "192.0.2.1"), later.look());
  EXPECT_EQ(refusals.take(only_bob, true).size(), 1U) << "all";
  refusals.add(refusal(1, "192.0.2.1"), later.look());
  later.asked[0]({.exe = "/usr/bin/innocent"});
  EXPECT_TRUE(refusals.take(only_bob).empty());
  later.asked[1]({.exe = "/usr/bin/perl"});
  EXPECT_EQ(Json::parse(refusals.take(only_bob).at(0).detail)["exe"], "/usr/bin/perl");
}

TEST(Refusals, OfADeletedAccountAreDropped) {
  Refusals refusals;
  refusals.add(refusal(2, "192.0.2.1"), see_nothing);
  EXPECT_TRUE(refusals.take(only_bob).empty());
}

TEST(Refusals, TakeAnyBytesAsACommandName) {
  Refusals refusals;
  refusals.add(refusal(1, "192.0.2.1", "\xff\"\n0123456789abcdef"), see_nothing);
  const auto events = refusals.take(only_bob);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_FALSE(Json::parse(events[0].detail, nullptr, false).is_discarded());
}

}  // namespace
}  // namespace npanel
