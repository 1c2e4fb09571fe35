// SPDX-License-Identifier: Apache-2.0
// Random damage in the same places for the same number: NPANEL_DAMAGED says how many databases (60 without it; nightly
// 1000).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>

#include "sample.h"
#include "store/audit_chain.h"
#include "store/backups.h"
#include "store/recovery.h"
#include "support/temp_dir.h"

namespace npanel {
namespace {

constexpr uint32_t kAccounts = 200;
constexpr size_t kPage = 4096;

enum class Kind { flips, truncation, zeroed_pages, garbage_behind, wal_flips, wal_truncation, header, swapped_pages };
constexpr Kind kKinds[] = {Kind::flips,     Kind::truncation,     Kind::zeroed_pages, Kind::garbage_behind,
                           Kind::wal_flips, Kind::wal_truncation, Kind::header,       Kind::swapped_pages};
constexpr const char* kNames[] = {"flips",     "truncation",     "zeroed pages", "garbage behind",
                                  "wal flips", "wal truncation", "header",       "swapped pages"};

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  size_t below(size_t end) { return end == 0 ? 0 : std::uniform_int_distribution<size_t>(0, end - 1)(engine_); }
  std::string bytes(size_t count) {
    std::string text(count, '\0');
    for (char& c : text) c = static_cast<char>(below(256));
    return text;
  }

 private:
  std::mt19937 engine_;
};

void flip(std::string& bytes, Random& random, size_t count) {
  for (; count > 0 && !bytes.empty(); --count) {
    const size_t at = random.below(bytes.size());
    bytes[at] = static_cast<char>(static_cast<unsigned char>(bytes[at]) ^ (1U << random.below(8)));
  }
}

void damage(Kind kind, std::string& database, std::string& wal, Random& random) {
  const size_t pages = database.size() / kPage;
  switch (kind) {
    case Kind::flips:
      flip(database, random, 1 + random.below(64));
      return;
    case Kind::truncation:
      database.resize(random.below(database.size()));
      return;
    case Kind::zeroed_pages:
      for (size_t n = 1 + random.below(4); n > 0; --n)
        database.replace(random.below(pages) * kPage, kPage, std::string(kPage, '\0'));
      return;
    case Kind::garbage_behind:
      database += random.bytes(1 + random.below(3 * kPage));
      return;
    case Kind::wal_flips:
      flip(wal, random, 1 + random.below(8));
      return;
    case Kind::wal_truncation:
      wal.resize(random.below(wal.size()));
      return;
    case Kind::header:
      for (size_t n = 1 + random.below(8); n > 0; --n) database[random.below(100)] = random.bytes(1)[0];
      return;
    case Kind::swapped_pages: {
      const size_t one = random.below(pages) * kPage;
      const size_t other = random.below(pages) * kPage;
      const std::string kept = database.substr(one, kPage);
      database.replace(one, kPage, database.substr(other, kPage));
      database.replace(other, kPage, kept);
      return;
    }
  }
}

// 200 accounts, 2,000 events and 300 entries of the audit trail, two backups, and after these some changes, the last of
// them only in the -wal.
class Damage : public testing::Test {
 protected:
  void SetUp() override {
    const std::string path = template_.path("npanel.db");
    {
      Store store = Store::open(path).value();
      put_accounts(store, kAccounts - 20);
      ASSERT_TRUE(store.put(StoredFeature{.name = "cgroups_isolation", .enabled = true}, {}));
      ASSERT_TRUE(store.put(Token{.name = "panel", .scope = TokenScope::write, .hash = std::string(64, 'a')}, {}));
      ASSERT_TRUE(store.append({.audit = std::vector(300, entry_of("site0"))}));
      back_up(store, 1'700'000'000'000);
      for (uint32_t n = kAccounts - 20; n < kAccounts - 10; ++n) put(store, account_of(n));
      ASSERT_TRUE(store.append(notes_of("site0", 2000)));
      back_up(store, 1'700'000'600'000);
    }
    Store store = Store::open(path).value();
    states_.push_back(store.accounts().value());
    for (uint32_t n = kAccounts - 10; n < kAccounts; ++n) {
      put(store, account_of(n));
      states_.push_back(store.accounts().value());
    }
    database_ = bytes_of(path);
    wal_ = bytes_of(path + "-wal");
  }
  static void put(Store& store, const Account& account) { ASSERT_TRUE(store.put(account, notes_of(account.name, 1))); }
  void back_up(Store& store, int64_t now_ms) { ASSERT_TRUE(Backups(template_.path("npanel.db")).step(store, now_ms)); }

  [[nodiscard]] const std::vector<Account>& live() const { return states_.back(); }
  // How many accounts have the live name and other values.
  [[nodiscard]] size_t changed_values(const std::vector<Account>& accounts) const {
    if (accounts.size() != live().size()) return live().size();
    size_t changed = 0;
    for (size_t i = 0; i < accounts.size(); ++i) changed += accounts[i] == live()[i] ? 0 : 1;
    return changed;
  }
  // SQLite has no checksums in its pages: a flipped bit inside a number is another number. And a -wal that was cut
  // between two commits is a shorter -wal: an older state, but one that was.
  void expect_excused(Kind kind, const std::vector<Account>& accounts) {
    if (kind == Kind::flips) {
      EXPECT_LE(changed_values(accounts), 64u);
      ++silent_["values changed by flips"];
    } else {
      EXPECT_TRUE(kind == Kind::wal_truncation || kind == Kind::wal_flips) << kNames[static_cast<int>(kind)];
      EXPECT_NE(std::ranges::find(states_, accounts), states_.end());
      ++silent_["older state of a cut -wal"];
    }
  }

