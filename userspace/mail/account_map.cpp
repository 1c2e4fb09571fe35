// SPDX-License-Identifier: Apache-2.0
#include "mail/account_map.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/file.h"
#include "base/parse.h"
#include "model/account.h"

namespace npanel {
namespace {

constexpr size_t kComplaintsMost = 10;

std::string lower(std::string_view text) {
  std::string copy(text);
  std::ranges::transform(copy, copy.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return copy;
}

int64_t version_of(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return 0;
  return status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec + status.st_size;
}

}  // namespace

Result<AccountMap> AccountMap::read(std::string path) {
  AccountMap map;
  map.version_ = version_of(path);  // first: a change while we read is seen the next time
  const std::string text = NP_TRY(read_file_at(AT_FDCWD, path));
  size_t number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    ++number;
    line = trim(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    const size_t end = line.find_first_of(": \t");
    const std::string_view key = line.substr(0, end);
    const std::string_view value = end == std::string_view::npos ? "" : trim(line.substr(end + 1));
    const auto account = parse_account_name(value);
    if (account && !key.empty())
      map.accounts_.insert_or_assign(lower(key), *account);
    else if (map.complaints_.size() < kComplaintsMost)
      map.complaints_.push_back(path + ":" + std::to_string(number) + ": must be \"key: account\"");
  }
  map.path_ = std::move(path);
  return map;
}

std::optional<std::string> AccountMap::find(std::string_view key) const {
  const auto found = accounts_.find(lower(key));
  if (found == accounts_.end()) return std::nullopt;
  return found->second;
}

bool AccountMap::is_stale() const {
  return !path_.empty() && version_of(path_) != version_;
}

}  // namespace npanel
