// SPDX-License-Identifier: Apache-2.0
// show.h: how does an answer of the agent look to a person?
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "base/result.h"
#include "cmd/npanelctl/client.h"

namespace npanel {

// The text for one kind of answer. What is missing in the answer, or of another type, is shown as "-" or as it is.
using View = std::string (*)(const nlohmann::json& answer);

[[nodiscard]] std::string accounts_view(const nlohmann::json& answer);
[[nodiscard]] std::string account_view(const nlohmann::json& answer);
[[nodiscard]] std::string dying_view(const nlohmann::json& answer);  // an account whose deletion takes longer
[[nodiscard]] std::string lost_view(const nlohmann::json& answer);
[[nodiscard]] std::string pids_view(const nlohmann::json& answer);
[[nodiscard]] std::string stats_view(const nlohmann::json& answer);  // of one account or of all
[[nodiscard]] std::string events_view(const nlohmann::json& answer);
[[nodiscard]] std::string status_view(const nlohmann::json& answer);
[[nodiscard]] std::string failures_view(const nlohmann::json& answer);
[[nodiscard]] std::string watchdog_view(const nlohmann::json& answer);
[[nodiscard]] std::string health_view(const nlohmann::json& answer);
[[nodiscard]] std::string reload_view(const nlohmann::json& answer);
[[nodiscard]] std::string tokens_view(const nlohmann::json& answer);
[[nodiscard]] std::string secret_view(const nlohmann::json& answer);  // a new token's text, alone
[[nodiscard]] std::string features_view(const nlohmann::json& answer);
[[nodiscard]] std::string feature_view(const nlohmann::json& answer);
[[nodiscard]] std::string jobs_view(const nlohmann::json& answer);
[[nodiscard]] std::string job_view(const nlohmann::json& answer);
[[nodiscard]] std::string job_id_view(const nlohmann::json& answer);
[[nodiscard]] std::string mail_top_view(const nlohmann::json& answer);
[[nodiscard]] std::string mail_why_view(const nlohmann::json& answer);
[[nodiscard]] std::string mail_unattributed_view(const nlohmann::json& answer);
[[nodiscard]] std::string mail_unclear_view(const nlohmann::json& answer);
[[nodiscard]] std::string mail_findings_view(const nlohmann::json& answer);

[[nodiscard]] Result<std::string> show(View view, const std::string& body);

// Why the agent refused, and the request's id, by which the log and the audit trail know it; nullopt when it did not (a
// degraded /healthz is an answer, though its status is 503).
[[nodiscard]] std::optional<std::string> refusal(const Response& response);

}  // namespace npanel
