// SPDX-License-Identifier: Apache-2.0
// progress.h: how does a job that is under way look?
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace npanel {

// One line without its end: "[#####               ]  27%  account 1350 of 5000  12 s left". It takes less than
// `columns`, so that no terminal wraps it: first the bar goes, then the time that is left, then the end of the stage.
[[nodiscard]] std::string progress_line(const nlohmann::json& job, size_t columns, bool colour);

// The same for where lines stay, in a file or a pipe: without the bar and as long as it is.
[[nodiscard]] std::string progress_text(const nlohmann::json& job);

// Which moments are worth a line of their own there: another tenth done, or a stage of other words.
class Milestones {
 public:
  [[nodiscard]] bool reached(const nlohmann::json& job);

 private:
  std::string last_;
};

// "apply: 5000 accounts, 3 writes", "drain failed: …": what to say of a job that has ended.
[[nodiscard]] std::string outcome(const nlohmann::json& job);
// The end of its log, a line each; empty when there is none.
[[nodiscard]] std::string log_tail(const nlohmann::json& job);

}  // namespace npanel
