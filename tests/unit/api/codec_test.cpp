// SPDX-License-Identifier: Apache-2.0
#include "api/codec.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

std::string field_of(const auto& result) {
  return result ? "accepted" : result.error().field;
}

TEST(Codec, ParsesOneObjectAndNothingElse) {
  EXPECT_TRUE(parse_object(R"({"a":{"b":1},"c":{"b":2}})"));
  using namespace std::string_literals;
  for (const std::string& wrong :
       {""s, "[]"s, "1"s, "\"x\""s, "{"s, "{}{}"s, R"({"a":1,"a":2})"s, R"({"x":{"a":1,"a":2}})"s, "{\"a\":NaN}"s,
        "{\"a\":Infinity}"s, "{\"a\":1e400}"s, "{\"\xff\":1}"s, "{'a':1}"s, "{\"a\":1,}"s, std::string(60'000, '[')})
    EXPECT_EQ(field_of(parse_object(wrong)), "body") << wrong.substr(0, 40);
}

TEST(Codec, ReplacesOnlyTheLimitsThatAreNamed) {
  const auto limits = decode_limits(Json::parse(R"({"pids_max":32,"cpu_percent":null})"), Limits{});
  ASSERT_TRUE(limits);
  EXPECT_EQ(*limits, (Limits{.cpu_percent = std::nullopt, .pids_max = 32}));
}

TEST(Codec, RecipientsAreLimitedAsMessagesUntilSomebodySaysOtherwise) {
  const auto decode = [](const char* text, const MailLimits& base) { return decode_mail(Json::parse(text), base); };
  const auto more = decode(R"({"messages_per_hour":2000})", {});
  ASSERT_TRUE(more);
  EXPECT_EQ(more->recipients_per_hour, 2000U);
  EXPECT_EQ(more->recipients_per_15min, 100U) << "another window's";
  EXPECT_EQ(decode(R"({"messages_per_hour":null})", *more)->recipients_per_hour, std::nullopt);
  const auto own = decode(R"({"recipients_per_hour":50})", *more);
  EXPECT_EQ(own->messages_per_hour, 2000U);
  EXPECT_EQ(decode(R"({"messages_per_hour":3000})", *own)->recipients_per_hour, 50U);
}

TEST(Codec, RefusesWhatIsNoWholeNumber) {
  for (const char* value : {"-1", "-32.0", "1.0", "32.5", "1e-3", "9007199254740992.0", "1e300", "\"32\"", "true", "[]",
                            "{}", "18446744073709551616", "9", "4194305"})
    EXPECT_EQ(field_of(decode_limits(Json::parse(std::string("{\"pids_max\":") + value + "}"), Limits{})),
              "limits.pids_max")
        << value;
}

TEST(Codec, TakesAWholeNumberHoweverJsonWritesIt) {
  for (const char* value : {"536870912", "536870912.0", "5.36870912e8", "53687091200e-2"}) {
    const auto limits = decode_limits(Json::parse(std::string("{\"memory_max_bytes\":") + value + "}"), Limits{});
    ASSERT_TRUE(limits) << limits.error().text;
    EXPECT_EQ(limits->memory_max_bytes, 512ULL << 20) << value;
    EXPECT_EQ(whole_number(Json::parse(value), "x", 1, 1ULL << 40).value(), 512ULL << 20) << value;
  }
  for (const char* nothing : {"0", "-0", "0.0", "-0.0"})
    EXPECT_EQ(whole_number(Json::parse(nothing), "x", 0, 5).value(), 0U) << nothing;
  EXPECT_EQ(whole(Json::parse("9007199254740991.0")), 9007199254740991U);
  EXPECT_EQ(whole(Json::parse("18446744073709551615")), 18446744073709551615U);
}

TEST(Codec, RefusesTheUidOfNobodyAndOfTheSystem) {
  EXPECT_EQ(decode_uid(Json::parse("4001.0"), 1000).value(), 4001U);
  EXPECT_EQ(decode_uid(nullptr, 1000).value(), std::nullopt);
  for (const char* wrong : {"65534", "33", "999", "4294967295", "1.5", "\"4001\"", "true"})
    EXPECT_EQ(field_of(decode_uid(Json::parse(wrong), 1000)), "uid") << wrong;
}

TEST(Codec, NamesTheUnknownKey) {
  EXPECT_EQ(field_of(decode_limits(Json::parse(R"({"pidz_max":32})"), Limits{})), "limits.pidz_max");
  EXPECT_EQ(field_of(decode_smtp(Json::parse(R"({"rate":1})"), SmtpLimit{})), "smtp.rate");
  EXPECT_EQ(field_of(only_keys(Json::parse(R"({"":1})"), "", {"name"})), "body");
}

TEST(Codec, TakesRateZeroWithoutABurst) {
  const auto smtp = decode_smtp(Json::parse(R"({"per_minute":0})"), SmtpLimit{});
  ASSERT_TRUE(smtp) << smtp.error().text;
  EXPECT_EQ(smtp->burst, 0u);
}

TEST(Codec, RefusesAnUnknownMode) {
  EXPECT_EQ(field_of(decode_smtp(Json::parse(R"({"mode":"strict"})"), SmtpLimit{})), "smtp.mode");
  EXPECT_EQ(field_of(decode_smtp(Json::parse(R"({"mode":1})"), SmtpLimit{})), "smtp.mode");
}

TEST(Codec, LimitsSurviveTheWayThereAndBack) {
  const Limits limits{
      .cpu_percent = 20, .memory_max_bytes = 64ULL << 20, .memory_high_bytes = std::nullopt, .pids_max = 32};
  EXPECT_EQ(decode_limits(encode(limits), Limits{}).value(), limits);
}

TEST(Codec, SaysUnavailableInsteadOfZero) {
  const Account bob{.name = "bob"};
  np_usage usage{};
  usage.groups = NP_USAGE_CPU;
  usage.runtime_ns = 5000;
  const Json json = encode(AccountStats{.account = &bob, .usage = usage, .smtp = {}, .degraded = 0});
  EXPECT_EQ(json["cpu"]["usage_us"], 5);
  EXPECT_TRUE(json["cpu"]["throttled_us"].is_null());
  EXPECT_TRUE(json["memory"].is_null());
  EXPECT_EQ(json["unavailable"], (Json{"cpu.bandwidth", "memory", "pids", "io", "pressure"}));
}

TEST(Codec, SaysWhatOfTheMemoryIsTheWorkingSet) {
  const Account bob{.name = "bob"};
  np_usage usage{};
  usage.groups = NP_USAGE_MEMORY | NP_USAGE_PARTS;
  usage.memory_bytes = 64ULL << 20;
  usage.inactive_file_bytes = 63ULL << 20;
  usage.file_bytes = 63ULL << 20;
  usage.anon_bytes = 4096;
  usage.kernel_bytes = 8192;
  AccountStats stats{.account = &bob, .usage = usage};
  const Json memory = encode(stats)["memory"];
  EXPECT_EQ(memory["current_bytes"], 64 << 20);
  EXPECT_EQ(memory["working_set_bytes"], 1 << 20);
  EXPECT_EQ(memory["anon_bytes"], 4096);
  EXPECT_EQ(memory["file_bytes"], 63 << 20);
  EXPECT_EQ(memory["kernel_bytes"], 8192);
  stats.usage->inactive_file_bytes = 65ULL << 20;
  EXPECT_EQ(encode(stats)["memory"]["working_set_bytes"], 0) << "the counter of pages runs ahead of the statistics";
}

TEST(Codec, SaysThatTheWorkingSetIsNotKnown) {
  const Account bob{.name = "bob"};
  np_usage usage{};
  usage.groups = NP_USAGE_MEMORY;
  const Json json = encode(AccountStats{.account = &bob, .usage = usage});
  for (const char* name : {"working_set_bytes", "anon_bytes", "file_bytes", "kernel_bytes"})
    EXPECT_TRUE(json["memory"][name].is_null()) << name;
  EXPECT_EQ(json["unavailable"], (Json{"cpu", "memory.working_set", "pids", "io", "pressure"}));
}

TEST(Codec, SaysWhatWasReadAndWritten) {
  const Account bob{.name = "bob"};
  np_usage usage{};
  usage.groups = NP_USAGE_IO;
  usage.read_bytes = 1;
  usage.written_bytes = 2;
  usage.reads = 3;
  usage.writes = 4;
  EXPECT_EQ(encode(AccountStats{.account = &bob, .usage = usage})["io"],
            (Json{{"read_bytes", 1}, {"written_bytes", 2}, {"reads", 3}, {"writes", 4}}));
}

}  // namespace
}  // namespace npanel
