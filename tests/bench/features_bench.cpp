// SPDX-License-Identifier: Apache-2.0
// How many times a second can one core ask whether a feature is on, for the server and for one of 1,000 accounts, and
// how many times if every question were a query to the database?
#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "model/feature.h"

namespace {

using namespace npanel;
using Clock = std::chrono::steady_clock;

constexpr Feature kFeature = NP_EMAIL_RATE_LIMITING;
constexpr uint32_t kRollout = 50;
constexpr size_t kAccounts = 1000;
constexpr size_t kOverrideEvery = 10;  // every tenth account has one
constexpr int kReads = 1'000'000;
constexpr int kQueries = 50'000;
constexpr double kGoal = 1'000'000;

std::vector<std::string> account_names() {
  std::vector<std::string> names;
  for (size_t i = 0; i < kAccounts; ++i) names.push_back("account" + std::to_string(i));
  return names;
}

bool overridden_on(size_t account) {
  return account / kOverrideEvery % 2 == 0;
}

Features features_of(const std::vector<std::string>& names) {
  FeatureState state{.enabled = true, .mode = FeatureMode::enforce, .rollout = kRollout};
  for (size_t i = 0; i < names.size(); i += kOverrideEvery) state.overrides.emplace(names[i], overridden_on(i));
  Features features;
  features.set(kFeature, std::move(state));
  return features;
}

// The same as tables, as an agent without a cache would ask them: a file, WAL, and nobody else at it.
class Tables {
 public:
  explicit Tables(const std::vector<std::string>& names)
      : database_(directory_ + "/features.db", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE) {
    database_.exec("PRAGMA journal_mode = WAL");
    database_.exec(
        "CREATE TABLE feature_flags (name TEXT PRIMARY KEY, enabled INTEGER NOT NULL, mode TEXT NOT NULL,"
        " rollout INTEGER NOT NULL) STRICT");
    database_.exec(
        "CREATE TABLE feature_override (feature TEXT NOT NULL, account TEXT NOT NULL, enabled INTEGER NOT NULL,"
        " PRIMARY KEY (feature, account)) STRICT");
    SQLite::Transaction transaction(database_);
    SQLite::Statement flag(database_, "INSERT INTO feature_flags VALUES (?, 1, 'enforce', ?)");
    flag.bind(1, info(kFeature).name);
    flag.bind(2, kRollout);
    flag.exec();
    for (size_t i = 0; i < names.size(); i += kOverrideEvery) {
      SQLite::Statement row(database_, "INSERT INTO feature_override VALUES (?, ?, ?)");
      row.bind(1, info(kFeature).name);
      row.bind(2, names[i]);
      row.bind(3, overridden_on(i) ? 1 : 0);
      row.exec();
    }
    transaction.commit();
  }
  Tables(const Tables&) = delete;
  Tables& operator=(const Tables&) = delete;
  ~Tables() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  [[nodiscard]] SQLite::Statement question() const {
    return {database_,
            "SELECT f.mode, f.rollout, o.enabled FROM feature_flags f LEFT JOIN feature_override o"
            " ON o.feature = f.name AND o.account = ?2 WHERE f.name = ?1 AND f.enabled = 1"};
  }

  static FeatureMode answer(SQLite::Statement& question, const std::string& account) {
    question.reset();
    question.bindNoCopy(1, info(kFeature).name);
    question.bindNoCopy(2, account);
    if (!question.executeStep()) return FeatureMode::off;
    const np_feature_state state{.mode = NP_FEATURE_ENFORCE, .percent = question.getColumn(1).getUInt()};
    const SQLite::Column override = question.getColumn(2);
    np_override said = NP_OVERRIDE_NONE;
    if (!override.isNull()) said = override.getInt() ? NP_OVERRIDE_ON : NP_OVERRIDE_OFF;
    const uint32_t bucket = np_rollout_bucket(account.data(), static_cast<uint32_t>(account.size()), kFeature);
    return static_cast<FeatureMode>(np_feature_mode_of(&state, bucket, said));
  }

 private:
  static std::string make_directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "npanel-bench-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) std::abort();
    return pattern;
  }
  std::string directory_ = make_directory();
  SQLite::Database database_;
};

// Of five runs, after one that warms up. `ask`: is the feature on for this account?
double median_per_second(int reads, const std::function<bool(size_t account)>& ask) {
  std::vector<double> rates;
  for (int run = 0; run < 6; ++run) {
    long on = 0;
    const auto start = Clock::now();
    for (int i = 0; i < reads; ++i) on += ask(static_cast<size_t>(i) % kAccounts) ? 1 : 0;
    const std::chrono::duration<double> seconds = Clock::now() - start;
    if (on == 0) std::abort();  // and nothing was optimised away
    if (run > 0) rates.push_back(reads / seconds.count());
  }
  std::ranges::sort(rates);
  return rates[rates.size() / 2];
}

void print(const char* what, double per_second) {
  std::printf("%-46s %14.0f %10.1f\n", what, per_second, 1e9 / per_second);
}

}  // namespace

int main() {
  const std::vector<std::string> names = account_names();
  const Features features = features_of(names);
  const Tables tables(names);
  SQLite::Statement kept = tables.question();
  for (const std::string& name : names)
    if (Tables::answer(kept, name) != features.mode_for(kFeature, name)) {
      std::fprintf(stderr, "bench: the two do not agree on %s\n", name.c_str());
      return 1;
    }

  const double server = median_per_second(kReads, [&](size_t) { return features.on(kFeature); });
  const double account =
      median_per_second(kReads, [&](size_t i) { return features.mode_for(kFeature, names[i]) != FeatureMode::off; });
  const double prepared =
      median_per_second(kQueries, [&](size_t i) { return Tables::answer(kept, names[i]) != FeatureMode::off; });
  const double naive = median_per_second(kQueries, [&](size_t i) {
    SQLite::Statement fresh = tables.question();
    return Tables::answer(fresh, names[i]) != FeatureMode::off;
  });
  std::printf("one core, 1,000 accounts, 100 overrides, rollout 50 %%\n%-46s %14s %10s\n", "", "reads/s", "ns/read");
  print("Features::on: the server", server);
  print("Features::mode_for: an account", account);
  print("SQLite, an account, statement kept", prepared);
  print("SQLite, an account, statement made each time", naive);
  std::printf("goal features.reads_per_second %.0f reads/s %.0f %s\n", account, kGoal,
              account >= kGoal ? "met" : "missed");
  return 0;
}
