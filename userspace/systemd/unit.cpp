// SPDX-License-Identifier: Apache-2.0
#include "systemd/unit.h"

#include <poll.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace npanel {
namespace {

constexpr const char* kDestination = "org.freedesktop.systemd1";
constexpr const char* kManagerPath = "/org/freedesktop/systemd1";
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";
constexpr const char* kUnit = "org.freedesktop.systemd1.Unit";
constexpr const char* kService = "org.freedesktop.systemd1.Service";
constexpr uint64_t kCallUs = 5'000'000;  // daemon-reload on a host with thousands of units takes a second or two

using Message = std::unique_ptr<sd_bus_message, decltype([](sd_bus_message* m) { sd_bus_message_unref(m); })>;
using Text = std::unique_ptr<char, decltype([](char* text) { std::free(text); })>;

struct BusError {
  sd_bus_error error = SD_BUS_ERROR_NULL;
  BusError() = default;
  BusError(const BusError&) = delete;
  BusError& operator=(const BusError&) = delete;
  ~BusError() { sd_bus_error_free(&error); }

  [[nodiscard]] std::unexpected<Error> as_failure(const std::string& what, int result) const {
    if (error.message) return failure(what + ": " + error.message, -result);
    return errno_failure(what, -result);
  }
};

Result<std::string> path_of(const std::string& unit) {
  char* path = nullptr;
  const int result = sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit.c_str(), &path);
  if (result < 0) return errno_failure("name of unit " + unit, -result);
  const Text owned(path);
  return std::string(path);
}

// The properties of one unit.
class Properties {
 public:
  Properties(sd_bus* bus, std::string path) : bus_(bus), path_(std::move(path)) {}

  Result<std::string> text(const char* interface, const char* name) const {
    BusError error;
    char* value = nullptr;
    const int result =
        sd_bus_get_property_string(bus_, kDestination, path_.c_str(), interface, name, &error.error, &value);
    if (result < 0) return error.as_failure(std::string("ask systemd for ") + name, result);
    const Text owned(value);
    return std::string(value);
  }

  template <class Value>
  Result<Value> number(const char* name, char type) const {
    BusError error;
    Value value{};
    const int result =
        sd_bus_get_property_trivial(bus_, kDestination, path_.c_str(), kService, name, &error.error, type, &value);
    if (result < 0) return error.as_failure(std::string("ask systemd for ") + name, result);
    return value;
  }

  // The property as a message, to be read by whoever knows its type.
  Result<Message> message(const char* interface, const char* name, const char* type) const {
    BusError error;
    sd_bus_message* found = nullptr;
    const int result =
        sd_bus_get_property(bus_, kDestination, path_.c_str(), interface, name, &error.error, &found, type);
    if (result < 0) return error.as_failure(std::string("ask systemd for ") + name, result);
    return Message(found);
  }

  Result<std::string> hex(const char* interface, const char* name) const {
    const Message found = NP_TRY(message(interface, name, "ay"));
    const void* bytes = nullptr;
    size_t length = 0;
    const int result = sd_bus_message_read_array(found.get(), 'y', &bytes, &length);
    if (result < 0) return errno_failure(std::string("read ") + name, -result);
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (size_t i = 0; i < length; ++i) {
      const auto byte = static_cast<const unsigned char*>(bytes)[i];
      text += kDigits[byte >> 4U];
      text += kDigits[byte & 15U];
    }
    return text;
  }

 private:
  sd_bus* bus_;
  std::string path_;
};

// RestrictAddressFamilies=: whether these are the only ones, or those that are not.
Result<void> read_families(sd_bus_message* message, Confinement& confinement) {
  int only_these = 0;
  int result = sd_bus_message_enter_container(message, 'r', "bas");
  if (result >= 0) result = sd_bus_message_read_basic(message, 'b', &only_these);
  if (result >= 0) result = sd_bus_message_enter_container(message, 'a', "s");
  const char* family = nullptr;
  while (result >= 0 && (result = sd_bus_message_read_basic(message, 's', &family)) > 0)
    confinement.families.insert(family);
  if (result < 0) return errno_failure("read RestrictAddressFamilies", -result);
  confinement.only_these_families = only_these != 0;
  return {};
}

