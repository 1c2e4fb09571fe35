// SPDX-License-Identifier: Apache-2.0
// What do the hooks add to one connect()? The noise of a whole connect() is larger than they are: so the goals are
// about what the kernel itself counts for our programs (run_time_ns), less what it counts for an empty one, which is
// the price of counting; connect() to a port where nobody listens shows the whole beside it. In a sandbox of its own:
// network, cgroups, pins.
#include <bpf/bpf.h>
#include <netinet/in.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "kernel/connection_opener.h"
#include "kernel/pins.h"
#include "kernel/smtp_programs.h"
#include "support/child.h"
#include "support/connect.h"
#include "support/sandbox.h"

namespace {

using namespace npanel;
using Clock = std::chrono::steady_clock;

constexpr uint16_t kSmtp = 25;
constexpr uint16_t kOther = 80;
// NPANEL_CONNECTS: how many a round; the emulated VM takes fewer.
const int kConnects = std::getenv("NPANEL_CONNECTS") ? std::atoi(std::getenv("NPANEL_CONNECTS")) : 20000;
constexpr int kRounds = 7;  // the median counts
constexpr double kGoalSmtp = 200;
constexpr double kGoalOther = 30;

// Nanoseconds for one socket(), connect() that is refused by the peer, and close(), by a process of `cgroup`.
double connect_ns(const Cgroup& cgroup, uint16_t port) {
  const auto took = run_in({&cgroup}, [port] {
    socklen_t length = 0;
    const sockaddr_storage to = address_of({"127.0.0.1", port}, length);
    const auto began = Clock::now();
    for (int i = 0; i < kConnects; ++i) {
      const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      std::ignore = ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), length);
    }
    const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - began).count();
    return std::vector{static_cast<int>(ns / kConnects)};
  });
  return took.empty() ? 0 : took.front();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

struct Runs {
  double ns = 0;
  double runs = 0;
};

Runs runs_of(const std::vector<int>& programs) {
  Runs all;
  for (const int fd : programs) {
    bpf_prog_info info{};
    __u32 length = sizeof(info);
    if (bpf_obj_get_info_by_fd(fd, &info, &length) != 0) continue;
    all.ns += static_cast<double>(info.run_time_ns);
    all.runs += static_cast<double>(info.run_cnt);
  }
  return all;
}

// As the kernel counts it: run time of the programs for one connect() with its close(), less `counting_ns` a run.
double programs_ns(const std::vector<int>& programs, const Cgroup& cgroup, uint16_t port, double counting_ns) {
  const UniqueFd statistics(bpf_enable_stats(BPF_STATS_RUN_TIME));
  const Runs before = runs_of(programs);
  connect_ns(cgroup, port);
  const Runs after = runs_of(programs);
  return (after.ns - before.ns - (after.runs - before.runs) * counting_ns) / kConnects;
}

// What the kernel counts for one run of a program that does nothing.
double empty_program_ns(const Sandbox& sandbox, const Cgroup& cgroup) {
  const bpf_insn pass[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 1},
                           {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  bpf_prog_load_opts options{};
  options.sz = sizeof(options);
  options.expected_attach_type = BPF_CGROUP_INET4_CONNECT;
  const UniqueFd program(
      bpf_prog_load(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "np_empty", "GPL", pass, std::size(pass), &options));
  const UniqueFd link(bpf_link_create(program.get(), sandbox.tree().fd(), BPF_CGROUP_INET4_CONNECT, nullptr));
  if (!program.valid() || !link.valid()) return 0;
  std::vector<double> runs;
  for (int round = 0; round < kRounds; ++round) runs.push_back(programs_ns({program.get()}, cgroup, kSmtp, 0));
  return median(runs);
}

struct Row {
  std::string what;
  double smtp = 0;  // ns a connect()
  double other = 0;
};

void show(const Row& row, const Row& bare) {
  std::printf("%-38s %9.0f %9.0f %+9.0f %+9.0f\n", row.what.c_str(), row.smtp, row.other, row.smtp - bare.smtp,
              row.other - bare.other);
  std::fflush(stdout);
}

bool run(const std::string& command) {
  return std::system(command.c_str()) == 0;
}

// A limit for each account as a firewall knows it: by the cgroup of the process.
std::optional<std::string> nft_rules(const std::string& parent, size_t accounts) {
  const std::string file = "/tmp/npanel-bench-connect.nft";
  std::FILE* out = std::fopen(file.c_str(), "w");
  if (!out) return std::nullopt;
  std::fprintf(out, "table inet npanel {\n chain out {\n type filter hook output priority 0;\n");
  for (size_t i = 0; i < accounts; ++i)
    std::fprintf(out, "  tcp dport {25, 465, 587} meta skuid %zu ct state new limit rate over 100000/second drop\n",
                 100000 + i);
  std::fprintf(out,
               "  tcp dport {25, 465, 587} socket cgroupv2 level 2 \"%s/bob\" ct state new limit rate over "
               "1000000/second drop\n",
               parent.c_str());
  std::fprintf(out, " }\n}\n");
  std::fclose(out);
  const bool loaded = run("nft -f " + file + " 2>/dev/null");
  ::unlink(file.c_str());
  return loaded ? std::optional(file) : std::nullopt;
}

}  // namespace

