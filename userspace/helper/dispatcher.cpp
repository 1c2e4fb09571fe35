// SPDX-License-Identifier: Apache-2.0
#include "helper/dispatcher.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <csignal>

namespace npanel {
namespace {

constexpr size_t kClientsMost = 8;  // one agent, and the next one while it starts

// The child: its pipe is descriptor 1, the question's file 0, and it holds nothing else that somebody waits for.
[[noreturn]] void be_child(const Dispatcher::Work& work, const Question& question, int said) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(said, STDOUT_FILENO);
  if (question.file.valid()) ::dup2(question.file.get(), STDIN_FILENO);
  ::syscall(SYS_close_range, 3U, ~0U, 0U);
  const int error = work(question, [](std::string_view name, std::string_view value) {
    const std::string text = field(name, value);
    if (::write(STDOUT_FILENO, text.data(), text.size()) < 0) ::_exit(EPIPE);
  });
  ::_exit(error);
}

std::string all_that_was_said(int pipe) {
  std::string text(kPacketMost, '\0');
  size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t got = ::read(pipe, text.data() + filled, text.size() - filled);
    if (got <= 0) break;
    filled += static_cast<size_t>(got);
  }
  text.resize(filled);
  return text;
}

}  // namespace

Bounds bounds_of(Ask what) {
  using std::chrono::milliseconds;
  switch (what) {
    case Ask::process:
      return {.most = 32, .most_of_one = 2, .deadline = milliseconds(800)};
    case Ask::user:
      return {.most = 8, .most_of_one = 8, .deadline = milliseconds(5000)};
    case Ask::write:
      return {.most = 32, .most_of_one = 2, .deadline = milliseconds(30'000)};
  }
  return {.most = 0};
}

Dispatcher::Dispatcher(UniqueFd listening, Work work, std::function<Bounds(Ask)> bounds)
    : listening_(std::move(listening)), work_(std::move(work)), bounds_(std::move(bounds)) {}

Dispatcher::~Dispatcher() {
  for (const Job& job : jobs_) {
    ::kill(job.pid, SIGKILL);
    ::waitpid(job.pid, nullptr, WNOHANG);
  }
}

std::vector<pollfd> Dispatcher::watched() const {
  std::vector<pollfd> fds{{.fd = listening_.get(), .events = POLLIN, .revents = 0}};
  for (const auto& [number, socket] : clients_) fds.push_back({.fd = socket.get(), .events = POLLIN, .revents = 0});
  for (const Job& job : jobs_) fds.push_back({.fd = job.ended.get(), .events = POLLIN, .revents = 0});
  return fds;
}

int Dispatcher::wait_ms(std::chrono::milliseconds most) const {
  auto wait = most;
  const auto now = Clock::now();
  for (const Job& job : jobs_)
    if (!job.answered) wait = std::min(wait, std::chrono::ceil<std::chrono::milliseconds>(job.deadline - now));
  return static_cast<int>(std::max(wait, std::chrono::milliseconds(0)).count());
}

Result<void> Dispatcher::run_once(std::chrono::milliseconds wait) {
  std::vector<pollfd> fds = watched();
  if (::poll(fds.data(), fds.size(), wait_ms(wait)) < 0 && errno != EINTR) return errno_failure("poll", errno);
  reap();
  end_late();
  if (fds.front().revents != 0) accept_client();
  // A copy: who is heard may go.
  std::vector<std::pair<uint64_t, int>> heard;
  size_t at = 1;
  for (const auto& [number, socket] : clients_) {
    if (at < fds.size() && fds[at].fd == socket.get() && fds[at].revents != 0) heard.emplace_back(number, socket.get());
    ++at;
  }
  for (const auto& [number, socket] : heard) hear(number, socket);
  return {};
}

// The socket is root's (0600); somebody else can only have got it by a mistake.
void Dispatcher::accept_client() {
  UniqueFd client(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  ucred who{};
  socklen_t length = sizeof(who);
  if (!client.valid() || ::getsockopt(client.get(), SOL_SOCKET, SO_PEERCRED, &who, &length) != 0) return;
  if (who.uid != ::geteuid()) return;
  if (clients_.size() >= kClientsMost) clients_.erase(clients_.begin());  // the oldest
  clients_.emplace(next_client_++, std::move(client));
}

void Dispatcher::hear(uint64_t client, int socket) {
  const auto question = receive_question(socket);
  if (question)
    begin(client, *question);
  else if (errno != EAGAIN && errno != EINTR)
    clients_.erase(client);
}

int Dispatcher::refused(const Question& question) const {
  const Bounds bounds = bounds_(question.what);
  if (bounds.most == 0) return ENOSYS;
  const auto all = std::ranges::count(jobs_, question.what, &Job::what);
  const auto theirs = std::ranges::count_if(
      jobs_, [&](const Job& job) { return job.what == question.what && job.owner == question.owner; });
  const bool free = static_cast<size_t>(all) < bounds.most && static_cast<size_t>(theirs) < bounds.most_of_one;
  return free ? 0 : EBUSY;
}

void Dispatcher::begin(uint64_t client, const Question& question) {
  if (const int error = refused(question); error != 0) {
    reply(client, question.number, error, {});
    return;
  }
  std::array<int, 2> pipe{-1, -1};
  if (::pipe2(pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    reply(client, question.number, errno, {});
    return;
  }
  UniqueFd said(pipe[0]);
  const UniqueFd theirs(pipe[1]);
  const pid_t pid = ::fork();
  if (pid == 0) be_child(work_, question, theirs.get());
  if (pid < 0) {
    reply(client, question.number, errno, {});
    return;
  }
  // A child that nobody has waited for keeps its pid.
  UniqueFd ended(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  jobs_.push_back({.pid = pid,
                   .ended = std::move(ended),
                   .said = std::move(said),
                   .what = question.what,
                   .owner = question.owner,
                   .number = question.number,
                   .client = client,
                   .deadline = Clock::now() + bounds_(question.what).deadline});
}

void Dispatcher::reply(uint64_t client, uint64_t number, int error, std::string_view fields) {
  const auto found = clients_.find(client);
  if (found == clients_.end()) return;
  // Who does not read the answers has a deadline of their own.
  if (send_answer(found->second.get(), number, error, fields) == EPIPE) clients_.erase(found);
}

void Dispatcher::answer(Job& job, int error) {
  if (std::exchange(job.answered, true)) return;
  reply(job.client, job.number, error, all_that_was_said(job.said.get()));
  job.said = {};
}

void Dispatcher::reap() {
  for (auto job = jobs_.begin(); job != jobs_.end();) {
    int status = 0;
    if (::waitpid(job->pid, &status, WNOHANG) == 0) {
      ++job;
      continue;
    }
    answer(*job, WIFEXITED(status) ? WEXITSTATUS(status) : EIO);
    job = jobs_.erase(job);
  }
}

void Dispatcher::end_late() {
  for (Job& job : jobs_) {
    if (job.answered || Clock::now() < job.deadline) continue;
    ::kill(job.pid, SIGKILL);
    answer(job, ETIME);
  }
}

}  // namespace npanel
