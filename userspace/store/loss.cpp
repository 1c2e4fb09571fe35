// SPDX-License-Identifier: Apache-2.0
#include "store/loss.h"

#include <fcntl.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "store/files.h"

namespace npanel {
namespace {

using nlohmann::json;

std::string mark_of(const std::string& database) {
  return database + ".accounts-lost";
}

}  // namespace

Result<void> remember_loss(const std::string& database, const AccountLoss& loss) {
  const json text{{"found_ms", loss.found_ms}, {"taken_over", loss.taken_over}, {"done", loss.done}};
  return replace_file(mark_of(database), text.dump(2, ' ', true, json::error_handler_t::replace));
}

std::optional<AccountLoss> remembered_loss(const std::string& database) {
  const auto text = read_file_at(AT_FDCWD, mark_of(database));
  if (!text) return text.error().code == ENOENT ? std::nullopt : std::optional(AccountLoss{});
  const json mark = json::parse(*text, nullptr, false);
  if (!mark.is_object()) return AccountLoss{};
  AccountLoss loss;
  if (const auto found = mark.find("found_ms"); found != mark.end() && found->is_number_integer())
    loss.found_ms = found->get<int64_t>();
  if (const auto taken = mark.find("taken_over"); taken != mark.end() && taken->is_boolean())
    loss.taken_over = taken->get<bool>();
  if (const auto done = mark.find("done"); done != mark.end() && done->is_array())
    for (const json& sentence : *done)
      if (sentence.is_string()) loss.done.push_back(sentence.get<std::string>());
  return loss;
}

Result<void> forget_loss(const std::string& database) {
  if (::unlink(mark_of(database).c_str()) != 0 && errno != ENOENT)
    return errno_failure("remove " + mark_of(database), errno);
  return sync_file(directory_of(database));
}

}  // namespace npanel
