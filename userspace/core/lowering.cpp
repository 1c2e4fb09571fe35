// SPDX-License-Identifier: Apache-2.0
#include "core/lowering.h"

#include <cerrno>
#include <system_error>

#include "base/file.h"

namespace npanel {
namespace {

constexpr auto kPatience = std::chrono::milliseconds(31'000);  // the helper's is 30 s

std::string why(int error) {
  if (error == ETIME) return "not within 30 s";
  return std::generic_category().message(error);
}

}  // namespace

SlowWriter Lowering::writer_for(const std::string& account, uint64_t cgroup_id) {
  return {.under_way =
              [this, account](const std::string& file) {
                const auto found = states_.find({account, file});
                return found != states_.end() && found->second.under_way;
              },
          .begin =
              [this, account, cgroup_id](const Cgroup& cgroup, const Setting& setting) {
                begin(account, cgroup_id, cgroup, setting);
                return states_[{account, setting.file}].failed;
              }};
}

void Lowering::begin(const std::string& account, uint64_t cgroup_id, const Cgroup& cgroup, const Setting& setting) {
  const Key key{account, setting.file};
  State& state = states_[key];
  auto file = open_at(cgroup.fd(), setting.file, O_WRONLY);
  if (!file) {
    state.failed = file.error().text;
    return;
  }
  state.under_way = true;
  helper_.ask({.what = Ask::write, .owner = cgroup_id, .text = setting.text, .file = std::move(*file)}, kPatience,
              [this, key](const Answer& answer) { end(key, answer.error); });
}

// Told of a failure once: whoever hears of it tries again, and so does each later pass.
void Lowering::end(const Key& key, int error) {
  const auto found = states_.find(key);
  if (found == states_.end()) return;  // the account is gone
  const bool news = error == 0 || found->second.failed.empty();
  if (error == 0)
    states_.erase(found);
  else
    found->second = {.failed = why(error)};
  if (news) tell_(key.first);
}

void Lowering::forget(const std::string& account) {
  std::erase_if(states_, [&](const auto& each) { return each.first.first == account; });
}

}  // namespace npanel
