// SPDX-License-Identifier: Apache-2.0
// answer_words.cpp: which words of a reply are the server's own, and which are somebody's name?
#include <algorithm>
#include <array>

#include "model/delivery_outcome.h"

namespace npanel {
namespace {

constexpr auto kNpos = std::string_view::npos;
constexpr size_t kWordsMost = 384;

// Whose domains are told with a listed address: no customer's name ends so.
constexpr std::array<std::string_view, 27> kListKeepers = {
    "spamhaus.org",  "spamhaus.net",          "spamhaus.com",      "spamcop.net",     "barracudacentral.org",
    "sorbs.net",     "abuseat.org",           "uceprotect.net",    "uceprotect.de",   "surriel.com",
    "mailspike.net", "mailspike.org",         "invaluement.com",   "senderscore.org", "senderscore.com",
    "manitu.net",    "spamrats.com",          "backscatterer.org", "dronebl.org",     "blocklist.de",
    "gbudb.net",     "truncate.gbudb.net",    "njabl.org",         "spfbl.net",       "hostkarma.junkemailfilter.com",
    "cloudmark.com", "ipcheck.proofpoint.com"};
constexpr std::array<std::string_view, 22> kTops = {
    "com",     "net",  "org",   "edu",   "gov",   "mil",  "int",  "info", "biz",    "arpa", "name",
    "example", "test", "local", "cloud", "email", "mail", "shop", "site", "online", "app",  "lan"};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || static_cast<unsigned char>(c) >= 0x80;
}
bool is_of_a_word(char c) {
  return is_digit(c) || is_letter(c);
}

bool ends_with_domain(std::string_view name, std::string_view domain) {
  return name.ends_with(domain) && (name.size() == domain.size() || name[name.size() - domain.size() - 1] == '.');
}

bool is_ip(std::string_view token) {
  const auto of_v4 = [](char c) { return is_digit(c) || c == '.'; };
  const auto of_v6 = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || c == ':' || c == '.'; };
  if (std::ranges::count(token, '.') == 3 && std::ranges::all_of(token, of_v4)) return true;
  return std::ranges::count(token, ':') >= 2 && std::ranges::all_of(token, of_v6);
}

bool is_host(std::string_view token) {
  const size_t dot = token.rfind('.');
  if (dot == kNpos || dot == 0) return false;
  const std::string_view top = token.substr(dot + 1);
  const auto of_a_name = [](char c) { return is_of_a_word(c) || c == '.' || c == '-' || c == '_'; };
  const bool is_top =
      std::ranges::find(kTops, top) != kTops.end() || (top.size() == 2 && std::ranges::all_of(top, is_letter));
  return is_top && std::ranges::all_of(token, of_a_name);
}

// "5.7.1", "#5.1.1": it is known as a number.
bool is_status(std::string_view token) {
  return std::ranges::count(token, '.') == 2 &&
         std::ranges::all_of(token, [](char c) { return is_digit(c) || c == '.'; });
}

std::string_view stripped(std::string_view token) {
  constexpr std::string_view kAround = "<>()[]{}\"'`,;:!?=#*-./";
  const size_t first = token.find_first_not_of(kAround);
  if (first == kNpos) return {};
  return token.substr(first, token.find_last_not_of(kAround) - first + 1);
}

class Words {
 public:
  void add(std::string_view word) {
    if (!word.empty() && text_.size() + word.size() < kWordsMost) text_.append(word).append(" ");
  }
  // "block-list" is two words, "doesn't" is "doesnt", numbers are none.
  void add_split(std::string_view token) {
    std::string word;
    for (const char c : token) {
      if (is_of_a_word(c)) {
        word += c;
      } else if (c != '\'') {
        add_word(word);
        word.clear();
      }
    }
    add_word(word);
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  void add_word(std::string_view word) {
    if (!std::ranges::all_of(word, is_digit)) add(word);
  }
  std::string text_ = " ";
};

// A page about an address, not about a message.
bool is_look_up(std::string_view url) {
  std::string_view host = url.substr(url.find("://") + 3);
  const std::string_view path = host.substr(std::min(host.find_first_of("/?"), host.size()));
  host = host.substr(0, host.find_first_of("/?:"));
  if (host.starts_with("bl.") || host.starts_with("rbl.") || host.starts_with("dnsbl.") || path.contains("dnsbl") ||
      path.contains("?ip=") || path.contains("&ip="))
    return true;
  if (std::ranges::any_of(kListKeepers, [host](std::string_view keeper) { return ends_with_domain(host, keeper); }))
    return true;
  const size_t digits = path.find_first_of("0123456789");
  return digits != kNpos && is_ip(path.substr(digits, path.find_first_not_of("0123456789.", digits) - digits));
}

void add_token(Words& words, std::string_view token) {
  if (token.find('@') != kNpos) return words.add("address");
  if (token.contains("://")) return words.add(is_look_up(token) ? "blocklist" : "url");
  // "mx.elsewhere.example[192.0.2.7]"
  if (const size_t open = token.find('['); open != kNpos && open > 0 && is_of_a_word(token[open - 1])) {
    add_token(words, token.substr(0, open));
    return add_token(words, token.substr(open));
  }
  const size_t bracket = token.find(']');  // "[198.51.100.7]:41022"
  const std::string_view plain = stripped(token.substr(0, bracket));
  if (is_ip(plain)) return words.add("ip");
  if (is_status(plain)) return;
  if (const size_t slash = plain.find('/'); slash != kNpos && is_host(plain.substr(0, slash)))
    return words.add(is_look_up("://" + std::string(plain)) ? "blocklist" : "url");
  if (is_host(plain)) {
    const bool list =
        std::ranges::any_of(kListKeepers, [plain](std::string_view keeper) { return ends_with_domain(plain, keeper); });
    return words.add(list ? "blocklist" : "host");
  }
  words.add_split(token);
}

// Exim writes the end of a reply's line as \n.
std::string plain_text(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size() && plain.size() < 2 * kWordsMost; ++i) {
    const char c = text[i];
    const bool escaped =
        c == '\\' && i + 1 < text.size() && (text[i + 1] == 'n' || text[i + 1] == 'r' || text[i + 1] == 't');
    if (escaped) ++i;
    plain += escaped || static_cast<unsigned char>(c) < ' ' ? ' '
             : c >= 'A' && c <= 'Z'                         ? static_cast<char>(c | 0x20)
                                                            : c;
  }
  return plain;
}

}  // namespace

std::string answer_words(std::string_view text) {
  const std::string plain = plain_text(text);
  Words words;
  for (std::string_view rest = plain; !rest.empty();) {
    const std::string_view token = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(token.size() + 1, rest.size()));
    add_token(words, token);
  }
  return words.take();
}

}  // namespace npanel
