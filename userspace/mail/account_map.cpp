// SPDX-License-Identifier: Apache-2.0
#include "mail/account_map.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "base/local_file.h"
#include "base/parse.h"
#include "mail/domain_name.h"
#include "model/account.h"

namespace npanel {
namespace {

constexpr size_t kComplaintsMost = 10;
constexpr std::string_view kAnyBelow = "*.";

// "*.example.org", too.
std::optional<std::string> canonical_pattern(std::string_view text) {
  const bool wild = text.starts_with(kAnyBelow);
  auto domain = canonical_domain(wild ? text.substr(kAnyBelow.size()) : text);
  if (!domain || !wild) return domain;
  return std::string(kAnyBelow) + *domain;
}

}  // namespace

std::optional<RealmedLogin> split_login(std::string_view login) {
  size_t at = login.rfind('@');
  if (at == std::string_view::npos) at = login.find_last_of("+%");
  if (at == std::string_view::npos) return std::nullopt;
  const auto domain = canonical_domain(login.substr(at + 1));
  if (!domain) return std::nullopt;
  return RealmedLogin{.user = lower_ascii(login.substr(0, at)), .domain = *domain};
}

std::string canonical_login(std::string_view login) {
  const auto realmed = login.contains('@') ? split_login(login) : std::nullopt;
  return realmed ? realmed->user + "@" + realmed->domain : lower_ascii(login);
}

AccountMap::Version AccountMap::version_of(const std::string& path) {
  struct stat status{};
  const auto file = open_local(path);
  if (!file || ::fstat(file->get(), &status) != 0) return {};
  return {.changed = status.st_ctim,
          .size = status.st_size,
          .inode = status.st_ino,
          .device = status.st_dev};  // by rename, too
}

std::vector<std::string> AccountMap::refresh() {
  if (path_.empty()) return {};
  const Version now = version_of(path_);  // first: a change while we read is seen the next time
  if (version_ == now) return {};
  version_ = now;
  const auto text = read_local(path_);
  if (!text) return {text.error().text};
  return take(*text);
}

std::vector<std::string> AccountMap::take(std::string_view text) {
  std::vector<std::string> complaints;
  std::unordered_map<std::string, std::string> accounts;
  size_t number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    ++number;
    line = trim(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    const size_t end = line.find_first_of(": \t");
    const auto key = key_of(line.substr(0, end));
    const auto account = parse_account_name(end == std::string_view::npos ? "" : trim(line.substr(end + 1)));
    if (account && key)
      accounts.insert_or_assign(*key, *account);
    else if (complaints.size() < kComplaintsMost)
      complaints.push_back(path_ + ":" + std::to_string(number) + ": must be \"" +
                           (keys_ == Keys::domains ? "domain" : "login") + ": account\"");
  }
  accounts_ = std::move(accounts);
  return complaints;
}

std::optional<std::string> AccountMap::key_of(std::string_view text) const {
  if (keys_ == Keys::domains) return canonical_pattern(text);
  return text.empty() ? std::nullopt : std::optional(canonical_login(text));
}

std::optional<std::string> AccountMap::exactly(const std::string& key) const {
  const auto found = accounts_.find(key);
  return found == accounts_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::string> AccountMap::find_login(std::string_view login) const {
  if (login.empty()) return std::nullopt;
  if (auto account = exactly(canonical_login(login))) return account;
  const auto realmed = split_login(login);
  return realmed ? exactly(realmed->user + "@" + realmed->domain) : std::nullopt;
}

std::optional<std::string> AccountMap::find_domain(std::string_view domain) const {
  const auto canonical = canonical_domain(domain);
  if (!canonical) return std::nullopt;
  if (auto account = exactly(*canonical)) return account;
  for (size_t dot = canonical->find('.'); dot != std::string::npos; dot = canonical->find('.', dot + 1)) {
    const std::string above = canonical->substr(dot + 1);
    if (auto account = exactly(std::string(kAnyBelow) + above)) return account;
    if (accounts_.contains(above)) return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace npanel
