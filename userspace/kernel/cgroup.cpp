// SPDX-License-Identifier: Apache-2.0
#include "kernel/cgroup.h"

#include <sys/stat.h>

#include <memory>

#include "base/directory.h"
#include "base/file.h"
#include "base/parse.h"

namespace npanel {

Result<Cgroup> Cgroup::open(int parent, const std::string& name) {
  return Cgroup(NP_TRY(open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)));
}

Result<uint64_t> Cgroup::id() const {
  struct stat status{};
  if (::fstat(dir_.get(), &status) != 0) return errno_failure("fstat of a cgroup", errno);
  return status.st_ino;
}

Result<std::string> Cgroup::read(const std::string& file) const {
  return read_file_at(dir_.get(), file);
}

Result<void> Cgroup::write(const std::string& file, std::string_view text) const {
  return write_file_at(dir_.get(), file, text);
}

Result<std::vector<pid_t>> Cgroup::pids() const {
  const std::string text = NP_TRY(read("cgroup.procs"));
  std::vector<pid_t> pids;
  for (std::string_view rest = text; !rest.empty();) {
    const auto end = rest.find('\n');
    if (const auto pid = parse_u64(rest.substr(0, end)); pid && *pid != 0) pids.push_back(static_cast<pid_t>(*pid));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return pids;
}

Result<void> Cgroup::add(pid_t pid) const {
  return write("cgroup.procs", std::to_string(pid));
}

Result<void> Cgroup::kill() const {
  return write("cgroup.kill", "1");
}

Result<bool> Cgroup::populated() const {
  return flat_key(NP_TRY(read("cgroup.events")), "populated") == 1;
}

Result<std::vector<std::string>> Cgroup::children() const {
  std::vector<std::string> names;
  for (DirectoryEntry& entry : NP_TRY(entries_of(fd(), ".")))
    if (entry.is_directory && !entry.name.starts_with('.')) names.push_back(std::move(entry.name));
  return names;
}

}  // namespace npanel
