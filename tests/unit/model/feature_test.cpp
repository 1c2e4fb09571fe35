// SPDX-License-Identifier: Apache-2.0
#include "model/feature.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <vector>

namespace npanel {
namespace {

constexpr int kAccounts = 2000;

std::vector<Feature> all_features() {
  std::vector<Feature> all;
  for (int i = 0; i < NP_FEATURES; ++i) all.push_back(static_cast<Feature>(i));
  return all;
}

std::vector<std::string> accounts() {
  std::vector<std::string> names;
  for (int i = 0; i < kAccounts; ++i) names.push_back("account" + std::to_string(i));
  return names;
}

Features with(Feature feature, const FeatureState& state) {
  Features features;
  features.set(feature, state);
  return features;
}

std::set<std::string> on_for(const Features& features, Feature feature) {
  std::set<std::string> on;
  for (const std::string& name : accounts())
    if (features.mode_for(feature, name) != FeatureMode::off) on.insert(name);
  return on;
}

TEST(Feature, FifteenNamesStandAtTheirPlaces) {
  const std::vector<std::string> names{
      "cgroups_isolation", "email_rate_limiting", "agent_watchdog",    "graceful_reloads",   "config_layering",
      "soak_testing",      "package_templates",   "quota_enforcement", "reseller_hierarchy", "whmcs_integration",
      "progress_tracking", "health_scoring",      "audit_logs_v2",     "smart_defaults",     "upgrade_framework"};
  ASSERT_EQ(names.size(), static_cast<size_t>(NP_FEATURES));
  for (size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(info(static_cast<Feature>(i)).name, names[i]);
    EXPECT_EQ(parse_feature(names[i]), static_cast<Feature>(i));
  }
  for (const char* wrong : {"", "cgroups", "CGROUPS_ISOLATION", "cgroups_isolation ", "upgrade_framework2"})
    EXPECT_EQ(parse_feature(wrong), std::nullopt) << wrong;
}

TEST(Feature, AllAreOffAtFirst) {
  const Features features;
  for (const Feature feature : all_features()) {
    EXPECT_FALSE(features.on(feature));
    EXPECT_EQ(features.mode_for(feature, "bob"), FeatureMode::off);
    EXPECT_EQ(features.kernel()[feature].mode, static_cast<__u32>(NP_FEATURE_OFF));
  }
}

// Every feature in every state: enabled, mode, percentage, override.
TEST(Feature, EveryStateGivesWhatItSays) {
  for (const Feature feature : all_features())
    for (const bool enabled : {false, true})
      for (const FeatureMode mode : {FeatureMode::observe, FeatureMode::enforce})
        for (const uint32_t rollout : {0U, 50U, 100U})
          for (const std::optional<bool> override :
               {std::optional<bool>(), std::optional(true), std::optional(false)}) {
            FeatureState state{.enabled = enabled, .mode = mode, .rollout = rollout};
            if (override) state.overrides["bob"] = *override;
            const Features features = with(feature, state);
            const FeatureInfo& known = info(feature);
            const bool on = enabled && known.available;
            const uint32_t percent = known.per_account ? rollout : 100;
            const bool below = np_rollout_bucket("bob", 3, feature) < percent;
            const FeatureMode as = known.observable ? mode : FeatureMode::enforce;
            EXPECT_EQ(features.on(feature), on) << known.name;
            EXPECT_EQ(features.mode_for(feature, "bob"), on && override.value_or(below) ? as : FeatureMode::off)
                << known.name << " " << rollout;
          }
}

TEST(Feature, GrowingThePercentageOnlyAddsAccounts) {
  for (const Feature feature : {NP_CGROUPS_ISOLATION, NP_EMAIL_RATE_LIMITING}) {
    std::set<std::string> before;
    for (uint32_t percent = 0; percent <= 100; ++percent) {
      const auto now = on_for(with(feature, {.enabled = true, .rollout = percent}), feature);
      EXPECT_TRUE(std::ranges::includes(now, before)) << percent;
      before = now;
    }
    EXPECT_EQ(before.size(), static_cast<size_t>(kAccounts));
  }
}

// A binomial share of 2,000: four standard deviations are 4.5 percent points at 50 %.
TEST(Feature, AboutAsManyAccountsAreOnAsThePercentageSays) {
  for (const uint32_t percent : {5U, 10U, 25U, 50U, 75U, 95U}) {
    const auto on = on_for(with(NP_CGROUPS_ISOLATION, {.enabled = true, .rollout = percent}), NP_CGROUPS_ISOLATION);
    EXPECT_NEAR(100.0 * static_cast<double>(on.size()) / kAccounts, percent, 4.5);
  }
}

TEST(Feature, AnotherFeatureBeginsWithOtherAccounts) {
  const FeatureState half{.enabled = true, .rollout = 50};
  const auto one = on_for(with(NP_CGROUPS_ISOLATION, half), NP_CGROUPS_ISOLATION);
  const auto other = on_for(with(NP_EMAIL_RATE_LIMITING, half), NP_EMAIL_RATE_LIMITING);
  std::set<std::string> both;
  std::ranges::set_intersection(one, other, std::inserter(both, both.begin()));
  EXPECT_NEAR(100.0 * static_cast<double>(both.size()) / kAccounts, 25, 4.5);
}

// What an account's place is may never change: a server that is upgraded would switch accounts on and off.
TEST(Feature, PlacesAreTheSameForEver) {
  EXPECT_EQ(np_rollout_bucket("bob", 3, NP_CGROUPS_ISOLATION), 97U);
  EXPECT_EQ(np_rollout_bucket("bob", 3, NP_EMAIL_RATE_LIMITING), 25U);
  EXPECT_EQ(np_rollout_bucket("alice", 5, NP_CGROUPS_ISOLATION), 6U);
  EXPECT_EQ(np_rollout_bucket("", 0, NP_UPGRADE_FRAMEWORK), 93U);
}

TEST(Feature, ChangesAreCheckedBeforeTheyAreMade) {
  const auto field = [](Feature feature, const FeatureChange& change) {
    const auto changed = apply(feature, {}, change);
    return changed ? std::string("accepted") : changed.error().field;
  };
  EXPECT_EQ(field(NP_SOAK_TESTING, {.enabled = true}), "enabled");
  EXPECT_EQ(field(NP_SOAK_TESTING, {.enabled = false}), "accepted");
  EXPECT_EQ(field(NP_CGROUPS_ISOLATION, {.mode = FeatureMode::observe}), "mode");
  EXPECT_EQ(field(NP_EMAIL_RATE_LIMITING, {.mode = FeatureMode::observe}), "accepted");
  EXPECT_EQ(field(NP_EMAIL_RATE_LIMITING, {.mode = FeatureMode::off}), "mode");
  EXPECT_EQ(field(NP_EMAIL_RATE_LIMITING, {.rollout = 101}), "rollout");
  EXPECT_EQ(field(NP_EMAIL_RATE_LIMITING, {.rollout = 0}), "accepted");
  EXPECT_EQ(field(NP_AGENT_WATCHDOG, {.rollout = 50}), "rollout");
  EXPECT_EQ(field(NP_AGENT_WATCHDOG, {.rollout = 100}), "accepted");
}

TEST(Feature, AChangeKeepsWhatItDoesNotNameAndClearsTheReason) {
  const FeatureState before{.enabled = true,
                            .mode = FeatureMode::observe,
                            .rollout = 30,
                            .overrides = {{"bob", true}},
                            .switched_off = "it cost too much"};
  const auto after = apply(NP_EMAIL_RATE_LIMITING, before, {.rollout = 40});
  ASSERT_TRUE(after);
  EXPECT_EQ(*after,
            (FeatureState{.enabled = true, .mode = FeatureMode::observe, .rollout = 40, .overrides = {{"bob", true}}}));
}

TEST(Feature, ADeletedAccountLeavesNoOverrideForTheNextOfItsName) {
  Features features = with(NP_CGROUPS_ISOLATION, {.enabled = true, .rollout = 0, .overrides = {{"bob", true}}});
  EXPECT_EQ(features.mode_for(NP_CGROUPS_ISOLATION, "bob"), FeatureMode::enforce);
  features.forget_account("bob");
  EXPECT_EQ(features.mode_for(NP_CGROUPS_ISOLATION, "bob"), FeatureMode::off);
}

TEST(Feature, OverridesFollowARenamedAccount) {
  Features features =
      with(NP_CGROUPS_ISOLATION, {.enabled = true, .rollout = 0, .overrides = {{"bob", true}, {"old", true}}});
  features.rename_account("bob", "bob.2");
  EXPECT_EQ(features.mode_for(NP_CGROUPS_ISOLATION, "bob.2"), FeatureMode::enforce);
  EXPECT_EQ(features.mode_for(NP_CGROUPS_ISOLATION, "bob"), FeatureMode::off);
  features.rename_account("nobody", "old");
  EXPECT_EQ(features.mode_for(NP_CGROUPS_ISOLATION, "old"), FeatureMode::off) << "what was said of a namesake is gone";
}

TEST(Feature, FeaturesComeBackFromTheKernel) {
  Features features;
  features.set(NP_CGROUPS_ISOLATION, {.enabled = true, .rollout = 30});
  features.set(NP_EMAIL_RATE_LIMITING, {.enabled = true, .mode = FeatureMode::observe});
  EXPECT_EQ(Features::from(features.kernel()), features);
}

}  // namespace
}  // namespace npanel
