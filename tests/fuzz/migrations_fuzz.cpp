// SPDX-License-Identifier: Apache-2.0
// Does the store survive every file, and hand out only what is valid? The first byte of an input says what the rest is:
// even: the database file itself; odd: patches of a valid database and its -wal. Bit 1: there is a backup.
#include <fcntl.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/parse.h"
#include "must.h"
#include "store/backups.h"
#include "store/recovery.h"

namespace npanel {
namespace {

namespace fs = std::filesystem;

constexpr uint8_t kPatches = 1;
constexpr uint8_t kBackup = 2;

std::string bytes_of(const fs::path& path) {
  std::stringstream all;
  all << std::ifstream(path, std::ios::binary).rdbuf();
  return all.str();
}

void write_bytes(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// On a tmpfs: scripts/fuzz gives TMPDIR, and removes it.
class Directory {
 public:
  Directory() {
    const char* parent = std::getenv("TMPDIR");
    std::string pattern = std::string(parent ? parent : "/dev/shm") + "/npanel-fuzz-XXXXXX";
    must(::mkdtemp(pattern.data()) != nullptr, "mkdtemp", pattern);
    path_ = pattern;
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() { clear(), fs::remove(path_); }

  void clear() const {
    for (const auto& entry : fs::directory_iterator(path_)) fs::remove_all(entry);
  }
  [[nodiscard]] std::string path(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

Account account_of(uint32_t number) {
  return {.name = "site" + std::to_string(number), .slot = number, .uid = 20000 + number};
}

Notes notes_of(const std::string& account) {
  constexpr int64_t kAtMs = 1'700'000'000'000;
  return {.events = {{.at_ms = kAtMs, .account = account, .kind = "limits_changed", .detail = R"({"before":1})"}},
          .audit = {{.at_ms = kAtMs, .actor = "uid 0 (root)", .source = "api", .action = "account.change"}}};
}

// A database with accounts, a backup of it, and changes that are only in the -wal.
struct Sample {
  std::string database, wal, backup, backup_name;

  explicit Sample(const Directory& place) {
    const std::string path = place.path("npanel.db");
    for (uint32_t number = 0; number < 4; ++number) put(path, number);
    Store store = Store::open(path).value();
    must(Backups(path).step(store, 1'700'000'000'000).value(), "a backup is made");
    const std::string made = Backups::list(path).front();
    backup = bytes_of(made);
    backup_name = fs::path(made).filename();
    for (uint32_t number = 4; number < 6; ++number) put(store, number);
    database = bytes_of(path);
    wal = bytes_of(path + "-wal");
    store.close();
    place.clear();
  }

 private:
  static void put(const std::string& path, uint32_t number) {
    Store store = Store::open(path).value();
    put(store, number);
  }
  static void put(Store& store, uint32_t number) {
    const Account account = account_of(number);
    must(store.put(account, notes_of(account.name)).has_value(), "the sample is made");
  }
};

// Each patch: where (1: the -wal), three bytes position (modulo the size), how many bytes follow, these bytes. One that
// says 0 bytes cuts the file off there.
void patch(std::string_view patches, std::string& database, std::string& wal) {
  const auto next = [&] {
    const auto byte = static_cast<uint8_t>(patches.front());
    patches.remove_prefix(1);
    return size_t{byte};
  };
  while (patches.size() >= 5) {
    std::string& file = next() % 2 ? wal : database;
    size_t at = next();
    at = (at << 8 | next()) << 8;
    at |= next();
    at %= file.size() + 1;
    const size_t count = std::min(next(), patches.size());
    if (count == 0)
      file.resize(at);
    else
      file.replace(at, count, patches.substr(0, count));
    patches.remove_prefix(count);
  }
}

void judge(Opened& opened) {
  must(!opened.read_only, "the disk is well", opened.read_only.value_or(""));
  const auto accounts = opened.store.accounts();
  uint32_t free_slot = 0;
  must(accounts.has_value(), "accounts can be read", accounts ? "" : accounts.error().text);
  for (const Account& account : *accounts) {
    if (account.slot >= free_slot) free_slot = account.slot + 1;
    must(parse_account_name(account.name).has_value(), "a name is valid", account.name);
    must(account.uid != 0U, "no account is root's", account.name);
    must(check(account.limits).has_value(), "limits are valid", account.name);
    must(check(account.smtp).has_value(), "a rate is valid", account.name);
  }
  must(opened.store.events(std::nullopt, 1000).has_value(), "events can be read");
  must(opened.store.failures(1000).has_value(), "failures can be read");
  must(opened.store.features().has_value(), "switches can be read");
  must(opened.store.audit({.limit = 1000}).has_value(), "the audit trail can be read");
  must(opened.store.tokens().has_value(), "tokens can be read");
  must(opened.store.config_versions(50).has_value(), "configurations can be read");
  const auto saved = opened.store.put(Account{.name = "next", .slot = free_slot}, notes_of("next"));
  must(saved.has_value(), "an account can be saved", saved ? "" : saved.error().text);
}

void survive(const Directory& place, const std::string& database) {
  const std::string path = place.path("npanel.db");
  auto opened = open_or_recover(path, place.path("scratch"));
  if (!opened) {
    must(opened.error().code == 0, "only a database of another build is an error", opened.error().text);
    must(bytes_of(path) == database, "a database of another build is left alone");
    return;
  }
  judge(*opened);
  opened->store.close();
  const auto again = open_or_recover(path, place.path("scratch"));
  must(again.has_value(), "a database that was opened can be opened again", again ? "" : again.error().text);
  for (const std::string& repair : again->repairs) must(false, "a repair holds", repair);
}

void run(std::string_view input) {
  static const Directory place;
  static const Sample sample(place);
  if (input.empty()) return;
  const auto kind = static_cast<uint8_t>(input.front());
  input.remove_prefix(1);
  std::string database(input);
  std::string wal;
  if (kind & kPatches) {
    database = sample.database;
    wal = sample.wal;
    patch(input, database, wal);
  }
  place.clear();
  for (const char* name : {"scratch", "backups"}) fs::create_directory(place.path(name));
  write_bytes(place.path("npanel.db"), database);
  if (kind & kPatches) write_bytes(place.path("npanel.db-wal"), wal);
  if (kind & kBackup) write_bytes(place.path("backups/") + sample.backup_name, sample.backup);
  survive(place, database);
}

}  // namespace
}  // namespace npanel

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's own name
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  npanel::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