// IPAddressAllow=, IPAddressDeny=.
Result<std::vector<Network>> read_networks(sd_bus_message* message) {
  std::vector<Network> networks;
  int result = sd_bus_message_enter_container(message, 'a', "(iayu)");
  while (result >= 0 && (result = sd_bus_message_enter_container(message, 'r', "iayu")) > 0) {
    Network network;
    const void* bytes = nullptr;
    size_t length = 0;
    result = sd_bus_message_read_basic(message, 'i', &network.family);
    if (result >= 0) result = sd_bus_message_read_array(message, 'y', &bytes, &length);
    if (result >= 0) result = sd_bus_message_read_basic(message, 'u', &network.prefix_bits);
    if (result >= 0) result = sd_bus_message_exit_container(message);
    network.address.assign(static_cast<const char*>(bytes), length);
    networks.push_back(std::move(network));
  }
  if (result < 0) return errno_failure("read the networks of a unit", -result);
  return networks;
}

UnitState::Activity activity(const std::string& state) {
  using enum UnitState::Activity;
  if (state == "active" || state == "reloading") return active;
  if (state == "activating") return starting;
  if (state == "deactivating") return stopping;
  if (state == "failed") return failed;
  return stopped;
}

// `code` and `status` as waitid(2) gives them; `result` is systemd's word, "signal", "watchdog", "start-limit-hit".
std::string death(const std::string& result, int code, int status) {
  std::string text;
  if (code == CLD_EXITED)
    text = "exited with status " + std::to_string(status);
  else if (code == CLD_KILLED || code == CLD_DUMPED)
    text = "killed by signal " + std::to_string(status) + " (SIG" +
           (::sigabbrev_np(status) ? ::sigabbrev_np(status) : "?") + ")";
  else
    text = "died; its exit status was gone when systemd was asked, the log may say it";
  if (result == "success" || result == "signal" || result == "exit-code" || result == "core-dump") return text;
  return text + "; systemd says " + result;
}

}  // namespace

void Systemd::Close::operator()(sd_bus* bus) const {
  sd_bus_flush_close_unref(bus);
}
void Systemd::Close::operator()(sd_bus_slot* slot) const {
  sd_bus_slot_unref(slot);
}

Result<Systemd> Systemd::connect() {
  sd_bus* bus = nullptr;
  if (const int result = sd_bus_open_system(&bus); result < 0)
    return errno_failure("connect to the system bus", -result);
  Systemd systemd(bus);
  sd_bus_set_method_call_timeout(bus, kCallUs);
  return systemd;
}

// Properties are read one by one; when another start has begun meanwhile, they are not of one moment: once more.
Result<UnitState> Systemd::state(const std::string& unit) {
  constexpr int kTries = 5;
  const Properties of(bus_.get(), NP_TRY(path_of(unit)));
  UnitState state;
  for (int i = 0; i < kTries; ++i) {
    state.invocation = NP_TRY(of.hex(kUnit, "InvocationID"));
    state.activity = activity(NP_TRY(of.text(kUnit, "ActiveState")));
    state.restarts = NP_TRY(of.number<uint32_t>("NRestarts", 'u'));
    state.died_ms = static_cast<int64_t>(NP_TRY(of.number<uint64_t>("ExecMainExitTimestampMonotonic", 't')) / 1000);
    state.death = death(NP_TRY(of.text(kService, "Result")), NP_TRY(of.number<int32_t>("ExecMainCode", 'i')),
                        NP_TRY(of.number<int32_t>("ExecMainStatus", 'i')));
    if (NP_TRY(of.hex(kUnit, "InvocationID")) == state.invocation) break;
  }
  return state;
}

