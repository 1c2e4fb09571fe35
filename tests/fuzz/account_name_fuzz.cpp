// SPDX-License-Identifier: Apache-2.0
// Is a name that is accepted as the API documents it, has it a cgroup directory of its own that leads nowhere else, and
// does no other path lead to an account than its own?
#include "api/router.h"
#include "must.h"

namespace npanel {
namespace {

// The pattern of model/account.h, [A-Za-z0-9_][A-Za-z0-9_.-]{0,63}, in other words.
bool is_name(const std::string& text) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
  return !text.empty() && text.size() <= 64 && kLetters.find(text[0]) < 63 &&
         text.find_first_not_of(kLetters) == std::string::npos;
}

// Whatever a directory is called: what it stands for is called so and not otherwise.
void judge_directory(const std::string& text) {
  const auto account = account_of_directory(text);
  must(!account || cgroup_directory(*account) == text, "a directory has one spelling", text);
  if (!is_name(text)) return;
  const std::string directory = cgroup_directory(text);
  must(account_of_directory(directory) == text, "a directory tells its account", text);
  must(directory.find_first_of("./") == std::string::npos, "a directory is below, and no control file", directory);
  must(directory.size() <= 255, "a directory fits NAME_MAX", directory);
  must((directory == text) == (text.find('.') == std::string::npos), "a plain name stays", text);
}

// Paths of every kind that the rooms have; there is nothing behind them.
const Router& router() {
  static const Router made = [] {
    Router all;
    for (const char* path : {"/api/v1/accounts", "/api/v1/accounts/*", "/api/v1/accounts/*/stats",
                             "/api/v1/accounts/*/mail", "/api/v1/features/*", "/api/v1/jobs/*"})
      all.add({{.method = "GET", .path = path, .handler = {}}});
    for (const char* path :
         {"/api/v1/accounts", "/api/v1/accounts/*/suspend", "/api/v1/accounts/*/resume", "/api/v1/accounts/*/smtp",
          "/api/v1/accounts/*/processes", "/api/v1/accounts/*/drain", "/api/v1/accounts/*/mail/raise",
          "/api/v1/features/*/overrides", "/api/v1/jobs/*/cancel", "/api/v1/tokens/*/rotate",
          "/api/v1/lost-accounts/*/adopt", "/api/v1/lost-accounts/confirm"})
      all.add({{.method = "POST", .path = path, .handler = {}}});
    for (const char* path : {"/api/v1/accounts/*", "/api/v1/features/*"})
      all.add({{.method = "PATCH", .path = path, .handler = {}}});
    for (const char* path : {"/api/v1/accounts/*", "/api/v1/accounts/*/mail/raise", "/api/v1/tokens/*"})
      all.add({{.method = "DELETE", .path = path, .handler = {}}});
    return all;
  }();
  return made;
}

void judge_name(const std::string& text) {
  const auto name = parse_account_name(text);
  must(name.has_value() == is_name(text), "the pattern decides", text);
  must(!name || *name == text, "a name stays as it was sent", text);
  if (!name) return;
  const std::string path = "/api/v1/accounts/" + text;
  const Found found = router().find("GET", path);
  must(found.route && found.name == text, "a name finds its account", text);
}

// Nothing was decoded, cut or resolved: with the name in the place of the '*', the route is the path.
void judge_path(const char* method, const std::string& path) {
  const Found found = router().find(method, path);
  if (!found.route) return;
  must(!found.allowed.empty(), "a path with a route has a method", path);
  std::string own(found.route->path);
  if (const auto star = own.find('*'); star != std::string::npos) own.replace(star, 1, found.name);
  must(own == path, "a route has one path for each name", path);
  must(found.name.find('/') == std::string_view::npos, "a name is one piece of the path", path);
}

void judge(const std::string& text) {
  judge_name(text);
  judge_directory(text);
  for (const char* method : {"GET", "HEAD", "POST", "PATCH", "DELETE"}) {
    judge_path(method, text);
    for (const char* action : {"", "/suspend", "/resume", "/smtp", "/processes", "/stats", "/drain"})
      judge_path(method, "/api/v1/accounts/" + text + action);
  }
}

}  // namespace
}  // namespace npanel

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's own name
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  npanel::judge({reinterpret_cast<const char*>(data), size});
  return 0;
}
