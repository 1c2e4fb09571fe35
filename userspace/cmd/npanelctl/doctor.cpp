// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/doctor.h"

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/local_names.h"
#include "daemon/config_load.h"
#include "kernel/doctor.h"

namespace npanel {
namespace {

const char* word(Capability::State state) {
  switch (state) {
    case Capability::State::ok:
      return "ok";
    case Capability::State::degraded:
      return "degraded";
    case Capability::State::missing:
      return "missing";
  }
  return "?";
}

void print_json(const std::vector<Capability>& found) {
  auto list = nlohmann::ordered_json::array();
  for (const Capability& one : found)
    list.push_back({{"name", one.name}, {"state", word(one.state)}, {"detail", one.detail}});
  std::cout << nlohmann::ordered_json{{"capabilities", list}}.dump(-1, ' ', false,
                                                                   nlohmann::json::error_handler_t::replace)
            << "\n";
}

// As the agent would have it; with one that is wrong, as it is built in.
Config configuration() {
  auto loaded = load_config(ConfigSources{});
  return loaded ? std::move(loaded->config) : Config{};
}

}  // namespace

int run_doctor(bool json) {
  Config config = configuration();
  std::ranges::copy(LocalHomes().look(), std::back_inserter(config.io_paths));
  const std::vector<Capability> found = examine_host(config.io_devices, config.io_paths);
  if (json) {
    print_json(found);
  } else {
    for (const Capability& one : found) {
      const std::string state = word(one.state);
      std::cout << state << std::string(10 - state.size(), ' ') << one.name
                << std::string(18 - std::min<size_t>(17, one.name.size()), ' ') << one.detail << "\n";
    }
  }
  const bool well =
      std::ranges::all_of(found, [](const Capability& one) { return one.state == Capability::State::ok; });
  return well ? 0 : 1;
}

}  // namespace npanel
