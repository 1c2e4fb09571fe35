// SPDX-License-Identifier: Apache-2.0
// log_tail.h: what has been written to a log since the last look?
#pragma once

#include <sys/types.h>

#include <ctime>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace npanel {

// A file that others append to, and rotate: it may be renamed and made anew, or cut (copytruncate). What was in it
// before the first look is old and left out; a file that comes later is read from its beginning. Its name may have a
// date (log_name.h): the file of yesterday is read until there is one of today.
class LogTail {
 public:
  using Now = std::function<std::time_t()>;
  explicit LogTail(
      std::string path, Now now = [] { return std::time(nullptr); })
      : path_(std::move(path)), now_(std::move(now)) {}
  // As it was given.
  [[nodiscard]] const std::string& path() const { return path_; }

  // Each whole line that is new, without its end; at most 1 MiB a call. A line of more than 64 KiB is left out. A file
  // that is not there has no lines; the error is one of reading, or says that it is no regular file, or that everybody
  // may write to it.
  Result<void> read(const std::function<void(std::string_view line)>& each);

 private:
  Result<void> open(off_t from);  // the file `name_`
  Result<void> read_on(const std::function<void(std::string_view line)>& each);
  [[nodiscard]] bool is_another() const;

  std::string path_;
  Now now_;
  std::string name_;  // the file's, today
  UniqueFd file_;
  off_t offset_ = 0;
  bool looked_ = false;
  bool at_end_ = false;
  std::string partial_;
  bool too_long_ = false;
};

}  // namespace npanel
