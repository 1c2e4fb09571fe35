// SPDX-License-Identifier: Apache-2.0
#include "agent/unattributed_book.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

constexpr size_t at(Nobody why) {
  return static_cast<size_t>(why);
}
constexpr size_t at(NobodyAnswer answer) {
  return static_cast<size_t>(answer);
}

TEST(UnattributedBook, CountsByReasonAndAnswer) {
  UnattributedBook book;
  book.add({}, {.why = Nobody::login}, NobodyAnswer::accepted, true, 1);
  book.add({}, {.why = Nobody::login}, NobodyAnswer::deferred, true, 2);
  book.add({}, {.why = Nobody::outside}, NobodyAnswer::passed, true, 3);
  book.add({}, {.why = Nobody::outside}, NobodyAnswer::passed, false, 4);
  book.add({}, {.why = Nobody::login}, NobodyAnswer::deferred, false, 5);
  EXPECT_EQ(book.counts()[at(Nobody::login)][at(NobodyAnswer::accepted)], 1U);
  EXPECT_EQ(book.counts()[at(Nobody::login)][at(NobodyAnswer::deferred)], 2U);
  EXPECT_EQ(book.counts()[at(Nobody::outside)][at(NobodyAnswer::passed)], 1U) << "who only asks will ask again";
  EXPECT_EQ(book.deferred_ms(), 5);
}

TEST(UnattributedBook, RemembersTheNewestOnceEach) {
  UnattributedBook book;
  for (int i = 0; i < 30; ++i)
    book.add({.sasl_username = "login" + std::to_string(i)}, {.why = Nobody::login}, NobodyAnswer::accepted, true, i);
  book.add({.sasl_username = "LOGIN15", .sender = "x@a.example"}, {.why = Nobody::login}, NobodyAnswer::deferred, true,
           99);
  const auto newest = book.newest();
  ASSERT_EQ(newest.size(), UnattributedBook::kNewest);
  EXPECT_EQ(newest[0].login, "login15");
  EXPECT_EQ(newest[0].sender, "x@a.example");
  EXPECT_EQ(newest[0].messages, 1U);
  EXPECT_EQ(newest[0].deferred, 1U);
  EXPECT_EQ(newest[0].last_ms, 99);
  EXPECT_EQ(newest[1].login, "login29");
  EXPECT_EQ(newest.back().login, "login10");
}

TEST(UnattributedBook, TellsApartByWhatAnAdministratorWouldAttribute) {
  UnattributedBook book;
  const auto add = [&](const PolicyRequest& request, Nobody why, std::optional<uid_t> uid = {}) {
    book.add(request, {.why = why, .uid = uid}, NobodyAnswer::accepted, true, 1);
  };
  for (const char* sender : {"a@x.example", "b@y.example"}) {
    add({.sasl_username = "scanner", .sender = sender}, Nobody::login);
    add({.sender = sender}, Nobody::process, 33);
    add({.sender = sender, .client_address = "127.0.0.1"}, Nobody::unknown);
    add({.sender = sender, .client_address = "198.51.100.7"}, Nobody::relay);
    add({.sender = sender, .client_address = "203.0.113.9"}, Nobody::outside);
  }
  EXPECT_EQ(book.newest().size(), 5U) << "one of each, but of the relay one a domain, and none from outside";
}

TEST(UnattributedBook, KeepsNoMoreOfATextThanAnAddressHas) {
  UnattributedBook book;
  book.add({.sasl_username = std::string(5000, 'x')}, {.why = Nobody::login}, NobodyAnswer::accepted, true, 1);
  EXPECT_EQ(book.newest()[0].login.size(), 320U);
}

}  // namespace
}  // namespace npanel
