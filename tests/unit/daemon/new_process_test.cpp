// SPDX-License-Identifier: Apache-2.0
#include "daemon/new_process.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <string_view>
#include <thread>

namespace npanel {
namespace {

// This very test, started anew.
std::optional<int> exit_code_with(const std::string& argument) {
  auto process = NewProcess::start(argument);
  if (!process) return std::nullopt;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < end) {
    if (const auto code = process->exit_code()) return code;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return std::nullopt;
}

TEST(NewProcess, SaysHowItEnded) {
  EXPECT_EQ(exit_code_with("exit 0"), 0);
  EXPECT_EQ(exit_code_with("exit 7"), 7);
  EXPECT_EQ(exit_code_with("be killed"), 128);
}

TEST(NewProcess, EndsWithWhoAskedForIt) {
  const auto began = std::chrono::steady_clock::now();
  {
    auto process = NewProcess::start("hang").value();
    EXPECT_EQ(process.exit_code(), std::nullopt);
  }
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "no child is left";
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
}

// glibc hands main's arguments to constructors, too: this is the new process, before googletest begins.
__attribute__((constructor)) void be_the_new_process(int count, char** arguments) {
  const std::string_view wish = count == 2 ? arguments[1] : "";
  if (wish == "exit 0") ::_exit(0);
  if (wish == "exit 7") ::_exit(7);
  if (wish == "be killed") ::raise(SIGKILL);
  if (wish == "hang") ::sleep(60);
}

}  // namespace
}  // namespace npanel
