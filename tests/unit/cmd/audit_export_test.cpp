// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/audit_export.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace npanel {
namespace {

using nlohmann::json;

json entry_with(const char* name, const json& value) {
  json entry{{"id", 7},          {"time", "2026-11-22T19:40:00.000Z"},
             {"actor", "root"},  {"source", "cli"},
             {"action", "a.b"},  {"account", nullptr},
             {"target", ""},     {"before", nullptr},
             {"after", nullptr}, {"result", "ok"},
             {"duration_us", 5}, {"request_id", "r"}};
  entry[name] = value;
  return entry;
}

// What the record has in the place of the empty target.
std::string target_cell(const json& value) {
  const std::string record = csv_record(entry_with("target", value));
  const std::string front = "7,2026-11-22T19:40:00.000Z,root,cli,a.b,,";
  const std::string back = ",,,ok,5,r\r\n";
  if (!record.starts_with(front) || !record.ends_with(back)) return "not a record: " + record;
  return record.substr(front.size(), record.size() - front.size() - back.size());
}

TEST(AuditExport, WritesARecordForEachEntryUnderTheHeader) {
  EXPECT_EQ(csv_header(), "id,time,actor,source,action,account,target,before,after,result,duration_us,request_id\r\n");
  EXPECT_EQ(csv_record(entry_with("account", "bob")), "7,2026-11-22T19:40:00.000Z,root,cli,a.b,bob,,,,ok,5,r\r\n");
  EXPECT_EQ(csv_record(entry_with("before", {{"pids_max", 10}})),
            "7,2026-11-22T19:40:00.000Z,root,cli,a.b,,,\"{\"\"pids_max\"\":10}\",,ok,5,r\r\n");
}

TEST(AuditExport, QuotesWhatRfc4180WantsQuoted) {
  EXPECT_EQ(target_cell("plain text"), "plain text");
  EXPECT_EQ(target_cell("a,b"), "\"a,b\"");
  EXPECT_EQ(target_cell("say \"no\""), "\"say \"\"no\"\"\"");
  EXPECT_EQ(target_cell("two\nlines"), "\"two\nlines\"");
  EXPECT_EQ(target_cell("two\r\nlines"), "\"two\r\nlines\"");
}

TEST(AuditExport, TakesTheEdgeOffFormulas) {
  EXPECT_EQ(target_cell("=1+2"), "'=1+2");
  EXPECT_EQ(target_cell("+1"), "'+1");
  EXPECT_EQ(target_cell("-1"), "'-1");
  EXPECT_EQ(target_cell("@SUM(A1)"), "'@SUM(A1)");
  EXPECT_EQ(target_cell("\t=1"), "'\t=1");
  EXPECT_EQ(target_cell("\r=1"), "\"'\r=1\"");
  EXPECT_EQ(target_cell("=HYPERLINK(\"x\",1)"), "\"'=HYPERLINK(\"\"x\"\",1)\"");
  EXPECT_EQ(target_cell("1=1"), "1=1");
  EXPECT_EQ(target_cell(-5), "-5") << "a number is no formula";
}

TEST(AuditExport, WritesOneObjectALine) {
  const std::string line = json_line(entry_with("target", "two\nlines"));
  EXPECT_EQ(std::ranges::count(line, '\n'), 1);
  EXPECT_EQ(json::parse(line), entry_with("target", "two\nlines"));
}

}  // namespace
}  // namespace npanel
