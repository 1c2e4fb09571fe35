// SPDX-License-Identifier: Apache-2.0
// world.h: accounts bob and ann, their domains, and who opened which connection; for questions about mail.
#pragma once

#include <map>

#include "mail/senders.h"
#include "support/temp_dir.h"

namespace npanel {

// A process with this uid, and the slot of the account that it belongs to.
inline const std::map<std::string, Opener, std::less<>> kProcesses = {
    {"bob's process on this host", {.slot = 1, .uid = 2001}},
    {"ann's process on this host", {.slot = 2, .uid = 2002}},
    {"a deleted account's process on this host", {.slot = 7, .uid = 0}},
    {"root's process on this host", {.slot = {}, .uid = 0}},
    {"the MTA's process on this host", {.slot = {}, .uid = 101}},
    {"www-data's process on this host", {.slot = {}, .uid = 33}}};
inline constexpr uid_t kMta = 101;

class World {
 public:
  World() {
    dir_.write("users", "mailbox7: bob\nDesk@Ann.example: bob\nold@ann.example: gone\n");
    dir_.write("domains",
               "bob.example: bob\nxn--bcher-kva.example: bob\n*.wild.example: bob\nann.example: ann\n"
               "strasse.example: ann\ngone.example: gone\n");
    config.users_map = dir_.path("users");
    config.domains_map = dir_.path("domains");
    config.mail_relays = {"198.51.100.0/24", "2001:db8:77::/48"};
    senders.configure(config, {kMta});
  }

  const TempDir dir_;
  Config config;
  std::map<uint16_t, Opener> connections;  // by the client's port
  Senders senders{{.exists = [](const std::string& name) { return name == "bob" || name == "ann"; },
                   .owner_of = [](uint32_t slot) -> std::optional<std::string> {
                     if (slot == 1) return "bob";
                     return slot == 2 ? std::optional<std::string>("ann") : std::nullopt;
                   },
                   .slot_of_user = [](uid_t uid) -> std::optional<uint32_t> {
                     return uid == 2001 || uid == 2002 ? std::optional(uid - 2000) : std::nullopt;
                   },
                   .opener = [this](const PolicyRequest& request) -> std::optional<Opener> {
                     const auto found = connections.find(request.client_port);
                     return found == connections.end() ? std::nullopt : std::optional(found->second);
                   },
                   .is_local = [](const NetAddress& address) -> std::optional<bool> {
                     for (const char* net : {"127.0.0.0/8", "::1", "192.0.2.10", "2001:db8:10::1", "198.51.100.10"})
                       if (contains(*parse_net(net), address)) return true;
                     return false;
                   }}};
};

}  // namespace npanel
