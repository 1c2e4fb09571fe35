// SPDX-License-Identifier: Apache-2.0
// self_check.h: does the agent answer as its clients see it?
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace npanel {

// A loop that turns may serve nobody all the same: so it asks itself, as a client, over each socket, in its own loop
// and without blocking. Who is told to restart what does not answer (WatchdogSec= of systemd.service(5)) is told this.
class SelfCheck {
 public:
  struct Way {
    std::string socket;  // a path
    std::string question;
    std::string answer;  // what it begins with
  };

  static Result<SelfCheck> make(std::vector<Way> ways);

  // Readable when there is something to do for run().
  [[nodiscard]] int epoll_fd() const { return epoll_.get(); }
  void run();
  // Ends the round before and asks anew. The sockets that were silent in it; none before the first.
  std::vector<std::string> begin();
  // Sockets whose path leads to no listener: somebody has removed or replaced it. No restart would bring it back.
  [[nodiscard]] const std::vector<std::string>& missing() const { return missing_; }

 private:
  struct Asked {
    UniqueFd connection;
    std::string received = {};
    bool answered = false;
    bool gone = false;
  };
  SelfCheck(std::vector<Way> ways, UniqueFd epoll) : ways_(std::move(ways)), epoll_(std::move(epoll)) {}
  Asked ask(const Way& way) const;

  std::vector<Way> ways_;
  UniqueFd epoll_;
  std::vector<Asked> asked_ = {};  // one for each way
  std::vector<std::string> missing_ = {};
};

}  // namespace npanel
