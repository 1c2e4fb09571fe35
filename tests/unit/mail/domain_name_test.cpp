// SPDX-License-Identifier: Apache-2.0
#include "mail/domain_name.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

TEST(DomainName, IsTheSameHoweverItIsWritten) {
  for (const char* text : {"xn--bcher-kva.example", "XN--BCHER-KVA.Example.", "bücher.example", "BÜCHER.EXAMPLE",
                           "bu\u0308cher.example", "bücher\u3002example", "ｂücher.example"})
    EXPECT_EQ(canonical_domain(text), "xn--bcher-kva.example") << text;
  EXPECT_EQ(canonical_domain("Bob.EXAMPLE."), "bob.example");
  EXPECT_EQ(canonical_domain("_dmarc.bob.example"), "_dmarc.bob.example");
  EXPECT_EQ(canonical_domain("faß.example"), "xn--fa-hia.example") << "and not fass.example, which is another domain";
}

TEST(DomainName, OfWhatIsNoneIsNone) {
  const std::string label(63, 'a');
  EXPECT_TRUE(canonical_domain(label + ".example"));
  for (const std::string& text :
       {std::string(), std::string("."), std::string("bob..example"), std::string(".bob.example"),
        std::string("bob.example.."), label + "a.example", label + "." + label + "." + label + "." + label,
        std::string("bob.example\0.ann.example", 24), std::string("b\xff.example"), std::string("\u2028.example"),
        std::string(63, '\xc3') + ".example"})
    EXPECT_EQ(canonical_domain(text), std::nullopt) << text;
}

}  // namespace
}  // namespace npanel