Result<void> Systemd::call(const char* method, const std::string& unit, const char* mode) {
  BusError error;
  const int result = mode ? sd_bus_call_method(bus_.get(), kDestination, kManagerPath, kManager, method, &error.error,
                                               nullptr, "ss", unit.c_str(), mode)
                          : sd_bus_call_method(bus_.get(), kDestination, kManagerPath, kManager, method, &error.error,
                                               nullptr, "s", unit.c_str());
  if (result < 0) return error.as_failure(std::string("systemd: ") + method + " " + unit, result);
  return {};
}

Result<void> Systemd::start(const std::string& unit) {
  NP_TRY(call("ResetFailedUnit", unit, nullptr));
  return call("StartUnit", unit, "replace");
}

Result<void> Systemd::restart(const std::string& unit) {
  NP_TRY(call("ResetFailedUnit", unit, nullptr));
  return call("RestartUnit", unit, "replace");
}

Result<bool> Systemd::stop(const std::string& unit) {
  const auto stopped = call("StopUnit", unit, "replace");
  if (stopped) return true;
  if (stopped.error().code == ENOENT) return false;
  return std::unexpected(stopped.error());
}

Result<std::optional<Confinement>> Systemd::confinement(const std::string& unit) {
  const Properties of(bus_.get(), NP_TRY(path_of(unit)));
  if (NP_TRY(of.text(kUnit, "LoadState")) != "loaded") return std::nullopt;
  Confinement confinement;
  const Message families = NP_TRY(of.message(kService, "RestrictAddressFamilies", "(bas)"));
  const Message allowed = NP_TRY(of.message(kService, "IPAddressAllow", "a(iayu)"));
  const Message denied = NP_TRY(of.message(kService, "IPAddressDeny", "a(iayu)"));
  NP_TRY(read_families(families.get(), confinement));
  confinement.allowed = NP_TRY(read_networks(allowed.get()));
  confinement.denied = NP_TRY(read_networks(denied.get()));
  return confinement;
}

Result<bool> Systemd::is_active(const std::string& unit) {
  const Properties of(bus_.get(), NP_TRY(path_of(unit)));
  return NP_TRY(of.text(kUnit, "ActiveState")) == "active";
}

Result<void> Systemd::watch(const std::string& unit, std::function<void()> changed) {
  changed_ = std::make_unique<std::function<void()>>(std::move(changed));
  const auto on_signal = [](sd_bus_message*, void* handler, sd_bus_error*) {
    (*static_cast<std::function<void()>*>(handler))();
    return 0;
  };
  sd_bus_slot* slot = nullptr;
  const int matched =
      sd_bus_match_signal(bus_.get(), &slot, kDestination, NP_TRY(path_of(unit)).c_str(),
                          "org.freedesktop.DBus.Properties", "PropertiesChanged", on_signal, changed_.get());
  if (matched < 0) return errno_failure("watch " + unit, -matched);
  slot_.reset(slot);
  BusError error;
  const int result =
      sd_bus_call_method(bus_.get(), kDestination, kManagerPath, kManager, "Subscribe", &error.error, nullptr, nullptr);
  if (result < 0) return error.as_failure("subscribe to systemd's signals", result);
  return {};
}

int Systemd::fd() const {
  return sd_bus_get_fd(bus_.get());
}

std::optional<uint64_t> Systemd::timeout_ms() const {
  uint64_t until_us = 0;
  if (sd_bus_get_timeout(bus_.get(), &until_us) < 0 || until_us == UINT64_MAX) return std::nullopt;
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto now_us = static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
  return until_us <= now_us ? 0 : (until_us - now_us) / 1000 + 1;
}

Result<void> Systemd::dispatch() {
  for (;;) {
    const int result = sd_bus_process(bus_.get(), nullptr);
    if (result < 0) return errno_failure("the system bus", -result);
    if (result == 0) return {};
  }
}

}  // namespace npanel
