// SPDX-License-Identifier: Apache-2.0
// npanel-helper: the socket from systemd -> dispatch. It takes no arguments and reads no configuration.
#include <systemd/sd-daemon.h>

#include <csignal>
#include <cstdio>

#include "helper/dispatcher.h"
#include "helper/work.h"

namespace {

constexpr std::chrono::seconds kLongest{60};

}  // namespace

int main() {
  if (::sd_listen_fds(1) != 1) {
    std::fputs("npanel-helper: npanel-helper.socket starts it: systemctl start npanel-helper.socket\n", stderr);
    return 2;
  }
  ::signal(SIGPIPE, SIG_IGN);
  npanel::Dispatcher dispatcher(npanel::UniqueFd(SD_LISTEN_FDS_START), npanel::do_work);
  ::sd_notify(0, "READY=1");
  for (;;) {
    if (const auto ran = dispatcher.run_once(kLongest); !ran) {
      std::fprintf(stderr, "npanel-helper: %s\n", ran.error().text.c_str());
      return 1;
    }
  }
}
