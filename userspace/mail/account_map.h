// SPDX-License-Identifier: Apache-2.0
// account_map.h: whose is this login, whose is this domain?
#pragma once

#include <sys/types.h>

#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"

namespace npanel {

// "user@domain" with the domain as DNS compares it, and all without regard to case; what has no @ is only in lower
// case.
[[nodiscard]] std::string canonical_login(std::string_view login);
// The login as "user@domain": of "user+domain" and "user%domain", too. nullopt: it names no domain.
struct RealmedLogin {
  std::string user;
  std::string domain;
};
[[nodiscard]] std::optional<RealmedLogin> split_login(std::string_view login);

// A file of "key: account" or "key account" lines, as panels keep them (/etc/userdomains); # begins a comment. It is
// read by refresh(): at first, when it comes, and whenever it has changed.
class AccountMap {
 public:
  enum class Keys { logins, domains };

  AccountMap() = default;  // knows nobody
  AccountMap(std::string path, Keys keys) : path_(std::move(path)), keys_(keys) {}

  // Reads the file if it has changed. What is wrong with it, one sentence each, once; a file that cannot be read leaves
  // what was known. Lines that are none, keys that are no domain and names that cannot be an account's are left out.
  [[nodiscard]] std::vector<std::string> refresh();

  [[nodiscard]] std::optional<std::string> find_login(std::string_view login) const;
  // "*.example.org" stands for all below example.org that is not in the map itself, nor below what is: as in DNS (RFC
  // 4592, 3.3.1), so that x.ann.example is never the owner's of *.example.
  [[nodiscard]] std::optional<std::string> find_domain(std::string_view domain) const;
  [[nodiscard]] size_t size() const { return accounts_.size(); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  // Of a file: it has another when anything was written to it or took its place. All 0: there is none.
  struct Version {
    timespec changed{};
    off_t size = 0;
    ino_t inode = 0;
    dev_t device = 0;

    bool operator==(const Version& other) const {
      return changed.tv_sec == other.changed.tv_sec && changed.tv_nsec == other.changed.tv_nsec && size == other.size &&
             inode == other.inode && device == other.device;
    }
  };

  [[nodiscard]] static Version version_of(const std::string& path);
  [[nodiscard]] std::optional<std::string> key_of(std::string_view text) const;
  [[nodiscard]] std::vector<std::string> take(std::string_view text);
  [[nodiscard]] std::optional<std::string> exactly(const std::string& key) const;

  std::string path_;
  Keys keys_ = Keys::logins;
  std::optional<Version> version_;  // of what was read, or tried to; nullopt: never tried
  std::unordered_map<std::string, std::string> accounts_;
};

}  // namespace npanel
