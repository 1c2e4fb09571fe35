// SPDX-License-Identifier: Apache-2.0
#include "daemon/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <string>

#include "base/unique_fd.h"

namespace npanel {
namespace {

// stderr is `fd` as long as this lives.
class AsStderr {
 public:
  explicit AsStderr(int fd) : before_(::dup(STDERR_FILENO)) { ::dup2(fd, STDERR_FILENO); }
  AsStderr(const AsStderr&) = delete;
  AsStderr& operator=(const AsStderr&) = delete;
  ~AsStderr() { ::dup2(before_.get(), STDERR_FILENO); }

 private:
  UniqueFd before_;
};

std::string read_all(int fd) {
  std::string text;
  std::array<char, 4096> chunk;
  for (ssize_t got; (got = ::read(fd, chunk.data(), chunk.size())) > 0;)
    text.append(chunk.data(), static_cast<size_t>(got));
  return text;
}

// Fills `write` until lines are lost; reads them all, and logs once more.
void expect_never_waits(const UniqueFd& read, const UniqueFd& write) {
  ASSERT_EQ(::fcntl(read.get(), F_SETFL, O_NONBLOCK), 0);
  std::string text;
  const auto began = std::chrono::steady_clock::now();
  const uint64_t before = log_lines_lost();
  {
    const AsStderr redirected(write.get());
    for (int i = 0; i < 20'000; ++i) log_info("line " + std::to_string(i) + " " + std::string(100, 'x'));
    text = read_all(read.get());
    log_info("through again");
  }
  text += read_all(read.get());
  const uint64_t lost = log_lines_lost() - before;
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
  EXPECT_GT(lost, 0U);
  EXPECT_NE(text.find("through again\n"), std::string::npos);
  EXPECT_NE(text.find(": " + std::to_string(lost) + " lines of this log were lost"), std::string::npos) << lost;
  for (size_t at = 0; (at = text.find("line ", at)) != std::string::npos; ++at)
    EXPECT_EQ(text.find('\n', at), text.find("x\n", at) + 1) << "no line is cut in two";
}

TEST(Log, LosesLinesRatherThanWaitForAPipe) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  expect_never_waits(UniqueFd(pipe[0]), UniqueFd(pipe[1]));
}

TEST(Log, LosesLinesRatherThanWaitForAJournal) {
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
  expect_never_waits(UniqueFd(pair[0]), UniqueFd(pair[1]));
}

}  // namespace
}  // namespace npanel
