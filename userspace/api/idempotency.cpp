// SPDX-License-Identifier: Apache-2.0
#include "api/idempotency.h"

#include <algorithm>

#include "api/problem.h"
#include "base/clock.h"
#include "base/digest.h"

namespace npanel {
namespace {

constexpr const char* kHeader = "Idempotency-Key";
constexpr size_t kKeyMost = 64;

bool is_key(const std::string& text) {
  return !text.empty() && text.size() <= kKeyMost &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
}

// The condition is a part of what is asked for: with another If-Match it is another request.
std::string fingerprint(const Request& request) {
  std::string text = request.method + "\n" + request.path + "\n" + request.body;
  if (const auto match = request.headers.find("if-match"); match != request.headers.end())
    text += "\nif-match: " + match->second;
  return sha256_hex(text);
}

Response replay(const IdempotentReply& kept) {
  Response response{.status = kept.status, .body = kept.body, .headers = kept.headers};
  response.headers.emplace_back("Idempotency-Replayed", "true");
  if (kept.status >= 400) response.content_type = kProblemType;
  return response;
}

// Who tries again after these wants another answer.
bool is_worth_keeping(const Response& response) {
  return response.status < 500 && response.status != 429;
}

}  // namespace

Response replay_or_run(const ReplyStore& replies, const Caller& caller, const Request& request, bool may_keep,
                       const RequestRunner& run) {
  const auto header = request.headers.find("idempotency-key");
  if (is_reading(request.method) || header == request.headers.end()) return run(caller, false);
  if (!may_keep)
    return problem(refused(kHeader, "is not taken here: the answer holds a secret, which is never kept").error());
  if (!is_key(header->second)) return problem(refused(kHeader, "must be 1 to 64 visible ASCII characters").error());
  const auto kept = replies.find(caller.actor, header->second);
  if (!kept) return problem(kept.error());
  IdempotentReply now{
      .client = caller.actor, .key = header->second, .fingerprint = fingerprint(request), .at_ms = replies.lived_ms()};
  if (*kept && (*kept)->fingerprint != now.fingerprint)
    return problem(422, "Idempotency-Key was sent with another request before", kHeader);
  const bool done = kept->has_value();
  if (done && (*kept)->status != 0) return replay(**kept);
  Caller with_key = caller;
  with_key.key = now;
  Response response = run(with_key, done);
  if (!is_worth_keeping(response)) return response;
  now.status = response.status;
  now.body = response.body;
  now.headers = response.headers;
  // Done is done: an answer that cannot be kept is given all the same.
  [[maybe_unused]] const auto keeping = replies.keep(now);
  return done ? replay(now) : response;
}

}  // namespace npanel
