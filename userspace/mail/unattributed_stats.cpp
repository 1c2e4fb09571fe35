// SPDX-License-Identifier: Apache-2.0
#include "mail/unattributed_stats.h"

#include <algorithm>
#include <iterator>

#include "mail/domain_name.h"

namespace npanel {
namespace {

constexpr size_t kTextMost = 320;  // bytes; an address of mail has no more (RFC 5321, 4.5.3.1)

std::string domain_of(const std::string& sender) {
  const size_t at = sender.rfind('@');
  return at == std::string::npos ? "" : lower_ascii(std::string_view(sender).substr(at + 1));
}

// By what an administrator would attribute them, so that many messages of one are one.
bool is_same(const NobodySender& one, const NobodySender& other) {
  if (one.why != other.why) return false;
  switch (one.why) {
    case Nobody::login:
      return one.login == other.login;
    case Nobody::process:
      return one.uid == other.uid;
    case Nobody::relay:
      return one.client == other.client && domain_of(one.sender) == domain_of(other.sender);
    default:
      return one.client == other.client;
  }
}

}  // namespace

void UnattributedStats::add(const PolicyRequest& request, const Whose& whose, NobodyAnswer answer, bool charge,
                            int64_t now_ms) {
  const bool deferred = answer == NobodyAnswer::deferred;
  if (!charge && !deferred) return;
  ++counts_[static_cast<size_t>(whose.why)][static_cast<size_t>(answer)];
  if (deferred) deferred_ms_ = now_ms;
  if (is_charged(whose.why)) remember(request, whose, answer, now_ms);
}

void UnattributedStats::remember(const PolicyRequest& request, const Whose& whose, NobodyAnswer answer,
                                 int64_t now_ms) {
  NobodySender fresh{.why = whose.why,
                     .login = lower_ascii(request.sasl_username.substr(0, kTextMost)),
                     .uid = whose.uid,
                     .client = request.client_address.substr(0, kTextMost),
                     .sender = request.sender.substr(0, kTextMost)};
  const auto known = std::ranges::find_if(newest_, [&](const NobodySender& each) { return is_same(each, fresh); });
  if (known != newest_.end()) {
    fresh.messages = known->messages;
    fresh.deferred = known->deferred;
    newest_.erase(known);
  }
  if (answer == NobodyAnswer::deferred)
    ++fresh.deferred;
  else if (answer != NobodyAnswer::repeated)
    ++fresh.messages;
  fresh.last_ms = now_ms;
  newest_.push_front(std::move(fresh));
  if (newest_.size() > kNewest) newest_.pop_back();
}

}  // namespace npanel
