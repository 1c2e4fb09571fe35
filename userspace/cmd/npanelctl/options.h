// SPDX-License-Identifier: Apache-2.0
// options.h: which value in the request does an option stand for?
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace npanel {

enum class Unit : uint8_t { kCount, kPercent, kBytes, kBytesPerSecond };

struct NumberOption {
  const char* flag;
  const char* field;  // JSON pointer into the body
  const char* meaning;
  Unit unit;
  uint64_t least;
  uint64_t most;
  bool may_be_max;  // "max" stands for null: no limit
};

// These throw CLI::ValidationError, which says what would be right; commands.cpp catches it with CLI11's own.
[[nodiscard]] nlohmann::json number_value(const NumberOption& option, std::string_view text);
void add_number_option(CLI::App& app, const NumberOption& option, nlohmann::json& body);

void add_uid_option(CLI::App& app, nlohmann::json& body, const std::string& meaning);
void add_rename_option(CLI::App& app, nlohmann::json& body);
void add_limit_options(CLI::App& app, nlohmann::json& body);       // into body["limits"]
void add_smtp_options(CLI::App& app, nlohmann::json& body);        // --smtp-…, into body["smtp"]
void add_mail_options(CLI::App& app, nlohmann::json& body);        // --mail-…, into body["mail"]
void add_contact_options(CLI::App& app, nlohmann::json& body);     // --contact-…, into body["contact"]
void add_smtp_limit_options(CLI::App& app, nlohmann::json& body);  // the same without --smtp-, into body

}  // namespace npanel
