// SPDX-License-Identifier: Apache-2.0
#include "watchdog/health_check.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/parse.h"
#include "model/recovery.h"

namespace npanel {
namespace {

constexpr std::string_view kRequest = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
constexpr std::string_view kHealthy = "HTTP/1.1 200 ";
constexpr std::string_view kBlankLine = "\r\n\r\n";
constexpr size_t kReadMost = 65'536;  // hundreds of complaints; beyond it, the status line has to do
constexpr int64_t kRetryAfterUs = 100'000;

std::optional<uint64_t> content_length(std::string_view head) {
  constexpr std::string_view kName = "\r\ncontent-length:";
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  const auto found = std::ranges::search(head, kName, same);
  if (found.empty()) return std::nullopt;
  const std::string_view rest(found.end(), head.end());
  return parse_u64(trim(rest.substr(0, rest.find('\r'))));
}

// Has all come that was announced? Without Content-Length, what is there when the head is complete is all to wait for.
bool is_whole(std::string_view answer) {
  if (answer.size() >= kReadMost) return true;
  const auto head = answer.find(kBlankLine);
  if (head == std::string_view::npos) return false;
  return answer.size() - head - kBlankLine.size() >= content_length(answer.substr(0, head)).value_or(0);
}

std::optional<FeatureMode> mode_in(std::string_view answer) {
  const auto head = answer.find(kBlankLine);
  if (head == std::string_view::npos) return std::nullopt;
  const auto json = nlohmann::json::parse(answer.substr(head + kBlankLine.size()), nullptr, false);
  const auto mode = json.find("watchdog");
  if (mode == json.end() || !mode->is_string()) return std::nullopt;
  return parse_watchdog_mode(mode->get_ref<const std::string&>());
}

}  // namespace

Result<HealthCheck> HealthCheck::make(std::string socket, int64_t timeout_ms) {
  if (socket.empty() || socket.size() >= sizeof(sockaddr_un::sun_path))
    return failure("socket path must be 1 to 107 bytes long: " + socket, EINVAL);
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return errno_failure("epoll_create1", errno);
  return HealthCheck(std::move(socket), timeout_ms, std::move(epoll));
}

bool HealthCheck::Attempt::healthy() const {
  return received.starts_with(kHealthy);
}

void HealthCheck::begin(int64_t now_us) {
  attempts_ = {};
  began_us_ = now_us;
  made_ = 1;
  connect(attempts_[0]);
}

void HealthCheck::connect(Attempt& attempt) {
  attempt.connection = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int fd = attempt.connection.get();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket_.c_str(), socket_.size() + 1);
  // A unix socket connects at once or not at all; the request fits into its empty buffer.
  const bool sent = fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
                    ::send(fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(kRequest.size());
  const int error = errno;
  epoll_event wanted{.events = EPOLLIN, .data = {}};
  if (!sent)
    attempt.failed = errno_failure("connect to " + socket_, error).error().text;
  else if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &wanted) != 0)
    attempt.failed = errno_failure("epoll_ctl", errno).error().text;
}

void HealthCheck::receive(Attempt& attempt) {
  if (!attempt.connection.valid() || attempt.failed || attempt.ended) return;
  char bytes[4096];
  const ssize_t got = ::recv(attempt.connection.get(), bytes, sizeof(bytes), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  const int error = errno;
  if (got > 0) attempt.received.append(bytes, static_cast<size_t>(got));
  if (!attempt.healthy()) {
    if (got < 0) attempt.failed = errno_failure("read the answer of " + socket_, error).error().text;
    if (got == 0) attempt.failed = "the agent closed the connection without an answer";
    if (attempt.received.size() >= kHealthy.size())
      attempt.failed = "/healthz answered: " + attempt.received.substr(0, attempt.received.find('\r'));
  }
  attempt.ended = attempt.failed || got <= 0 || (attempt.healthy() && is_whole(attempt.received));
  if (attempt.ended) attempt.connection = UniqueFd();
}

bool HealthCheck::retry_is_due(int64_t now_us) const {
  if (made_ >= attempts_.size()) return false;
  return now_us - *began_us_ >= (attempts_[0].failed ? kRetryAfterUs : timeout_us_ / 2);
}

std::optional<uint64_t> HealthCheck::timeout_ms(int64_t now_us) const {
  if (!began_us_) return std::nullopt;
  int64_t due_us = *began_us_ + timeout_us_;
  if (made_ < attempts_.size())
    due_us = std::min(due_us, *began_us_ + (attempts_[0].failed ? kRetryAfterUs : timeout_us_ / 2));
  return due_us <= now_us ? 0 : static_cast<uint64_t>((due_us - now_us) / 1000 + 1);
}

HealthCheck::Answer HealthCheck::end(int64_t now_us, std::optional<std::string> why) {
  const Answer answer{.latency_us = now_us - *began_us_, .why = std::move(why), .mode = {}};
  attempts_ = {};
  began_us_.reset();
  return answer;
}

HealthCheck::Answer HealthCheck::end_well(int64_t now_us, const Attempt& attempt) {
  const auto mode = mode_in(attempt.received);
  Answer answer = end(now_us, std::nullopt);
  answer.mode = mode;
  return answer;
}

std::optional<HealthCheck::Answer> HealthCheck::run(int64_t now_us) {
  if (!began_us_) return std::nullopt;
  if (retry_is_due(now_us)) connect(attempts_[made_++]);
  const bool time_is_over = now_us - *began_us_ >= timeout_us_;
  bool all_failed = made_ == attempts_.size();
  for (Attempt& attempt : attempts_) {
    receive(attempt);
    if (attempt.healthy() && (attempt.ended || time_is_over)) return end_well(now_us, attempt);
    all_failed = all_failed && attempt.failed.has_value();
  }
  if (all_failed) return end(now_us, attempts_.back().failed);
  if (!time_is_over) return std::nullopt;
  return end(now_us, "no answer within " + std::to_string(timeout_us_ / 1000) + " ms");
}

}  // namespace npanel
