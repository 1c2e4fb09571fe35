// SPDX-License-Identifier: Apache-2.0
#include "model/contact.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

TEST(Contact, TakesAddressesThatPeopleHave) {
  for (const char* text : {"owner@example.com", "first.last+tag@mail.example.co.uk", "root@localhost", "o'neil@x.de"})
    EXPECT_TRUE(is_email(text)) << text;
}

TEST(Contact, RefusesWhatAMailerOrAHeaderCouldMisread) {
  for (const char* text : {"",
                           "@",
                           "bob",
                           "bob@",
                           "@x.de",
                           "a b@x.de",
                           "bob@x..de",
                           "bob.@x.de",
                           ".bob@x.de",
                           "bob@x.de.",
                           "-oMr@x.de",
                           "bob@x.de\nBcc: all@x.de",
                           "bob@x.de, eve@x.de",
                           "\"bob\"@x.de",
                           "bob@[127.0.0.1]",
                           "bob@@x.de",
                           "b<ob@x.de",
                           "\xc3\xb6@x.de",
                           "|/bin/sh@x.de/../",
                           "bob@x/y"})
    EXPECT_FALSE(is_email(text)) << text;
  EXPECT_FALSE(is_email(std::string(65, 'a') + "@x.de"));
  EXPECT_FALSE(is_email("a@" + std::string(64, 'x') + ".de"));
  std::string labels;
  for (int i = 0; i < 130; ++i) labels += "a.";
  EXPECT_FALSE(is_email("a@" + labels + "de"));
}

TEST(Contact, ALanguageIsNeverAPath) {
  for (const char* text : {"en", "de", "pt-BR", "gsw"}) EXPECT_TRUE(is_language(text)) << text;
  for (const char* text : {"", "e", "EN", "english", "de_DE", "de-de", "de-", "../", "..", "de/../x", "d\n"})
    EXPECT_FALSE(is_language(text)) << text;
}

TEST(Contact, TheErrorNamesTheField) {
  EXPECT_TRUE(check(Contact{}));
  EXPECT_EQ(check({.email = "x", .language = {}}).error().field, "contact.email");
  EXPECT_EQ(check({.email = {}, .language = "x"}).error().field, "contact.language");
}

}  // namespace
}  // namespace npanel
