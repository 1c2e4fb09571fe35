// SPDX-License-Identifier: Apache-2.0
#include "mail/log_tail.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "base/local_file.h"
#include "model/log_name.h"

namespace npanel {
namespace {

constexpr size_t kChunk = 65536;
constexpr size_t kReadMost = 1UL << 20;
constexpr size_t kLineMost = 65536;

}  // namespace

Result<void> LogTail::open(off_t from) {
  auto opened = open_local(name_);
  if (!opened) {
    if (opened.error().code == ENOENT) return {};
    return std::unexpected(std::move(opened.error()));
  }
  struct stat status{};
  if (::fstat(opened->get(), &status) != 0) return errno_failure("fstat " + name_, errno);
  file_ = std::move(*opened);
  offset_ = from < 0 ? status.st_size : from;
  partial_.clear();
  too_long_ = false;
  return {};
}

bool LogTail::is_another() const {
  struct stat now{};
  struct stat ours{};
  const auto there = open_local(name_);
  if (!there || ::fstat(there->get(), &now) != 0 || ::fstat(file_.get(), &ours) != 0) return false;
  return now.st_ino != ours.st_ino || now.st_dev != ours.st_dev;
}

Result<void> LogTail::read(const std::function<void(std::string_view line)>& each) {
  const bool first = !std::exchange(looked_, true);
  name_ = log_name(path_, now_());
  if (!file_.valid()) NP_TRY(open(first ? -1 : 0));
  if (!file_.valid()) return {};
  const bool another = is_another();  // looked at first: what is written to the old one until then is read
  NP_TRY(read_on(each));
  if (!another || !at_end_) return {};
  file_ = {};
  NP_TRY(open(0));
  return file_.valid() ? read_on(each) : Result<void>();
}

Result<void> LogTail::read_on(const std::function<void(std::string_view line)>& each) {
  struct stat status{};
  if (::fstat(file_.get(), &status) != 0) return errno_failure("fstat " + name_, errno);
  if ((status.st_mode & S_IWOTH) != 0) {
    offset_ = status.st_size;  // what is in it now is nobody's word
    partial_.clear();
    return failure(name_ + " may be written by everybody, so that it is not read");
  }
  if (status.st_size < offset_) {
    offset_ = 0;
    partial_.clear();
    too_long_ = false;
  }
  std::vector<char> chunk(kChunk);
  at_end_ = false;
  for (size_t total = 0; total < kReadMost && !at_end_;) {
    const ssize_t got = ::pread(file_.get(), chunk.data(), chunk.size(), offset_);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_failure("read " + name_, errno);
    at_end_ = got == 0;
    offset_ += got;
    total += static_cast<size_t>(got);
    std::string_view rest(chunk.data(), static_cast<size_t>(got));
    for (size_t end; (end = rest.find('\n')) != std::string_view::npos; rest.remove_prefix(end + 1)) {
      partial_.append(rest.substr(0, end));
      if (!too_long_ && partial_.size() <= kLineMost) each(partial_);
      partial_.clear();
      too_long_ = false;
    }
    partial_.append(rest);
    if (partial_.size() > kLineMost) {
      too_long_ = true;
      partial_.clear();
    }
  }
  return {};
}

}  // namespace npanel
