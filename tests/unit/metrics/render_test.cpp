// SPDX-License-Identifier: Apache-2.0
#include "metrics/render.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

const Account kBob{.name = "bob"};

AccountStats full_stats() {
  np_usage usage{};
  usage.groups = ~0ULL;
  usage.runtime_ns = 1'500'000'000;
  usage.quota_ns = 20'000'000;
  usage.period_ns = 100'000'000;
  usage.throttled_ns = 250'000'000;
  usage.throttled_periods = 4;
  usage.memory_bytes = 4096;
  usage.memory_max_bytes = NP_UNLIMITED;
  usage.inactive_file_bytes = 1024;
  usage.anon_bytes = 512;
  usage.written_bytes = 7;
  usage.reads = 6;
  usage.memory_oom_kills = 1;
  usage.pids = 3;
  usage.pids_max = 32;
  usage.pids_refused = 9;
  return {.account = &kBob,
          .usage = usage,
          .smtp = np_smtp_count{.allowed = 5,
                                .denied = 7,
                                .would_deny = 0,
                                .redirected = 0,
                                .would_redirect = 0,
                                .exempt = 0,
                                .unrecorded = 0,
                                .recorded_s = 0,
                                .recorded = 0},
          .degraded = 0};
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST(Metrics, SayWhatTheKernelCounted) {
  const std::string text = render_metrics(std::vector{full_stats()}, {});
  for (const char* line :
       {"npanel_cgroup_cpu_usage_seconds_total{account=\"bob\"} 1.5",
        "npanel_cgroup_cpu_throttled_seconds_total{account=\"bob\"} 0.25",
        "npanel_cgroup_cpu_limit_cores{account=\"bob\"} 0.2", "npanel_cgroup_memory_usage_bytes{account=\"bob\"} 4096",
        "npanel_cgroup_memory_working_set_bytes{account=\"bob\"} 3072",
        "npanel_cgroup_memory_part_bytes{account=\"bob\",part=\"anon\"} 512",
        "npanel_cgroup_io_bytes_total{account=\"bob\",direction=\"write\"} 7",
        "npanel_cgroup_io_operations_total{account=\"bob\",direction=\"read\"} 6",
        "npanel_cgroup_pids{account=\"bob\"} 3", "npanel_cgroup_pids_limit{account=\"bob\"} 32",
        "npanel_cgroup_limit_exceeded_total{account=\"bob\",resource=\"cpu\"} 4",
        "npanel_cgroup_limit_exceeded_total{account=\"bob\",resource=\"memory\"} 1",
        "npanel_cgroup_limit_exceeded_total{account=\"bob\",resource=\"pids\"} 9",
        "npanel_smtp_connections_total{account=\"bob\",verdict=\"denied\"} 7"})
    EXPECT_TRUE(has_line(text, line)) << line << "\n" << text;
}

TEST(Metrics, WriteNoLimitAsInfinity) {
  EXPECT_TRUE(has_line(render_metrics(std::vector{full_stats()}, {}),
                       "npanel_cgroup_memory_limit_bytes{account=\"bob\"} +Inf"));
}

TEST(Metrics, HaveNoSeriesForWhatIsUnavailable) {
  AccountStats stats = full_stats();
  stats.usage->groups = NP_USAGE_CPU;
  stats.smtp.reset();
  const std::string text = render_metrics(std::vector{stats}, {});
  EXPECT_NE(text.find("npanel_cgroup_cpu_usage_seconds_total{"), std::string::npos);
  for (const char* absent :
       {"npanel_cgroup_memory_usage_bytes{", "npanel_cgroup_memory_working_set_bytes{", "npanel_cgroup_io_bytes_total{",
        "npanel_cgroup_pids{", "npanel_cgroup_pressure_seconds_total{", "npanel_smtp_connections_total{"})
    EXPECT_EQ(text.find(absent), std::string::npos) << absent;
}

TEST(Metrics, TellWhatMailOfNoAccountThereWas) {
  AgentStatus agent;
  UnattributedMail& mail = agent.unattributed;
  mail.figures.limit = kernel_limit({.messages_per_hour = 3});
  mail.figures.sent[NP_MAIL_HOUR].messages = 2;
  mail.counts[static_cast<size_t>(Nobody::login)][static_cast<size_t>(NobodyAnswer::deferred)] = 7;
  const std::string text = render_metrics({}, agent);
  for (const char* line : {"npanel_mail_unattributed_total{reason=\"login\",answer=\"deferred\"} 7",
                           "npanel_mail_unattributed_total{reason=\"outside\",answer=\"passed\"} 0",
                           "npanel_mail_unattributed_current{limit=\"messages_per_hour\"} 2",
                           "npanel_mail_unattributed_configured{limit=\"messages_per_hour\"} 3"})
    EXPECT_TRUE(has_line(text, line)) << line << "\n" << text;
  EXPECT_EQ(text.find("npanel_mail_unattributed_current{limit=\"messages_per_day\"}"), std::string::npos);
}

TEST(Metrics, TellWhichFeaturesAreOnAndWhatTheyCost) {
  AgentStatus agent;
  for (const Feature feature : kAllFeatures) agent.features.push_back({.feature = feature});
  agent.features[NP_EMAIL_RATE_LIMITING] = {
      .feature = NP_EMAIL_RATE_LIMITING,
      .mode = FeatureMode::observe,
      .toggles = 3,
      .switched_off = 1,
      .cost = FeatureCost{.kernel_percent = std::nullopt, .agent_percent = 0.5, .memory_bytes = 4096}};
  const std::string text = render_metrics({}, agent);
  for (const char* line : {"npanel_feature_state{feature=\"email_rate_limiting\"} 1",
                           "npanel_feature_state{feature=\"upgrade_framework\"} 0",
                           "npanel_feature_toggles_total{feature=\"email_rate_limiting\"} 3",
                           "npanel_feature_switched_off_total{feature=\"email_rate_limiting\"} 1",
                           "npanel_feature_cpu_percent{feature=\"email_rate_limiting\",where=\"agent\"} 0.5",
                           "npanel_feature_memory_bytes{feature=\"email_rate_limiting\"} 4096"})
    EXPECT_TRUE(has_line(text, line)) << line << "\n" << text;
  EXPECT_EQ(text.find("where=\"kernel\""), std::string::npos) << "what is not known has no series";
}

}  // namespace
}  // namespace npanel
