// SPDX-License-Identifier: Apache-2.0
#include "mail/refusals.h"

#include <arpa/inet.h>

#include <cstring>

#include "api/codec.h"
#include "base/clock.h"
#include "model/mail.h"

namespace npanel {
namespace {

// A command name is any bytes that the process chose.
template <size_t kSize>
std::string text_of(const char (&chars)[kSize]) {
  return {chars, ::strnlen(chars, kSize)};
}

// As the API calls it.
std::string limit_of(uint32_t reason) {
  if (reason >= NP_SMTP_MAIL) return std::string(limit_name(reason - NP_SMTP_MAIL));
  return reason == NP_SMTP_CONNECTIONS ? "connections" : "smtp";
}

// What the kernel saw is always there; what npanel-helper found may be null, and then `evidence_missing` says why.
Event event_of(std::string account, const np_smtp_refusal& first, const std::optional<Evidence>& evidence,
               uint64_t count) {
  const Evidence found = evidence.value_or(Evidence{.missing = "late"});
  const Json detail{{"count", count},
                    {"pid", first.pid},
                    {"uid", first.uid},
                    {"comm", text_of(first.comm)},
                    {"program", text_of(first.program)},
                    {"parent", {{"pid", first.parent_pid}, {"comm", text_of(first.parent_comm)}}},
                    {"exe", or_null(found.exe)},
                    {"cwd", or_null(found.cwd)},
                    {"command", or_null(found.command)},
                    {"cgroup", or_null(found.cgroup)},
                    {"parents", encode(found.parents)},
                    {"evidence_missing", or_null(found.missing)},
                    {"limit", limit_of(first.reason)},
                    {"destination", destination(first)}};
  return {.at_ms = now_ms(),
          .account = std::move(account),
          .kind = first.verdict == NP_SMTP_DENIED ? "smtp_denied" : "smtp_would_deny",
          .detail = detail.dump(-1, ' ', true, Json::error_handler_t::replace)};
}

}  // namespace

std::string destination(const np_smtp_refusal& refusal) {
  char text[INET6_ADDRSTRLEN] = "?";
  ::inet_ntop(refusal.family == 6 ? AF_INET6 : AF_INET, refusal.address, text, sizeof(text));
  const std::string address = refusal.family == 6 ? "[" + std::string(text) + "]" : std::string(text);
  return address + ":" + std::to_string(refusal.port);
}

void Refusals::add(const np_smtp_refusal& refusal, const Look& look) {
  const Key key{refusal.slot, refusal.verdict};
  const auto [bundle, fresh] = bundles_.try_emplace(key, Bundle{.first = refusal, .number = next_});
  bundle->second.count += 1 + uint64_t{refusal.missed};
  if (!fresh) return;
  look(refusal, [this, key, number = next_++](Evidence evidence) { put_evidence(key, number, std::move(evidence)); });
}

void Refusals::put_evidence(const Key& key, uint64_t number, Evidence evidence) {
  const auto bundle = bundles_.find(key);
  if (bundle == bundles_.end() || bundle->second.number != number) return;
  if (evidence.missing) ++missing_;
  bundle->second.evidence = std::move(evidence);
}

std::vector<Event> Refusals::take(const std::function<std::optional<std::string>(uint32_t slot)>& account_of,
                                  bool all) {
  std::vector<Event> events;
  for (auto next = bundles_.begin(); next != bundles_.end();) {
    const auto& bundle = next->second;
    if (!bundle.evidence && !all) {
      ++next;
      continue;
    }
    if (!bundle.evidence) ++missing_;
    if (auto account = account_of(bundle.first.slot))
      events.push_back(event_of(std::move(*account), bundle.first, bundle.evidence, bundle.count));
    next = bundles_.erase(next);
  }
  return events;
}

}  // namespace npanel
