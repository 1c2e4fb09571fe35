// SPDX-License-Identifier: Apache-2.0
#include "daemon/config_rollback.h"

#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <ranges>

#include "base/file.h"

namespace npanel {
namespace {

Result<void> write_file(const std::string& path, const std::string& text) {
  struct stat old{};
  const mode_t mode = ::stat(path.c_str(), &old) == 0 ? old.st_mode & 07777U : 0644U;
  std::error_code ignored;  // shows when the file is written
  std::filesystem::create_directory(std::filesystem::path(path).parent_path(), ignored);
  NP_TRY(replace_file(path, text));
  if (::chmod(path.c_str(), mode) != 0) return errno_failure("chmod " + path, errno);
  return {};
}

Result<void> move_file(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) return errno_failure("rename " + from + " to " + to, errno);
  return {};
}

Result<void> make(const FileChange& change) {
  return change.after ? write_file(change.path, *change.after) : move_file(change.path, set_aside(change.path));
}

Result<void> undo(const FileChange& change) {
  if (!change.after) return move_file(set_aside(change.path), change.path);
  if (change.before) return write_file(change.path, *change.before);
  if (::unlink(change.path.c_str()) != 0) return errno_failure("remove " + change.path, errno);
  return {};
}

}  // namespace

std::string set_aside(const std::string& path) {
  return path + ".rolled-back";
}

Result<std::vector<FileChange>> rollback_changes(const ConfigSources& sources, const ConfigFiles& now,
                                                 const ConfigFiles& wanted) {
  std::vector<FileChange> changes;
  for (const auto& [path, text] : wanted) {
    if (!sources.is_ours(path))
      return failure(path + " is neither " + sources.file + " nor a drop-in in " + sources.drop_in_directory() +
                         "; nothing was changed",
                     EINVAL);
    const auto old = now.find(path);
    if (old == now.end())
      changes.push_back({.path = path, .before = std::nullopt, .after = text});
    else if (old->second != text)
      changes.push_back({.path = path, .before = old->second, .after = text});
  }
  for (const auto& [path, text] : now)
    if (!wanted.contains(path)) changes.push_back({.path = path, .before = text, .after = std::nullopt});
  return changes;
}

Result<void> make_changes(const std::vector<FileChange>& changes) {
  for (size_t i = 0; i < changes.size(); ++i) {
    const auto made = make(changes[i]);
    if (made) continue;
    const auto undone = undo_changes({changes.begin(), changes.begin() + static_cast<std::ptrdiff_t>(i)});
    return failure(made.error().text + (undone ? "" : "; " + undone.error().text), made.error().code);
  }
  return {};
}

Result<void> undo_changes(const std::vector<FileChange>& changes) {
  std::string problems;
  for (const FileChange& change : changes | std::views::reverse)
    if (const auto undone = undo(change); !undone) problems += (problems.empty() ? "" : "; ") + undone.error().text;
  if (!problems.empty()) return failure(problems, EIO);
  return {};
}

}  // namespace npanel
