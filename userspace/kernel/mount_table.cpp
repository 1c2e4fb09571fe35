// SPDX-License-Identifier: Apache-2.0
#include "kernel/mount_table.h"

#include <algorithm>

namespace npanel {
namespace {

bool is_octal(char c) {
  return c >= '0' && c <= '7';
}

// "\040" for a space, as the kernel writes what would end a field.
std::string unescaped(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto digits = text.substr(std::min(i + 1, text.size()), 3);
    if (text[i] == '\\' && digits.size() == 3 && std::ranges::all_of(digits, is_octal)) {
      plain += static_cast<char>((digits[0] - '0') * 64 + (digits[1] - '0') * 8 + (digits[2] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

std::vector<std::string_view> split(std::string_view text, char between) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto end = text.find(between);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return parts;
}

bool is_writable(std::string_view options) {
  return std::ranges::any_of(split(options, ','), [](std::string_view option) { return option == "rw"; });
}

// ID PARENT MAJOR:MINOR ROOT AT OPTIONS [TAG...] - TYPE SOURCE OPTIONS
std::optional<Mount> parse_mount(std::string_view line) {
  constexpr size_t kDevice = 2;
  constexpr size_t kAt = 4;
  constexpr size_t kOptions = 5;
  constexpr size_t kAfterDash = 3;
  const auto words = split(line, ' ');
  const auto dash = std::ranges::find(words, std::string_view("-"));
  const auto before = static_cast<size_t>(dash - words.begin());
  if (before <= kOptions || words.size() - before <= kAfterDash) return std::nullopt;
  const auto device = parse_device(words[kDevice]);
  if (!device) return std::nullopt;
  return Mount{.device = *device,
               .at = unescaped(words[kAt]),
               .type = std::string(dash[1]),
               .source = unescaped(dash[2]),
               .options = std::string(dash[3]),
               .writable = is_writable(words[kOptions]) && is_writable(dash[3])};
}

}  // namespace

std::optional<std::string> Mount::option(std::string_view name) const {
  for (const std::string_view part : split(options, ','))
    if (part.starts_with(name) && part.substr(name.size()).starts_with('='))
      return unescaped(part.substr(name.size() + 1));
  return std::nullopt;
}

std::vector<Mount> parse_mounts(std::string_view mountinfo) {
  std::vector<Mount> mounts;
  for (const std::string_view line : split(mountinfo, '\n'))
    if (auto mount = parse_mount(line)) mounts.push_back(std::move(*mount));
  return mounts;
}

bool is_below(std::string_view path, std::string_view directory) {
  if (directory == "/") return path.starts_with('/');
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

const Mount* mount_of(const std::vector<Mount>& mounts, std::string_view path) {
  const Mount* nearest = nullptr;
  for (const Mount& mount : mounts)
    if (is_below(path, mount.at) && (!nearest || mount.at.size() >= nearest->at.size())) nearest = &mount;
  return nearest;
}

}  // namespace npanel
