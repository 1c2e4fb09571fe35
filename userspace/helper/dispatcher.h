// SPDX-License-Identifier: Apache-2.0
// dispatcher.h: how is a question answered by somebody who may hang for ever, so that nobody else waits?
#pragma once

#include <poll.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "helper/wire.h"

namespace npanel {

// How many questions of one kind may be at work at once, in all and of one owner, and how long each may take.
struct Bounds {
  size_t most = 32;
  size_t most_of_one = 2;
  std::chrono::milliseconds deadline{800};
};
[[nodiscard]] Bounds bounds_of(Ask what);

// One child a question. At its deadline the child is killed, and what it has said so far is the answer. One that cannot
// be killed (it sleeps in the kernel, state D) goes on counting against the bounds until it is gone: who makes children
// hang uses up what is theirs, and no more.
class Dispatcher {
 public:
  // In the child: 0 or an errno value. Each call of Say is one write.
  using Say = std::function<void(std::string_view name, std::string_view value)>;
  using Work = std::function<int(const Question&, const Say&)>;

  Dispatcher(UniqueFd listening, Work work, std::function<Bounds(Ask)> bounds = bounds_of);
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;
  // Kills its children.
  ~Dispatcher();

  // Waits for what happens next, at the most `wait`, and deals with it.
  Result<void> run_once(std::chrono::milliseconds wait);
  // Children that are there, those that cannot be killed among them.
  [[nodiscard]] size_t at_work() const { return jobs_.size(); }

 private:
  using Clock = std::chrono::steady_clock;
  struct Job {
    pid_t pid;
    UniqueFd ended;  // pidfd
    UniqueFd said;   // its end of the child's pipe
    Ask what;
    uint64_t owner;
    uint64_t number;
    uint64_t client;
    Clock::time_point deadline;
    bool answered = false;  // at its deadline
  };
  void accept_client();
  void hear(uint64_t client, int socket);
  void begin(uint64_t client, const Question& question);
  [[nodiscard]] int refused(const Question& question) const;
  void answer(Job& job, int error);
  void reply(uint64_t client, uint64_t number, int error, std::string_view fields);
  void end_late();
  void reap();
  [[nodiscard]] std::vector<pollfd> watched() const;
  [[nodiscard]] int wait_ms(std::chrono::milliseconds most) const;

  UniqueFd listening_;
  Work work_;
  std::function<Bounds(Ask)> bounds_;
  std::map<uint64_t, UniqueFd> clients_;
  uint64_t next_client_ = 1;
  std::list<Job> jobs_;
};

}  // namespace npanel
