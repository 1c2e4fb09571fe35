// SPDX-License-Identifier: Apache-2.0
#include "base/digest.h"

#include <gtest/gtest.h>

#include <set>

namespace npanel {
namespace {

TEST(Digest, IsThatOfFips180) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Digest, RandomTextsAre43CharactersOfBase64urlAndNeverTheSame) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string text = random_text().value();
    EXPECT_EQ(text.size(), 43U);
    EXPECT_EQ(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
              std::string::npos);
    EXPECT_TRUE(seen.insert(text).second);
  }
}

TEST(Digest, SecretsAreTheSameOnlyWhenEveryByteIs) {
  EXPECT_TRUE(same_secret("", ""));
  EXPECT_TRUE(same_secret("npt_a", "npt_a"));
  EXPECT_FALSE(same_secret("npt_a", "npt_b"));
  EXPECT_FALSE(same_secret("npt_a", "npt_aa"));
}

}  // namespace
}  // namespace npanel
