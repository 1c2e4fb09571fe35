// SPDX-License-Identifier: Apache-2.0
#include "model/progress.h"

#include <algorithm>
#include <cassert>
#include <ranges>
#include <utility>

namespace npanel {
namespace {

constexpr size_t kEndedKept = 100;
constexpr size_t kLinesKept = 100;
constexpr size_t kLineBytes = 500;
constexpr int64_t kWindowMs = 10'000;
constexpr int64_t kSampleMs = 100;  // a shorter time says little about the rate

std::string_view cut(std::string_view line) {
  if (line.size() <= kLineBytes) return line;
  size_t length = kLineBytes;
  const auto continues = [&](size_t at) { return (static_cast<unsigned char>(line[at]) & 0xC0) == 0x80; };
  while (length > kLineBytes - 3 && continues(length)) --length;
  return line.substr(0, length);
}

}  // namespace

const char* to_string(Job::State state) {
  switch (state) {
    case Job::State::running:
      return "running";
    case Job::State::done:
      return "done";
    case Job::State::failed:
      return "failed";
    case Job::State::cancelled:
      return "cancelled";
  }
  return "?";
}

int64_t JobList::begin(std::string kind, std::optional<std::string> account, Moment now) {
  Entry entry;
  entry.job.id = ++last_id_;
  entry.job.kind = std::move(kind);
  entry.job.account = std::move(account);
  entry.job.started_ms = now.unix_ms;
  entries_.emplace(last_id_, std::move(entry));
  return last_id_;
}

void JobList::advance(int64_t id, uint64_t done, uint64_t total, std::string stage, Moment now) {
  Entry* entry = running(id);
  if (!entry) return;
  auto& [job, samples] = *entry;
  job.stage = std::move(stage);
  if (total > 0) job.total = total;
  job.done = std::max(job.done, done);
  if (job.total > 0) job.done = std::min(job.done, job.total);

  if (samples.empty() || now.steady_ms - samples.back().at_ms >= kSampleMs)
    samples.push_back({.at_ms = now.steady_ms, .done = job.done});
  while (samples.size() > 1 && now.steady_ms - samples[1].at_ms >= kWindowMs) samples.pop_front();

  job.eta_seconds.reset();
  const auto [since_ms, done_then] = samples.front();
  const int64_t ms = now.steady_ms - since_ms;
  if (job.total == 0 || ms < kSampleMs || job.done <= done_then) return;
  const double per_second = static_cast<double>(job.done - done_then) * 1000 / static_cast<double>(ms);
  job.eta_seconds = static_cast<double>(job.total - job.done) / per_second;
}

void JobList::log(int64_t id, std::string_view line) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  auto& lines = found->second.job.log;
  lines.emplace_back(cut(line));
  if (lines.size() > kLinesKept) lines.pop_front();
}

void JobList::end(int64_t id, Job::State state, std::string result, Moment now) {
  assert(state != Job::State::running);
  Entry* entry = running(id);
  if (!entry) return;
  entry->job.state = state;
  entry->job.result = std::move(result);
  entry->job.ended_ms = now.unix_ms;
  entry->job.eta_seconds.reset();
  entry->samples.clear();
  ended_.push_back(id);
  if (ended_.size() <= kEndedKept) return;
  entries_.erase(ended_.front());
  ended_.pop_front();
}

const Job* JobList::find(int64_t id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second.job;
}

std::vector<Job> JobList::list() const {
  std::vector<Job> jobs;
  jobs.reserve(entries_.size());
  for (const Entry& entry : entries_ | std::views::values | std::views::reverse) jobs.push_back(entry.job);
  return jobs;
}

JobList::Entry* JobList::running(int64_t id) {
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.job.state != Job::State::running) return nullptr;
  return &found->second;
}

}  // namespace npanel
