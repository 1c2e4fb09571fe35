// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "cmd/npanelctl/commands.h"

namespace npanel {
namespace {

using Words = std::vector<std::string>;

std::expected<Command, int> parse(Words words) {
  words.insert(words.begin(), "npanelctl");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  return parse_command_line(static_cast<int>(argv.size()), argv.data());
}

// The only request of a line that is understood: "PATCH /path body".
std::string asked(const Words& words) {
  const auto command = parse(words);
  if (!command || command->errands.size() != 1) return "not one request";
  const Request& request = command->errands[0].request;
  return request.method + " " + request.path + (request.body ? " " + *request.body : "");
}

// What is wrong with the line.
std::string complaint(const Words& words) {
  testing::internal::CaptureStderr();
  const auto command = parse(words);
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_FALSE(command.has_value());
  EXPECT_EQ(command ? 0 : command.error(), 2);
  return text;
}

TEST(CommandLine, FeaturesAreListedShownAndSwitched) {
  EXPECT_EQ(asked({"feature", "list"}), "GET /api/v1/features");
  EXPECT_EQ(asked({"feature", "show", "soak_testing"}), "GET /api/v1/features/soak_testing");
  EXPECT_EQ(asked({"feature", "enable", "agent_watchdog"}),
            R"(PATCH /api/v1/features/agent_watchdog {"enabled":true})");
  EXPECT_EQ(asked({"feature", "enable", "cgroups_isolation", "--mode", "enforce", "--rollout", "20%"}),
            R"(PATCH /api/v1/features/cgroups_isolation {"enabled":true,"mode":"enforce","rollout":20})");
  EXPECT_EQ(asked({"feature", "disable", "agent_watchdog"}),
            R"(PATCH /api/v1/features/agent_watchdog {"enabled":false})");
  EXPECT_EQ(asked({"feature", "rollout", "email_rate_limiting", "0"}),
            R"(PATCH /api/v1/features/email_rate_limiting {"rollout":0})");
}

TEST(CommandLine, MailIsLookedAtRaisedAndLowered) {
  EXPECT_EQ(asked({"mail", "top"}), "GET /api/v1/mail?limit=20");
  EXPECT_EQ(asked({"mail", "top", "--limit", "5"}), "GET /api/v1/mail?limit=5");
  EXPECT_EQ(asked({"mail", "why", "bob"}), "GET /api/v1/accounts/bob/mail");
  EXPECT_EQ(asked({"mail", "unattributed"}), "GET /api/v1/mail/unattributed");
  const std::string raise = "POST /api/v1/accounts/bob/mail/raise ";
  EXPECT_EQ(asked({"mail", "raise", "bob", "--to", "2000/h", "--for", "2h"}),
            raise + R"({"messages_per_hour":2000,"seconds":7200})");
  EXPECT_EQ(asked({"mail", "raise", "bob", "--to", "7", "--for", "90m"}),
            raise + R"({"messages_per_hour":7,"seconds":5400})");
  EXPECT_EQ(asked({"mail", "raise", "bob", "--to", "7", "--for", "7d"}),
            raise + R"({"messages_per_hour":7,"seconds":604800})");
  EXPECT_EQ(asked({"mail", "raise", "bob", "--end"}), "DELETE /api/v1/accounts/bob/mail/raise");
  EXPECT_EQ(
      asked({"account", "set", "bob", "--mail-per-hour", "500", "--mail-bytes-per-day", "1G", "--smtp-connections",
             "max"}),
      R"(PATCH /api/v1/accounts/bob {"mail":{"bytes_per_day":1073741824,"connections":null,"messages_per_hour":500}})");
}

TEST(CommandLine, WrongRaisesAreRefusedWithWhatWouldBeRight) {
  for (const char* to : {"", "0", "2000/d", "-1", "x", "100000001"})
    EXPECT_NE(complaint({"mail", "raise", "bob", "--to", to, "--for", "2h"})
                  .find("--to must be a number of messages an hour"),
              std::string::npos)
        << to;
  for (const char* span : {"", "59", "8d", "2w", "h", "-2h", "99999999999999999999h"})
    EXPECT_NE(complaint({"mail", "raise", "bob", "--to", "7", "--for", span}).find("--for must be from 1m to 7d"),
              std::string::npos)
        << span;
  for (const Words& words : {Words{"mail", "raise", "bob"}, Words{"mail", "raise", "bob", "--to", "7"},
                             Words{"mail", "raise", "bob", "--for", "2h"}})
    EXPECT_NE(complaint(words).find("raise needs --to and --for, or --end"), std::string::npos) << complaint(words);
  for (const Words& words : {Words{"mail", "raise", "bob", "--end", "--to", "7"},
                             Words{"mail", "raise", "bob", "--end", "--to", "7", "--for", "2h"}})
    EXPECT_NE(complaint(words).find("--end"), std::string::npos) << complaint(words);
}

TEST(CommandLine, OverrideOfOneAccountIsOnOffOrNull) {
  const std::string post = "POST /api/v1/features/cgroups_isolation/overrides ";
  EXPECT_EQ(asked({"feature", "override", "cgroups_isolation", "bob", "on"}),
            post + R"({"account":"bob","enabled":true})");
  EXPECT_EQ(asked({"feature", "override", "cgroups_isolation", "bob", "off"}),
            post + R"({"account":"bob","enabled":false})");
  EXPECT_EQ(asked({"feature", "override", "cgroups_isolation", "bob", "clear"}),
            post + R"({"account":"bob","enabled":null})");
}

TEST(CommandLine, WrongFeatureLinesAreRefusedWithWhatWouldBeRight) {
  const auto expect = [](const Words& words, const char* said) {
    const std::string text = complaint(words);
    EXPECT_NE(text.find(said), std::string::npos) << text;
  };
  expect({"feature", "enable", "agent_watchdog", "--mode", "off"}, "--mode must be observe or enforce; got \"off\"");
  expect({"feature", "enable", "agent_watchdog", "--rollout", "101"},
         "--rollout must be a whole percentage from 0% to");
  expect({"feature", "rollout", "agent_watchdog", "half"}, "PERCENT must be a whole percentage from 0% to 100%");
  expect({"feature", "override", "agent_watchdog", "bob", "maybe"}, "must be on, off or clear; got \"maybe\"");
  expect({"feature", "override", "agent_watchdog", "bob"}, "required");
  expect({"feature", "show", "a/b"}, "NAME must be a feature's name");
  expect({"feature", "show"}, "NAME is required");
  expect({"feature", "dance"}, "not understood: dance");
}

TEST(CommandLine, TokensAreMadeForReadingUnlessTheScopeSaysOtherwise) {
  EXPECT_EQ(asked({"token", "list"}), "GET /api/v1/tokens");
  EXPECT_EQ(asked({"token", "create", "panel"}), R"(POST /api/v1/tokens {"name":"panel","scope":"read"})");
  EXPECT_EQ(asked({"token", "create", "panel", "--scope", "write"}),
            R"(POST /api/v1/tokens {"name":"panel","scope":"write"})");
  EXPECT_EQ(asked({"token", "rotate", "panel"}), "POST /api/v1/tokens/panel/rotate");
  EXPECT_EQ(asked({"token", "revoke", "panel"}), "DELETE /api/v1/tokens/panel");
  EXPECT_NE(complaint({"token", "create", "panel", "--scope", "all"}).find("must be read or write; got \"all\""),
            std::string::npos);
  EXPECT_NE(complaint({"token", "revoke", ""}).find("NAME must be a token's name"), std::string::npos);
}

TEST(CommandLine, OnlyNewTokensCarryTheHint) {
  EXPECT_NE(parse({"token", "create", "panel"})->errands[0].hint, "");
  EXPECT_NE(parse({"token", "rotate", "panel"})->errands[0].hint, "");
  EXPECT_EQ(parse({"token", "revoke", "panel"})->errands[0].hint, "");
}

TEST(CommandLine, JobsAreStartedAndFollowed) {
  EXPECT_EQ(asked({"apply"}), "POST /api/v1/apply");
  EXPECT_EQ(asked({"backup"}), "POST /api/v1/backup");
  EXPECT_EQ(asked({"account", "drain", "bob"}), R"(POST /api/v1/accounts/bob/drain {"grace_seconds":10})");
  EXPECT_EQ(asked({"account", "drain", "bob", "--grace", "0"}),
            R"(POST /api/v1/accounts/bob/drain {"grace_seconds":0})");
  EXPECT_EQ(asked({"job", "list"}), "GET /api/v1/jobs");
  EXPECT_EQ(asked({"job", "show", "12"}), "GET /api/v1/jobs/12");
  EXPECT_EQ(asked({"job", "follow", "12"}), "GET /api/v1/jobs/12");
  EXPECT_EQ(asked({"job", "cancel", "12"}), "POST /api/v1/jobs/12/cancel");
  for (const Words& words : {Words{"apply"}, {"account", "drain", "bob"}, {"job", "follow", "12"}})
    EXPECT_TRUE(parse(words)->follow) << words[0];
  for (const Words& words :
       {Words{"apply", "--no-wait"}, {"account", "drain", "bob", "--no-wait"}, {"job", "show", "12"}})
    EXPECT_FALSE(parse(words)->follow) << words[0];
}

TEST(CommandLine, WrongJobLinesAreRefused) {
  EXPECT_NE(complaint({"job", "show", "last"}).find("ID must be a whole number"), std::string::npos);
  EXPECT_NE(complaint({"job", "follow", "0"}).find("ID must be a whole number"), std::string::npos);
  EXPECT_NE(
      complaint({"account", "drain", "bob", "--grace", "601"}).find("--grace must be a whole number from 0 to 600"),
      std::string::npos);
}

TEST(CommandLine, ListsComeInPages) {
  const auto paging = [](const Words& words) { return parse(words)->errands.at(0).paging.value(); };
  EXPECT_STREQ(paging({"account", "list"}).list, "accounts");
  EXPECT_STREQ(paging({"account", "list"}).goes_on, "after");
  EXPECT_STREQ(paging({"stats"}).list, "stats");
  EXPECT_STREQ(paging({"events"}).goes_on, "below");
  EXPECT_EQ(paging({"account", "list"}).most, std::nullopt);
  EXPECT_EQ(paging({"events"}).most, 100U);
  EXPECT_EQ(paging({"events", "--limit", "25000"}).most, 25000U);
  EXPECT_FALSE(parse({"stats", "bob"})->errands[0].paging);
  EXPECT_EQ(asked({"stats", "bob"}), "GET /api/v1/accounts/bob/stats");
  EXPECT_EQ(asked({"events", "--account", "bob"}), "GET /api/v1/events?account=bob");
  EXPECT_NE(complaint({"events", "--limit", "0"}).find("--limit must be a whole number from 1"), std::string::npos);
}

TEST(CommandLine, IdempotencyKeyGoesWithOneChange) {
  const auto command = parse({"account", "suspend", "bob", "--idempotency-key", "k-1"});
  const std::vector<std::pair<std::string, std::string>> headers{{"Idempotency-Key", "k-1"}};
  EXPECT_EQ(command->errands[0].request.headers, headers);
  EXPECT_TRUE(parse({"account", "suspend", "bob"})->errands[0].request.headers.empty());
  const auto expect = [](const Words& words, const char* said) {
    const std::string text = complaint(words);
    EXPECT_NE(text.find(said), std::string::npos) << text;
  };
  expect({"process", "add", "bob", "1", "2", "--idempotency-key", "k"}, "goes with one change; this is 2");
  expect({"account", "list", "--idempotency-key", "k"}, "goes with one change; this is none");
  expect({"apply", "--idempotency-key", "a b"}, "--idempotency-key must be 1 to 64 printable ASCII characters");
  expect({"apply", "--idempotency-key", std::string(65, 'k')}, "--idempotency-key must be 1 to 64");
  expect({"apply", "--idempotency-key", "k\r\nX: y"}, "--idempotency-key must be 1 to 64");
}

TEST(CommandLine, WhatOneCommandFillsInIsNotInAnothersBody) {
  EXPECT_EQ(asked({"account", "set", "bob", "--pids", "100"}),
            R"(PATCH /api/v1/accounts/bob {"limits":{"pids_max":100}})");
  EXPECT_NE(complaint({"account", "set", "bob"}).find("at least one option"), std::string::npos);
}

TEST(CommandLine, AccountsGetAnotherNameAndAnotherUid) {
  EXPECT_EQ(asked({"account", "set", "john.doe", "--rename", "J.Doe-2"}),
            R"(PATCH /api/v1/accounts/john.doe {"name":"J.Doe-2"})");
  EXPECT_EQ(asked({"account", "set", "bob", "--uid", "4001"}), R"(PATCH /api/v1/accounts/bob {"uid":4001})");
  EXPECT_EQ(asked({"account", "set", "bob", "--uid", "none"}), R"(PATCH /api/v1/accounts/bob {"uid":null})");
  EXPECT_EQ(asked({"account", "create", "4you", "--uid", "none"}),
            R"(POST /api/v1/accounts {"name":"4you","uid":null})");
  EXPECT_NE(complaint({"account", "set", "bob", "--rename", "a/b"}).find("--rename must be 1 to 64 characters"),
            std::string::npos);
  EXPECT_NE(complaint({"account", "set", "bob", "--uid", "0"}).find("--uid must be a whole number"), std::string::npos);
}

TEST(CommandLine, NameBecomesOnePartOfThePath) {
  EXPECT_EQ(asked({"account", "show", "../x?y"}), "not one request");
  EXPECT_EQ(asked({"account", "show", "b.ob?x"}), "GET /api/v1/accounts/b.ob%3Fx");
  EXPECT_EQ(asked({"reload"}), "POST /api/v1/reload");
}

}  // namespace
}  // namespace npanel
