// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/config_unit.h"

#include "daemon/config_address.h"
#include "systemd/unit.h"

namespace npanel {
namespace {

constexpr const char* kService = "npanel-agent.service";
constexpr const char* kApiSocket = "npanel-api.socket";

}  // namespace

std::optional<std::string> forbidden_by_unit(const Config& config) {
  const auto address = parse_listen(config.listen);
  if (!address) return std::nullopt;
  auto systemd = Systemd::connect();
  if (!systemd || systemd->is_active(kApiSocket).value_or(false)) return std::nullopt;
  const auto unit = systemd->confinement(kService);
  if (!unit || !*unit) return std::nullopt;
  const auto setting = forbids(**unit, *address);
  if (!setting) return std::nullopt;
  return "api.listen: npanel-agent.service forbids " + config.listen + ": " + *setting +
         "; systemd can listen instead: systemctl enable npanel-api.socket && systemctl restart npanel-agent "
         "(npanel.toml(5))";
}

}  // namespace npanel
