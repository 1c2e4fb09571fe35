// SPDX-License-Identifier: Apache-2.0
#include "agent/refusals.h"

#include <arpa/inet.h>

#include <cstring>

#include "api/codec.h"
#include "base/clock.h"
#include "kernel/process.h"
#include "model/mail.h"

namespace npanel {
namespace {

// A command name is any bytes that the process chose.
std::string command(const np_smtp_refusal& refusal) {
  return {refusal.comm, ::strnlen(refusal.comm, sizeof(refusal.comm))};
}

// As the API calls it.
std::string limit_of(uint32_t reason) {
  if (reason >= NP_SMTP_MAIL) return std::string(limit_name(reason - NP_SMTP_MAIL));
  return reason == NP_SMTP_CONNECTIONS ? "connections" : "rate_limit";
}

}  // namespace

std::string destination(const np_smtp_refusal& refusal) {
  char text[INET6_ADDRSTRLEN] = "?";
  ::inet_ntop(refusal.family == 6 ? AF_INET6 : AF_INET, refusal.address, text, sizeof(text));
  const std::string address = refusal.family == 6 ? "[" + std::string(text) + "]" : std::string(text);
  return address + ":" + std::to_string(refusal.port);
}

void Refusals::add(const np_smtp_refusal& refusal) {
  const auto [bundle, fresh] = bundles_.try_emplace(
      {refusal.slot, refusal.verdict}, Bundle{.first = refusal, .exe = {}, .cwd = {}, .command = {}, .count = 0});
  if (fresh) {
    const auto pid = static_cast<pid_t>(refusal.pid);
    bundle->second.exe = executable(pid);
    bundle->second.cwd = working_directory(pid);
    bundle->second.command = command_line(pid);
  }
  bundle->second.count += 1 + uint64_t{refusal.missed};
}

std::vector<Event> Refusals::take(const std::function<std::optional<std::string>(uint32_t slot)>& account_of) {
  std::vector<Event> events;
  for (const auto& [key, bundle] : bundles_) {
    const auto account = account_of(bundle.first.slot);
    if (!account) continue;
    const Json detail{{"count", bundle.count},
                      {"pid", bundle.first.pid},
                      {"uid", bundle.first.uid},
                      {"comm", command(bundle.first)},
                      {"exe", or_null(bundle.exe)},
                      {"cwd", or_null(bundle.cwd)},
                      {"command", or_null(bundle.command)},
                      {"limit", limit_of(bundle.first.reason)},
                      {"destination", destination(bundle.first)}};
    events.push_back({.at_ms = now_ms(),
                      .account = account,
                      .kind = bundle.first.verdict == NP_SMTP_DENIED ? "smtp_denied" : "smtp_would_deny",
                      .detail = detail.dump(-1, ' ', true, Json::error_handler_t::replace)});
  }
  bundles_.clear();
  return events;
}

}  // namespace npanel
