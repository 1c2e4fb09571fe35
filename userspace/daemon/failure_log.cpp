// SPDX-License-Identifier: Apache-2.0
#include "daemon/failure_log.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/directory.h"
#include "base/file.h"

namespace npanel {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kKept = 50;  // files and unwritten failures: a crash loop does not fill the disk
constexpr const char* kSuffix = ".json";

std::string path_of(const std::string& directory, const Failure& failure) {
  return directory + "/" + std::to_string(failure.at_ms) + kSuffix;
}

std::string encode(const Failure& failure) {
  const Json json{{"at_ms", failure.at_ms},
                  {"reason", failure.reason},
                  {"closed", failure.closed},
                  {"recovered_by", failure.recovered_by ? Json(*failure.recovered_by) : Json(nullptr)},
                  {"recovery_seconds", failure.recovery_seconds ? Json(*failure.recovery_seconds) : Json(nullptr)},
                  {"log", failure.log}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::optional<Failure> decode(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    Failure failure{.at_ms = json.at("at_ms").get<int64_t>(),
                    .reason = json.at("reason").get<std::string>(),
                    .closed = json.at("closed").get<bool>(),
                    .log = json.at("log").get<std::vector<std::string>>()};
    if (!json.at("recovered_by").is_null()) failure.recovered_by = json.at("recovered_by").get<std::string>();
    if (!json.at("recovery_seconds").is_null()) failure.recovery_seconds = json.at("recovery_seconds").get<double>();
    return failure;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

std::vector<std::filesystem::path> files_in(const std::string& directory) {
  std::vector<std::filesystem::path> files;
  const auto entries = entries_of(directory);
  if (!entries) return files;
  for (const DirectoryEntry& entry : *entries)
    if (entry.name.ends_with(kSuffix)) files.push_back(std::filesystem::path(directory) / entry.name);
  return files;
}

}  // namespace

Result<FailureLog> FailureLog::open(std::string directory) {
  NP_TRY(make_private_directory(directory));
  FailureLog log(std::move(directory));
  for (Failure& failure : find_failures(log.directory_).open) {
    failure.closed = true;
    log.unwritten_.push_back(std::move(failure));
  }
  return log;
}

void FailureLog::add(Failure failure) {
  if (open_) close(std::nullopt, 0);
  open_ = std::move(failure);
}

void FailureLog::close(const std::optional<std::string>& recovered_by, double seconds) {
  if (!open_) return;
  open_->closed = true;
  open_->recovered_by = recovered_by;
  if (recovered_by) open_->recovery_seconds = seconds;
  unwritten_.push_back(std::move(*open_));
  open_.reset();
  if (unwritten_.size() > kKept) unwritten_.erase(unwritten_.begin());
}

Result<void> FailureLog::flush() {
  while (!unwritten_.empty()) {
    NP_TRY(replace_file(path_of(directory_, unwritten_.front()), encode(unwritten_.front())));
    unwritten_.erase(unwritten_.begin());
  }
  std::error_code ignored;
  if (open_ && !std::filesystem::exists(path_of(directory_, *open_), ignored))
    NP_TRY(replace_file(path_of(directory_, *open_), encode(*open_)));
  const auto files = files_in(directory_);
  for (size_t i = 0; i + kKept < files.size(); ++i) std::filesystem::remove(files[i], ignored);
  return {};
}

FoundFailures find_failures(const std::string& directory) {
  FoundFailures found;
  for (const auto& path : files_in(directory)) {
    const auto text = read_file_at(AT_FDCWD, path.string());
    if (!text) continue;  // gone meanwhile, or not readable now
    auto failure = decode(*text);
    if (failure) {
      (failure->closed ? found.closed : found.open).push_back(std::move(*failure));
      continue;
    }
    std::error_code ignored;
    std::filesystem::rename(path, path.string() + ".spoilt", ignored);
    found.spoilt.push_back(path.string());
  }
  return found;
}

void forget_failure(const std::string& directory, const Failure& failure) {
  ::unlink(path_of(directory, failure).c_str());
}

}  // namespace npanel
