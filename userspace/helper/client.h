// SPDX-License-Identifier: Apache-2.0
// client.h: how does the agent ask npanel-helper, and never wait for it?
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "base/unique_fd.h"
#include "helper/wire.h"

namespace npanel {

class HelperClient {
 public:
  using Clock = std::chrono::steady_clock;
  using Reply = std::function<void(const Answer&)>;

  // `path`: where npanel-helper listens.
  explicit HelperClient(std::string path);

  // `reply` is called once, by run(): with the answer, or with ETIME after `patience`, or at once with the reason why
  // nobody could be asked.
  void ask(Question question, std::chrono::milliseconds patience, Reply reply);
  // Readable when run() has something to do.
  [[nodiscard]] int fd() const { return epoll_.get(); }
  void run();

  // Why the last question was not even taken; empty when it was, or none was asked.
  [[nodiscard]] const std::string& complaint() const { return complaint_; }

 private:
  struct Waiting {
    Reply reply;
    Clock::time_point until;
    int error = ETIME;
  };
  [[nodiscard]] int connect();
  [[nodiscard]] int send(const Question& question);
  void hang_up();
  void take_answers();
  void end_late();
  void set_timer();

  std::string path_;
  UniqueFd epoll_;
  UniqueFd timer_;
  UniqueFd socket_;
  std::map<uint64_t, Waiting> waiting_;
  std::set<std::pair<Clock::time_point, uint64_t>> by_deadline_;
  uint64_t next_ = 1;
  int unanswered_ = 0;  // in a row
  std::string complaint_;
};

}  // namespace npanel
