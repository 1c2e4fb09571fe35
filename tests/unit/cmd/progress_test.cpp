// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/progress.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cmd/npanelctl/format.h"

namespace npanel {
namespace {

using nlohmann::json;

const json kJob = {{"kind", "apply"}, {"state", "running"},  {"percent", 27.9}, {"stage", "account 1395 of 5000"},
                   {"done", 1395},    {"eta_seconds", 12.4}, {"total", 5000}};

json job_with(const char* name, const json& value) {
  json job = kJob;
  job[name] = value;
  return job;
}

TEST(Progress, LineOfATerminalHasBarPercentStageAndTimeLeft) {
  EXPECT_EQ(progress_line(kJob, 80, false), "[#####               ]   27%  account 1395 of 5000  12 s left");
}

TEST(Progress, NarrowTerminalLosesTheBarThenTheTimeThenTheStage) {
  EXPECT_EQ(progress_line(kJob, 50, false), "[##        ]   27%  account 1395 of 50  12 s left");
  EXPECT_EQ(progress_line(kJob, 30, false), " 27%  account 1395  12 s left");
  EXPECT_EQ(progress_line(kJob, 16, false), " 27%  12 s left");
  EXPECT_EQ(progress_line(kJob, 12, false), " 27%  accou");
  EXPECT_EQ(progress_line(kJob, 5, false), " 27%");
  EXPECT_EQ(progress_line(kJob, 0, false), "");
}

TEST(Progress, LineIsShorterThanTheTerminalWhateverItsWidth) {
  const json job = job_with("stage", "dossier d'été de l'hébergé, numéro quarante-deux mille, et ainsi de suite…");
  for (size_t columns = 1; columns < 200; ++columns) EXPECT_LT(progress_line(job, columns, false).size(), columns);
}

TEST(Progress, NoCharacterIsCutInTwo) {
  const json job = job_with("stage", "éééééééééééé");
  for (size_t columns = 1; columns < 40; ++columns)
    EXPECT_NO_THROW((void)json(progress_line(job, columns, false)).dump()) << "UTF-8 is checked; columns " << columns;
}

TEST(Progress, OnlyTheBarIsColoured) {
  const std::string plain = progress_line(kJob, 80, false);
  std::string coloured = progress_line(kJob, 80, true);
  EXPECT_TRUE(coloured.starts_with("[\x1b[32m#####\x1b[0m "));
  coloured.erase(1, 5).erase(6, 4);
  EXPECT_EQ(coloured, plain);
  EXPECT_EQ(plain.find('\x1b'), std::string::npos);
}

TEST(Progress, WhatIsNotKnownIsLeftOut) {
  EXPECT_EQ(progress_text(job_with("eta_seconds", nullptr)), " 27%  account 1395 of 5000");
  EXPECT_EQ(progress_text({{"state", "running"}, {"percent", 0}, {"stage", ""}}), "  0%");
  EXPECT_EQ(progress_text({{"percent", "much"}, {"eta_seconds", -5}}), "  0%  0 s left");
  EXPECT_EQ(progress_text({{"percent", 250}}), "100%");
}

TEST(Progress, WhatIsNotDoneIsNotAtHundredPercent) {
  EXPECT_EQ(progress_text({{"percent", 99.99}}), " 99%");
}

TEST(Progress, StageReachesTheTerminalWithoutControlCharacters) {
  EXPECT_EQ(progress_text(job_with("stage", "a\x1b[2J\nb")), " 27%  a?[2J?b  12 s left");
}

TEST(Progress, MilestoneIsATenthOrAnotherStageAndNotEachCount) {
  Milestones milestones;
  const auto reached = [&milestones](double percent, const char* stage) {
    return milestones.reached({{"percent", percent}, {"stage", stage}});
  };
  EXPECT_TRUE(reached(0, "account 1 of 500"));
  EXPECT_FALSE(reached(1, "account 5 of 500"));
  EXPECT_FALSE(reached(9.9, "account 49 of 500"));
  EXPECT_TRUE(reached(10, "account 50 of 500"));
  EXPECT_TRUE(reached(10, "writing"));
  EXPECT_FALSE(reached(10, "writing"));
}

TEST(Progress, OutcomeIsOneSentence) {
  EXPECT_EQ(outcome({{"kind", "backup"}, {"state", "done"}, {"result", "/var/lib/x.db"}}), "backup: /var/lib/x.db");
  EXPECT_EQ(outcome({{"kind", "backup"}, {"state", "done"}, {"result", ""}}), "backup: done");
  EXPECT_EQ(outcome({{"kind", "drain"}, {"state", "failed"}, {"result", "2 processes\x1bleft"}}),
            "drain failed: 2 processes?left");
  EXPECT_EQ(outcome({{"kind", "drain"}, {"state", "cancelled"}}), "drain cancelled: cancelled");
}

TEST(Progress, LogTailIsItsLastTenLines) {
  json log = json::array();
  for (int i = 1; i <= 12; ++i) log.push_back("line " + std::to_string(i));
  const std::string tail = log_tail({{"log", log}});
  EXPECT_TRUE(tail.starts_with("  line 3\n"));
  EXPECT_TRUE(tail.ends_with("  line 12\n"));
  EXPECT_EQ(log_tail({{"log", json::array()}}), "");
  EXPECT_EQ(log_tail({{"log", "text"}}), "");
  EXPECT_EQ(log_tail(json::object()), "");
}

TEST(Progress, DurationsAreSaidInTwoUnits) {
  EXPECT_EQ(human_duration(0.4), "0 s");
  EXPECT_EQ(human_duration(59.6), "1 min 0 s");
  EXPECT_EQ(human_duration(185), "3 min 5 s");
  EXPECT_EQ(human_duration(7380), "2 h 3 min");
  EXPECT_EQ(human_duration(-1), "0 s");
}

}  // namespace
}  // namespace npanel
