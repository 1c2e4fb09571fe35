// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/client.h"

#include <curl/curl.h>

#include <array>
#include <memory>
#include <system_error>

namespace npanel {
namespace {

constexpr long kAnswerWithinSeconds = 60;

struct CurlClose {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Curl = std::unique_ptr<CURL, CurlClose>;
using Headers = std::unique_ptr<curl_slist, CurlClose>;
using ErrorText = std::array<char, CURL_ERROR_SIZE>;

size_t append(const char* data, size_t size, size_t count, void* body) {
  static_cast<std::string*>(body)->append(data, size * count);
  return size * count;
}

void set_target(CURL* curl, const std::string& socket, const std::string& path) {
  curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket.c_str());
  curl_easy_setopt(curl, CURLOPT_URL, ("http://localhost" + path).c_str());
  curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");  // http_proxy in the environment is not for the agent
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, kAnswerWithinSeconds);
}

// All but GET carry a body, if an empty one: a server may wait for the end of a POST without Content-Length.
void set_body(CURL* curl, const Request& request) {
  if (request.method == "GET") return;
  const std::string body = request.body.value_or("");
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
  curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, body.c_str());
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

Headers set_headers(CURL* curl, const Request& request) {
  Headers list;
  const auto add = [&list](const std::string& line) { list.reset(curl_slist_append(list.release(), line.c_str())); };
  add(request.body ? "Content-Type: application/json" : "Content-Type:");
  for (const auto& [name, value] : request.headers) add(name + ": " + value);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list.get());
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "npanelctl/" NPANEL_VERSION);
  return list;
}

std::string header(CURL* curl, const char* name) {
  curl_header* found = nullptr;
  return curl_easy_header(curl, name, 0, CURLH_HEADER, -1, &found) == CURLHE_OK ? found->value : "";
}

std::string advice(int code) {
  if (code == EACCES || code == EPERM) return "run npanelctl as root or as a member of the group npanel";
  return "start the agent with: systemctl start npanel-agent";
}

std::unexpected<Error> unreachable(CURL* curl, const std::string& socket, CURLcode failed, const char* reason) {
  if (failed == CURLE_OPERATION_TIMEDOUT)
    return failure("the agent at " + socket + " did not answer within " + std::to_string(kAnswerWithinSeconds) +
                   " seconds; see: systemctl status npanel-agent");
  long code = 0;
  curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &code);
  const int system_code = static_cast<int>(code);
  if (failed == CURLE_COULDNT_CONNECT && system_code != 0)
    return failure("cannot reach the agent at " + socket + ": " + std::generic_category().message(system_code) + "; " +
                       advice(system_code),
                   system_code);
  const std::string text = *reason != '\0' ? reason : curl_easy_strerror(failed);
  return failure("no answer from the agent at " + socket + ": " + text + "; see: systemctl status npanel-agent");
}

}  // namespace

Result<Response> send(const std::string& socket, const Request& request) {
  const Curl curl(curl_easy_init());
  if (!curl) return failure("libcurl cannot start");
  Response response;
  ErrorText reason{};
  set_target(curl.get(), socket, request.path);
  set_body(curl.get(), request);
  const Headers headers = set_headers(curl.get(), request);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, append);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &response.body);
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, reason.data());
  const CURLcode failed = curl_easy_perform(curl.get());
  if (failed != CURLE_OK) return unreachable(curl.get(), socket, failed, reason.data());
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &response.status);
  response.request_id = header(curl.get(), "X-Request-Id");
  return response;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
  std::string encoded;
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos) {
      encoded += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded.append({'%', kHex[byte >> 4U], kHex[byte & 15U]});
  }
  return encoded;
}

}  // namespace npanel
