// SPDX-License-Identifier: Apache-2.0
#include "model/unattributed.h"

namespace npanel {

std::string_view to_string(Nobody why) {
  switch (why) {
    case Nobody::login:
      return "login";
    case Nobody::process:
      return "process";
    case Nobody::unknown:
      return "unknown";
    case Nobody::relay:
      return "relay";
    case Nobody::system:
      return "system";
    case Nobody::outside:
      return "outside";
  }
  return "?";
}

bool is_charged(Nobody why) {
  return why != Nobody::system && why != Nobody::outside;
}

std::string_view remedy(Nobody why) {
  switch (why) {
    case Nobody::login:
      return "the login belongs to no account: name it in mail.users_map, or its domain in mail.domains_map";
    case Nobody::process:
      return "the process belongs to no account: make one for its user, or name the user in smtp.exempt_users";
    case Nobody::unknown:
      return "nobody knows whose process of this server it is: send it with a login, or once more";
    case Nobody::relay:
      return "the sender's domain belongs to no account: name it in mail.domains_map";
    case Nobody::system:
    case Nobody::outside:
      break;
  }
  return "";
}

std::string_view to_string(NobodyAnswer answer) {
  switch (answer) {
    case NobodyAnswer::passed:
      return "passed";
    case NobodyAnswer::accepted:
      return "accepted";
    case NobodyAnswer::repeated:
      return "repeated";
    case NobodyAnswer::would_defer:
      return "would_defer";
    case NobodyAnswer::deferred:
      return "deferred";
  }
  return "?";
}

}  // namespace npanel