int main() {
  Sandbox sandbox;
  const Cgroup bob = sandbox.tree().find_or_make("bob").value();
  const auto measure = [&](const std::string& what) {
    std::vector<double> smtp;
    std::vector<double> other;
    for (int round = 0; round < kRounds; ++round) {
      smtp.push_back(connect_ns(bob, kSmtp));
      other.push_back(connect_ns(bob, kOther));
    }
    return Row{what, median(smtp), median(other)};
  };
  std::printf("one connect() that the peer refuses, with socket() and close(), %d rounds of %d, median, ns\n\n",
              kRounds, kConnects);
  std::printf("%-38s %9s %9s %9s %9s\n", "", "port 25", "port 80", "added", "added");
  connect_ns(bob, kOther);  // warm
  const Row bare = measure("no program");
  show(bare, bare);
  const double counting_ns = empty_program_ns(sandbox, bob);
  std::printf("%-38s %9.0f %9.0f\n", "the kernel's counting of one program", counting_ns, counting_ns);

  double most_smtp = 0;
  double most_other = 0;
  double least_smtp = 1e9;
  for (const size_t accounts : {1UL, 100UL, 5000UL}) {
    auto attached = SmtpPrograms::attach({.cgroup_fd = sandbox.tree().fd(),
                                          .account_level = sandbox.tree().account_level(),
                                          .pin_dir = sandbox.pin_dir(),
                                          .features = features_on()});
    if (!attached) {
      std::fprintf(stderr, "%s\n", attached.error().text.c_str());
      return 1;
    }
    constexpr uint64_t kPlenty = 1'000'000;
    const MailLimits mail{.messages_per_15min = kPlenty,
                          .recipients_per_15min = kPlenty,
                          .messages_per_hour = kPlenty,
                          .recipients_per_hour = kPlenty,
                          .connections = {}};
    const SmtpLimit rate{.per_minute = NP_BUCKET_PER_MINUTE_MAX, .burst = NP_BUCKET_BURST_MAX};
    for (uint32_t slot = 1; slot < accounts; ++slot) {
      const Account other{.name = "a" + std::to_string(slot), .slot = slot, .uid = 100000 + slot, .smtp = rate};
      if (!attached->set(other, mail, 1'000'000'000ULL + slot, NP_OVERRIDE_NONE)) return 1;
    }
    Account account{.name = "bob", .slot = 0, .uid = 20001, .smtp = rate};
    std::vector<int> programs = attached->program_fds();
    const auto with = [&](const std::string& what, const MailLimits& limits) {
      const auto fresh = [&] {
        if (!attached->reset(0)) std::exit(1);
      };
      fresh();
      if (!attached->set(account, limits, bob.id().value(), NP_OVERRIDE_NONE)) std::exit(1);
      std::vector<double> smtp;
      std::vector<double> other;
      std::vector<double> kernel_smtp;
      std::vector<double> kernel_other;
      for (int round = 0; round < kRounds; ++round) {
        fresh();
        smtp.push_back(connect_ns(bob, kSmtp));
        other.push_back(connect_ns(bob, kOther));
        fresh();
        kernel_smtp.push_back(programs_ns(programs, bob, kSmtp, counting_ns));
        kernel_other.push_back(programs_ns(programs, bob, kOther, counting_ns));
      }
      if (attached->connect.count(0).denied > 0) {
        std::fprintf(stderr, "%s: connections were refused, so their time is not that of a connect()\n", what.c_str());
        std::exit(1);
      }
      show({what, median(smtp), median(other)}, bare);
      const double smtp_ns = median(kernel_smtp);
      const double other_ns = median(kernel_other);
      std::printf("%-38s %9.0f %9.0f\n", "  of it our programs, less the counting", smtp_ns, other_ns);
      return std::pair(smtp_ns, other_ns);
    };
    const auto [smtp_ns, other_ns] = with(std::to_string(accounts) + " accounts, rate and mail budget", mail);
    most_smtp = std::max(most_smtp, smtp_ns);
    least_smtp = std::min(least_smtp, smtp_ns);
    most_other = std::max(most_other, other_ns);
    if (accounts == 5000) {
      MailLimits capped = mail;
      capped.connections = 100'000;
      with("the same, open connections limited", capped);
      const auto openers = ConnectionOpeners::attach({.cgroup_fd = sandbox.tree().fd(),
                                                      .account_level = sandbox.tree().account_level(),
                                                      .pin_dir = sandbox.pin_dir(),
                                                      .ports = {kSmtp}});
      if (!openers) return 1;
      for (const int fd : openers->program_fds()) programs.push_back(fd);
      with(openers->by_function() ? "and who opens a connection, fentry" : "and who opens a connection, sockops", mail);
    }
    attached = std::unexpected(Error{});
    if (!unpin_all(sandbox.pin_dir())) return 1;
  }
  const std::string& parent = sandbox.cgroup_path();
  for (const size_t accounts : {1UL, 100UL, 5000UL}) {
    if (!nft_rules(parent, accounts)) {
      std::printf("%-38s cannot be loaded on this kernel\n",
                  ("nftables, " + std::to_string(accounts) + " accounts").c_str());
      continue;
    }
    show(measure("nftables, " + std::to_string(accounts) + " accounts"), bare);
    run("nft delete table inet npanel");
  }
  if (std::getenv("NPANEL_CONNECTS")) return 0;  // emulated: columns can be compared, nanoseconds cannot
  std::printf("\ngoal connect-smtp %.0f ns <200 %s\n", most_smtp, most_smtp < kGoalSmtp ? "met" : "missed");
  std::printf("goal connect-other %.0f ns <30 %s\n", most_other, most_other < kGoalOther ? "met" : "missed");
  const double flat = most_smtp / least_smtp;
  std::printf("goal connect-flat %.2f x <1.25 %s\n", flat, flat < 1.25 ? "met" : "missed");
  return 0;
}
