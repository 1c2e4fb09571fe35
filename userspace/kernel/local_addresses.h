// SPDX-License-Identifier: Apache-2.0
// local_addresses.h: is this an address of this host?
#pragma once

#include <optional>

#include "base/result.h"
#include "base/unique_fd.h"
#include "model/net.h"

namespace npanel {

// What the kernel would deliver to itself: addresses of any interface, 127.0.0.0/8, ::1 and networks that a "local"
// route takes in whole (AnyIP). The routing table itself is asked, 2 µs a question, so that there is no list that may
// be old.
class LocalAddresses {
 public:
  static Result<LocalAddresses> open();
  // nullopt: the kernel did not say.
  [[nodiscard]] std::optional<bool> contains(const NetAddress& address) const;

 private:
  explicit LocalAddresses(UniqueFd netlink) : netlink_(std::move(netlink)) {}
  UniqueFd netlink_;
};

}  // namespace npanel