  void survive(uint32_t seed) {
    Random random(seed);
    const Kind kind = kKinds[seed % std::size(kKinds)];
    SCOPED_TRACE(std::string(kNames[static_cast<int>(kind)]) + ", seed " + std::to_string(seed));
    const TempDir dir;
    const std::string path = dir.path("npanel.db");
    std::string database = database_;
    std::string wal = wal_;
    damage(kind, database, wal, random);
    write_bytes(path, database);
    write_bytes(path + "-wal", wal);
    if (random.below(8) != 0) std::filesystem::copy(template_.path("backups"), dir.path("backups"));
    std::filesystem::create_directory(dir.path("scratch"));
    auto opened = open_or_recover(path, dir.path("scratch"));
    ASSERT_TRUE(opened) << opened.error().text;
    if (const auto read = read_all(opened->store); !read) {
      ++outcomes_[std::string(kNames[static_cast<int>(kind)]) + ": noticed by a read"];
      EXPECT_EQ(read.error().code, EUCLEAN) << read.error().text;
      EXPECT_TRUE(opened->store.wants_reopening());
      opened->store.close();
      mark_suspect(path);
      opened = open_or_recover(path, dir.path("scratch"));
      ASSERT_TRUE(opened) << opened.error().text;
      EXPECT_FALSE(opened->repairs.empty());
    }
    ASSERT_FALSE(opened->read_only) << *opened->read_only;
    judge(kind, *opened);
    Notes notes = notes_of("next", 1);
    notes.audit = {entry_of("next")};
    EXPECT_TRUE(opened->store.put(Account{.name = "next", .slot = 9999}, notes));
    opened->store.close();
    const auto proof = verify_audit(path, std::nullopt);
    EXPECT_TRUE(proof || proof.error().code == EBADMSG) << proof.error().text;
    ++outcomes_[std::string("audit trail after ") + kNames[static_cast<int>(kind)] + (proof ? ": whole" : ": broken")];
    const auto again = open_or_recover(path, dir.path("scratch"));
    ASSERT_TRUE(again) << again.error().text;
    EXPECT_TRUE(again->repairs.empty()) << joined(again->repairs);
  }

  static Result<void> read_all(Store& store) {
    NP_TRY(store.accounts());
    NP_TRY(store.events(std::nullopt, 3000));
    NP_TRY(store.events("site0", 3000));
    NP_TRY(store.audit({.limit = 1000}));
    NP_TRY(store.audit({.account = "site0", .limit = 1000}));
    NP_TRY(store.audit({.actor = entry_of("site0").actor, .limit = 1000}));
    NP_TRY(store.audit({.action = entry_of("site0").action, .limit = 1000}));
    NP_TRY(store.features());
    NP_TRY(store.tokens());
    return {};
  }

  static std::string how(const std::vector<std::string>& repairs) {
    if (repairs.empty()) return "not noticed";
    if (repairs.back().find("saved from") != std::string::npos) return "saved";
    return repairs.back().find("restored from") != std::string::npos ? "restored" : "begun empty";
  }

  void judge(Kind kind, Opened& opened) {
    const auto accounts = opened.store.accounts();
    ASSERT_TRUE(accounts) << accounts.error().text;
    const auto read = read_all(opened.store);
    EXPECT_TRUE(read) << read.error().text;
    judge_switches(kind, opened.store);
    const bool repaired = !opened.repairs.empty();
    if (repaired) {
      EXPECT_GE(opened.repairs.size(), 3u) << joined(opened.repairs);
      EXPECT_TRUE(accounts->size() >= kAccounts - 20 || opened.accounts_lost) << joined(opened.repairs);
    } else if (*accounts != live()) {
      expect_excused(kind, *accounts);
    }
    ++outcomes_[std::string(kNames[static_cast<int>(kind)]) + ": " + how(opened.repairs) +
                (*accounts == live() ? ", accounts as they were" : "")];
  }

  // Neither is a limit lifted, nor does a token come to be that nobody made. A bit that makes a 0 of a 1 is not
  // noticed.
  static void judge_switches(Kind kind, Store& store) {
    const auto features = store.features();
    ASSERT_TRUE(features) << features.error().text;
    const auto isolation = std::ranges::find(*features, "cgroups_isolation", &StoredFeature::name);
    EXPECT_TRUE(kind == Kind::flips || (isolation != features->end() && isolation->enabled));
    const auto tokens = store.tokens();
    ASSERT_TRUE(tokens) << tokens.error().text;
    EXPECT_LE(tokens->size(), 1u);
  }

  const TempDir template_;
  std::string database_;
  std::string wal_;
  std::vector<std::vector<Account>> states_;  // after each change that is in the -wal only
  std::map<std::string, int> outcomes_;
  std::map<std::string, int> silent_;
};

TEST_F(Damage, NeverEndsTheAgentAndNeverHandsOutAnAccountThatIsNotValid) {
  const char* wanted = std::getenv("NPANEL_DAMAGED");
  const uint32_t count = wanted ? static_cast<uint32_t>(std::stoul(wanted)) : 60;
  for (uint32_t seed = 0; seed < count; ++seed) survive(seed);
  for (const auto& [what, times] : outcomes_) std::cout << times << " " << what << "\n";
  for (const auto& [what, times] : silent_) std::cout << times << " in silence: " << what << "\n";
}

}  // namespace
}  // namespace npanel
