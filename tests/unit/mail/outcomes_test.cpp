// SPDX-License-Identifier: Apache-2.0
// What lines of real MTAs say: tests/data/*.jsonl, one line and its class each. "ID" stands for what comes before.
#include <gtest/gtest.h>

#include <fstream>
#include <iomanip>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "mail/delivery_log.h"

namespace npanel {
namespace {

const std::string kExim = "2026-11-25 19:00:00 1rABCD-0003Fk-2x";
const std::string kPostfix = "Nov 25 19:00:00 host postfix/smtp[123]: 4BCdEF0123";

struct Case {
  std::string line;
  Outcome wanted;
};

std::vector<Case> cases(const std::string& file) {
  std::ifstream lines(NPANEL_SOURCE_DIR "/tests/data/" + file);
  std::vector<Case> all;
  for (std::string text; std::getline(lines, text);) {
    const auto json = nlohmann::json::parse(text);
    std::string line = json["line"];
    if (line.starts_with("ID")) line.replace(0, 2, json["mta"] == "exim" ? kExim : kPostfix);
    all.push_back({.line = line, .wanted = parse_outcome(json["class"].get<std::string>()).value()});
  }
  return all;
}

using Confusion = std::map<Outcome, std::map<Outcome, int>>;

void print(const Confusion& confusion) {
  constexpr int kWide = 20;
  std::cout << std::setw(kWide) << "is \\ taken for";
  for (const Outcome outcome : kAllOutcomes) std::cout << std::setw(kWide) << to_string(outcome);
  for (const auto& [wanted, row] : confusion) {
    std::cout << "\n" << std::setw(kWide) << to_string(wanted);
    for (const Outcome outcome : kAllOutcomes)
      std::cout << std::setw(kWide) << (row.contains(outcome) ? row.at(outcome) : 0);
  }
  std::cout << "\n";
}

// The percentage that is right; what is wrong is told.
double right_percent(const std::string& file) {
  Confusion confusion;
  double right = 0;
  const auto all = cases(file);
  for (const Case& each : all) {
    const auto delivery = parse_delivery(each.line);
    const Outcome got = delivery ? verdict_of(delivery->facts).outcome : Outcome::unclear;
    ++confusion[each.wanted][got];
    if (got == each.wanted)
      ++right;
    else
      std::cout << to_string(got) << ", and not " << to_string(each.wanted) << ": " << each.line << "\n";
  }
  print(confusion);
  return all.empty() ? 0 : 100 * right / static_cast<double>(all.size());
}

TEST(Outcomes, OfSixHundredLinesNinetyNineInAHundredAreRight) {
  EXPECT_GE(cases("outcomes.jsonl").size(), 500U);
  EXPECT_GE(right_percent("outcomes.jsonl"), 99);
}

TEST(Outcomes, OfTheFieldAreAllRight) {
  EXPECT_GE(cases("field_outcomes.jsonl").size(), 13U);
  EXPECT_EQ(right_percent("field_outcomes.jsonl"), 100);
}

TEST(Outcomes, NamesAreNoOpinions) {
  EXPECT_EQ(answer_words(
                "550-5.1.1 <spam@virus.example>... [198.51.100.7]:25 isn't on our block-list\\n550 zen.spamhaus.org"),
            " address ip isnt on our block list blocklist ");
  EXPECT_EQ(answer_words("see https://bl.example/q and https://help.example/spam or http://x.example/?ip=198.51.100.7"),
            " see blocklist and url or blocklist ");
}

TEST(Outcomes, WordsAreBoundedWhateverIsAnswered) {
  EXPECT_LE(answer_words(std::string(1'000'000, 'x')).size(), 384U);
  std::string many;
  for (int i = 0; i < 100'000; ++i) many += "a ";
  EXPECT_LE(answer_words(many).size(), 384U);
  EXPECT_EQ(answer_words(""), " ");
}

TEST(Outcomes, TheServersFaultHasAKind) {
  const auto fault = [](const std::string& answer) {
    const auto delivery = parse_delivery(
        kExim +
        " ** x@y.example R=r T=t H=mx [192.0.2.9]: SMTP error from remote mail server after RCPT TO:<x@y.example>: " +
        answer);
    return verdict_of(delivery->facts).fault;
  };
  EXPECT_EQ(fault("550 198.51.100.7 is in a block list"), ServerFault::reputation);
  EXPECT_EQ(fault("550 5.7.1 Relaying denied"), ServerFault::relay);
  EXPECT_EQ(fault("421 too many connections"), ServerFault::load);
  EXPECT_EQ(fault("550 5.1.1 no such user"), ServerFault::none);
}

}  // namespace
}  // namespace npanel
