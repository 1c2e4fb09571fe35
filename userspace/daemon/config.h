// SPDX-License-Identifier: Apache-2.0
// config.h: how is this agent set up?
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/account.h"
#include "model/reputation.h"

namespace npanel {

// What each key may be, and what the file calls it: config_keys.cpp. Where the values come from: config_load.h.
struct Config {
  std::string cgroup_mount = "/sys/fs/cgroup";  // where cgroup v2 is mounted
  std::string cgroup_path = "npanel";           // below it: the accounts' own subtree
  std::string database = "/var/lib/npanel/npanel.db";
  std::string socket = "/run/npanel/agent.sock";
  std::string socket_group = "npanel";                    // whose members may use the API; root always may
  std::string policy_socket = "/run/npanel/policy.sock";  // where the MTA asks
  std::string pin_dir = "/sys/fs/bpf/npanel";
  std::string watchdog_socket = "/run/npanel/watchdog.sock";
  std::string helper_socket = "/run/npanel/helper.sock";  // of npanel-helper, who looks up what may hang
  std::string listen;                                     // the API over TCP, as parse_listen() takes it; empty: no TCP
  std::string tls_certificate;                            // PEM files, both or none
  std::string tls_key;                                    // without them only a loopback address is listened at
  uint64_t requests_per_second = 500;                     // of one API client, 1 … 100000
  uint64_t request_burst = 1000;                          // back to back, 1 … 100000
  uint64_t watchdog_interval_s = 2;                       // between two health checks, 1 … 60
  uint64_t watchdog_timeout_s = 3;                        // no answer within it is a hang, 1 … 30
  uint64_t watchdog_restarts_per_hour = 5;                // 1 … 1000
  std::vector<uint16_t> smtp_ports = {25, 465, 587};      // 1 to 8 ports
  std::vector<std::string> smtp_exempt_users;             // whose direct SMTP is not limited, at most 8: the MTA's
  std::vector<std::string> smtp_allow;  // networks that may be connected to without limit, at most 1024
  uint64_t smtp_redirect_port = 25;     // of the local MTA on 127.0.0.1 and ::1; 0: none, 0 … 65535
  std::vector<std::string> mta_users = {"Debian-exim", "postfix", "mail"};  // who, besides root, may ask for mail
  std::vector<std::string> mail_relays;  // networks of other hosts whose envelope sender is believed, at most 1024
  std::string users_map;                 // login: account, a line each; empty: logins are account names
  std::string domains_map;               // domain: account, a line each; empty: no domain is known
  std::vector<std::string> mail_logs = {"/var/log/exim4/mainlog", "/var/log/postfix.log"};  // of the MTA, at most 8
  ThrottleRule mail_throttle;              // when too much of an account's mail is not wanted
  uint64_t notice_hours = 24;              // an owner is told at most once in so many, 0 (never) … 720
  std::string notice_from = "postmaster";  // a user of this host, or an address
  std::string notice_language = "en";      // for accounts that have none
  std::vector<std::string> io_devices;     // nodes of whole devices; empty: wherever a limit holds (model/storage)
  std::vector<std::string> io_paths = {"/home", "/srv", "/tmp", "/var/tmp", "/var/www"};  // where accounts write, too
  uid_t least_uid = kLeastUid;           // smaller ones belong to no account, 1 … 4294967294
  uint64_t reconcile_per_second = 20;    // accounts compared with the kernel a second, 1 … 10000
  double overhead_agent_percent = 1.0;   // of one core, the agent itself: 0.01 … 100
  double overhead_kernel_percent = 1.0;  // of one core, its BPF programs: 0.01 … 100
  uint64_t overhead_memory_mb = 64;      // MiB, 1 … 4096
  uint64_t overhead_seconds = 300;       // over the limit so long, and what limits nobody goes off: 1 … 86400
  bool overhead_drop_limits = false;     // what limits accounts goes off, too
  Limits default_limits;
  SmtpLimit default_smtp;
  MailLimits default_mail;
  MailLimits unattributed_mail;  // of all mail together that no account owns; `connections` means nothing here

  // Beside the database: what the watchdog leaves for the agent, and what it remembers itself.
  [[nodiscard]] std::string failure_directory() const;
  [[nodiscard]] std::string watchdog_memory() const;
  // Letters to owners, until the local MTA has them.
  [[nodiscard]] std::string notice_directory() const;
  // On a tmpfs: beside the socket.
  [[nodiscard]] std::string scratch_directory() const;
};

}  // namespace npanel
