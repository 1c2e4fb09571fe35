// SPDX-License-Identifier: Apache-2.0
// The connect hooks on this very kernel: real connects on a loopback of our own.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <barrier>
#include <cstring>
#include <filesystem>
#include <thread>

#include "kernel/smtp_programs.h"
#include "model/net.h"
#include "support/child.h"
#include "support/connect.h"
#include "support/sandbox.h"
#include "support/use_rules.h"

namespace npanel {
namespace {

constexpr int kTries = 10;
constexpr int kBurst = 3;
constexpr uint16_t kSmtp = 25;
constexpr uint16_t kHttp = 80;
constexpr uid_t kBobUid = 20001;
constexpr uid_t kEveUid = 20002;

std::vector<int> connect_many(const Destination& to) {
  std::vector<int> results;
  for (int i = 0; i < kTries; ++i) results.push_back(connect_once(to));
  return results;
}

std::vector<int> connect_all_at_once(const Destination& to) {
  std::vector<int> results(kTries, -1);
  std::barrier start(kTries);
  std::vector<std::jthread> threads;
  for (int& result : results)
    threads.emplace_back([&] {
      start.arrive_and_wait();
      result = connect_once(to);
    });
  threads.clear();
  return results;
}

// TCP Fast Open: the connection is opened by sendto().
std::vector<int> fast_open_many(const Destination& to) {
  std::vector<int> results;
  for (int i = 0; i < kTries; ++i) {
    socklen_t length = 0;
    const sockaddr_storage address = address_of(to, length);
    const UniqueFd socket(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const ssize_t sent = ::sendto(socket.get(), "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL,
                                  reinterpret_cast<const sockaddr*>(&address), length);
    results.push_back(sent == 1 ? 0 : errno);
  }
  return results;
}

timespec now() {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return time;
}

uint64_t told_by(const std::vector<np_smtp_refusal>& records) {
  uint64_t told = 0;
  for (const np_smtp_refusal& record : records) told += 1 + uint64_t{record.missed};
  return told;
}

class Smtp : public testing::Test {
 protected:
  void SetUp() override {
    attach();
    bob_.smtp = {.per_minute = 1, .burst = kBurst, .mode = SmtpMode::enforce};  // no token comes back meanwhile
    put(bob_, bob_cgroup_);
    put(eve_, eve_cgroup_);
  }

  void attach() {
    programs_.reset();
    auto programs = SmtpPrograms::attach({.cgroup_fd = sandbox_.tree().fd(),
                                          .account_level = sandbox_.tree().account_level(),
                                          .pin_dir = sandbox_.pin_dir(),
                                          .rules = rules_,
                                          .features = features_on()});
    ASSERT_TRUE(programs) << programs.error().text;
    programs_.emplace(std::move(*programs));
  }

  void put(const Account& account, const Cgroup& cgroup) {
    ASSERT_TRUE(programs_->set(account, account.mail, cgroup.id().value(), NP_OVERRIDE_NONE));
  }

  // Inside the hooks' reach, but in no account's cgroup.
  Cgroup outside() { return sandbox_.tree().find_or_make("outside").value(); }

  std::vector<np_smtp_refusal> refusals() {
    std::vector<np_smtp_refusal> found;
    EXPECT_TRUE(programs_->connect.drain_refusals([&](const np_smtp_refusal& refusal) { found.push_back(refusal); }));
    return found;
  }

  Sandbox sandbox_;
  SmtpRules rules_;
  Listener smtp_{kSmtp}, smtps_{465}, submission_{587}, http_{kHttp};
  Account bob_{.name = "bob", .slot = 1, .uid = kBobUid};
  Account eve_{.name = "eve", .slot = 2, .uid = kEveUid, .smtp = {.per_minute = 6000, .burst = 1000}};
  Cgroup bob_cgroup_ = sandbox_.tree().find_or_make("bob").value();
  Cgroup eve_cgroup_ = sandbox_.tree().find_or_make("eve").value();
  std::optional<SmtpPrograms> programs_;
};

// As many connects as the burst are made; the caller of every other sees EPERM.
void expect_burst(const std::vector<int>& results) {
  ASSERT_EQ(results.size(), static_cast<size_t>(kTries));
  EXPECT_EQ(std::ranges::count(results, 0), kBurst);
  EXPECT_EQ(std::ranges::count(results, EPERM), kTries - kBurst);
}

void expect_all_made(const std::vector<int>& results) {
  EXPECT_EQ(results, std::vector<int>(kTries, 0));
}

TEST_F(Smtp, AllowsTheBurstOverIpv4) {
  expect_burst(run_in({&bob_cgroup_}, [] { return connect_many({"127.0.0.1", kSmtp}); }));
}
TEST_F(Smtp, AllowsTheBurstOverIpv6) {
  expect_burst(run_in({&bob_cgroup_}, [] { return connect_many({"::1", kSmtp}); }));
}
TEST_F(Smtp, AllowsTheBurstOverMappedIpv4) {
  expect_burst(run_in({&bob_cgroup_}, [] { return connect_many({"::ffff:127.0.0.1", kSmtp}); }));
}
TEST_F(Smtp, AllowsTheBurstToTenThreadsAtOnce) {
  expect_burst(run_in({&bob_cgroup_}, [] { return connect_all_at_once({"127.0.0.1", kSmtp}); }));
}
TEST_F(Smtp, AllowsTheBurstByFastOpen) {
  expect_burst(run_in({&bob_cgroup_}, [] { return fast_open_many({"127.0.0.1", kSmtp}); }));
}

TEST_F(Smtp, CountsEveryAddressFamilyAndPortInOneBucket) {
  const auto results = run_in({&bob_cgroup_}, [] {
    return std::vector{connect_once({"127.0.0.1", kSmtp}), connect_once({"::1", 465}),
                       connect_once({"::ffff:127.0.0.1", 587}), connect_once({"127.0.0.1", 465})};
  });
  EXPECT_EQ(results, (std::vector{0, 0, 0, EPERM}));
}

TEST_F(Smtp, KnowsTheAccountByUidOutsideItsCgroup) {
  const Cgroup elsewhere = outside();
  expect_burst(run_in({&elsewhere, kBobUid}, [] { return connect_many({"127.0.0.1", kSmtp}); }));
}

TEST_F(Smtp, KnowsTheAccountInACgroupBelowItsOwn) {
  ASSERT_EQ(::mkdirat(bob_cgroup_.fd(), "site", 0755), 0);
  const Cgroup site = Cgroup::open(bob_cgroup_.fd(), "site").value();
  expect_burst(run_in({&site}, [] { return connect_many({"127.0.0.1", kSmtp}); }));
}

TEST_F(Smtp, KnowsAnAccountWhoseCgroupSharesItsIndexWithAnother) {
  const uint64_t id = bob_cgroup_.id().value();
  ASSERT_TRUE(programs_->remove(bob_, id));
  const Account first{.name = "first", .slot = 3, .uid = {}};
  ASSERT_TRUE(programs_->set(first, first.mail, id + NP_ACCT_CACHE, NP_OVERRIDE_NONE));
  put(bob_, bob_cgroup_);
  expect_burst(run_in({&bob_cgroup_}, [] { return connect_many({"127.0.0.1", kSmtp}); }));
  EXPECT_EQ(programs_->connect.count(first.slot).allowed, 0U);
}

TEST_F(Smtp, PrefersTheCgroupToTheUid) {
  expect_all_made(run_in({&eve_cgroup_, kBobUid}, [] { return connect_many({"127.0.0.1", kSmtp}); }));
  EXPECT_EQ(programs_->connect.count(eve_.slot).allowed, static_cast<__u64>(kTries));
  EXPECT_EQ(programs_->connect.count(bob_.slot).allowed, 0u);
}

TEST_F(Smtp, LeavesAnotherAccountAndOtherTrafficAlone) {
  run_in({&bob_cgroup_}, [] { return connect_many({"127.0.0.1", kSmtp}); });
  expect_all_made(run_in({&eve_cgroup_}, [] { return connect_many({"127.0.0.1", kSmtp}); }));
  expect_all_made(run_in({&bob_cgroup_}, [] { return connect_many({"127.0.0.1", kHttp}); }));
  expect_all_made(run_in({&bob_cgroup_}, [] { return connect_many({"127.0.0.1", kSmtp, SOCK_DGRAM}); }));
  EXPECT_EQ(programs_->connect.count(bob_.slot).allowed, static_cast<__u64>(kBurst));
}

TEST_F(Smtp, CountsWhatBelongsToNobody) {
  const Cgroup elsewhere = outside();
  const __u64 before = programs_->connect.total().unknown;
  expect_all_made(run_in({&elsewhere, 33333}, [] { return connect_many({"127.0.0.1", kSmtp}); }));
  EXPECT_EQ(programs_->connect.total().unknown - before, static_cast<__u64>(kTries));
}

TEST_F(Smtp, ObservesWithoutRefusing) {
  bob_.smtp.mode = SmtpMode::observe;
  put(bob_, bob_cgroup_);
  expect_all_made(run_in({&bob_cgroup_}, [] { return connect_many({"127.0.0.1", kSmtp}); }));
  const np_smtp_count count = programs_->connect.count(bob_.slot);
  EXPECT_EQ(count.allowed, static_cast<__u64>(kBurst));
  EXPECT_EQ(count.would_deny, static_cast<__u64>(kTries - kBurst));
  EXPECT_EQ(refusals().front().verdict, NP_SMTP_WOULD_DENY);
}

TEST_F(Smtp, FeatureIsObeyedByTheNextConnect) {
  const auto set_feature = [&](const FeatureState& state) {
    Features features;
    features.set(NP_EMAIL_RATE_LIMITING, state);
    ASSERT_TRUE(programs_->features.set(features.kernel()));
  };
  const auto tries = [&] { return run_in({&bob_cgroup_}, [] { return connect_many({"127.0.0.1", kSmtp}); }); };
  set_feature({.enabled = false});
  expect_all_made(tries());
  EXPECT_EQ(programs_->connect.count(bob_.slot).allowed, 0U);
  set_feature({.enabled = true, .mode = FeatureMode::observe});
  expect_all_made(tries());
  EXPECT_EQ(programs_->connect.count(bob_.slot).would_deny, static_cast<uint64_t>(kTries - kBurst));
  set_feature({.enabled = true});
  EXPECT_EQ(tries(), std::vector<int>(kTries, EPERM));
  set_feature({.enabled = true, .rollout = 0});
  expect_all_made(tries());
}

TEST_F(Smtp, RolloutTakesTheAccountsThatUserSpaceThinksItTakes) {
  const auto bucket = np_rollout_bucket("bob", 3, NP_EMAIL_RATE_LIMITING);
  for (const uint32_t percent : {bucket, bucket + 1}) {
    Features features;
    features.set(NP_EMAIL_RATE_LIMITING, {.enabled = true, .rollout = percent});
    ASSERT_TRUE(programs_->features.set(features.kernel()));
    const bool on = features.mode_for(NP_EMAIL_RATE_LIMITING, "bob") != FeatureMode::off;
    EXPECT_EQ(on, percent > bucket);
    const auto results = run_in({&bob_cgroup_}, [] { return connect_many({"127.0.0.1", kSmtp}); });
    on ? expect_burst(results) : expect_all_made(results);
  }
}

TEST_F(Smtp, OverrideDecidesWhateverThePercentageSays) {
  Features features;
  features.set(NP_EMAIL_RATE_LIMITING, {.enabled = true, .rollout = 0});
  ASSERT_TRUE(programs_->features.set(features.kernel()));
  ASSERT_TRUE(programs_->set(bob_, bob_.mail, bob_cgroup_.id().value(), NP_OVERRIDE_ON));
  expect_burst(run_in({&bob_cgroup_}, [] { return connect_many({"127.0.0.1", kSmtp}); }));
  ASSERT_TRUE(programs_->features.set(features_on()));
  ASSERT_TRUE(programs_->set(bob_, bob_.mail, bob_cgroup_.id().value(), NP_OVERRIDE_OFF));
  expect_all_made(run_in({&bob_cgroup_}, [] { return connect_many({"127.0.0.1", kSmtp}); }));
}

TEST_F(Smtp, OtherPortsHoldFromTheNextConnectAndCountsGoOn) {
  bob_.smtp.per_minute = 1;  // thirteen children take longer than a second in emulation
  put(bob_, bob_cgroup_);
  const auto connect_to = [&](uint16_t port) {
    return run_in({&bob_cgroup_}, [port] { return std::vector{connect_once({"127.0.0.1", port})}; }).front();
  };
  EXPECT_EQ(connect_to(kSmtp), 0);
  ASSERT_TRUE(use_rules(programs_->connect, {.ports = {kHttp}}));
  for (int i = 0; i < kTries; ++i) EXPECT_EQ(connect_to(kSmtp), 0);
  EXPECT_EQ(programs_->connect.count(bob_.slot).allowed, 1U);
  for (int i = 1; i < kBurst; ++i) EXPECT_EQ(connect_to(kHttp), 0);
  EXPECT_EQ(connect_to(kHttp), EPERM);
  EXPECT_EQ(refusals().size(), 1U);  // the ring is still the one that we read
}

TEST_F(Smtp, AUidThatIsForgottenIsNobodysAndAnotherOnesStays) {
  EXPECT_EQ(programs_->identity.slot_of_user(kBobUid), bob_.slot);
  ASSERT_TRUE(programs_->identity.forget_uid(bob_.slot, bob_.uid));
  EXPECT_EQ(programs_->identity.slot_of_user(kBobUid), std::nullopt);
  Account wrong = bob_;
  wrong.uid = kEveUid;
  ASSERT_TRUE(programs_->identity.forget_uid(wrong.slot, wrong.uid));
  EXPECT_EQ(programs_->identity.slot_of_user(kEveUid), eve_.slot);
  expect_burst(run_in({&bob_cgroup_}, [] { return connect_many({"127.0.0.1", kSmtp}); }));
}

TEST_F(Smtp, ADirectoryThatSomethingRunsInStays) {
  const Cgroup old = sandbox_.tree().find_or_make(cgroup_directory("cgroup.procs")).value();
  const auto there = run_in({&old}, [&] {
    const auto removed = sandbox_.tree().remove_if_empty("cgroup%2Eprocs");
    return std::vector{removed && !*removed ? 1 : 0};
  });
  EXPECT_EQ(there, std::vector{1});
  EXPECT_TRUE(sandbox_.tree().remove_if_empty("cgroup%2Eprocs").value());
  EXPECT_TRUE(sandbox_.tree().remove_if_empty("cgroup%2Eprocs").value()) << "gone is gone";
}

std::vector<np_smtp_net> networks(int first, int count) {
  std::vector<np_smtp_net> nets{parse_net("127.0.0.2").value()};
  for (int i = first; static_cast<int>(nets.size()) < count; ++i)
    nets.push_back(parse_net("10." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ".0/24").value());
  return nets;
}

TEST_F(Smtp, ReloadMayExchangeAllThatItAllows) {
  ASSERT_TRUE(use_rules(programs_->connect, {.allow = networks(0, NP_SMTP_NETS)}));
  const auto other = use_rules(programs_->connect, {.allow = networks(5000, NP_SMTP_NETS)});
  ASSERT_TRUE(other) << other.error().text;
  expect_all_made(run_in({&bob_cgroup_}, [] { return connect_many({"127.0.0.2", kSmtp}); }));
}

TEST_F(Smtp, ReloadThatCannotBeWrittenDownIsTakenBack) {
  ASSERT_TRUE(use_rules(programs_->connect, {.ports = {kSmtp}, .allow = networks(0, 5)}));
  auto former = use_rules(programs_->connect, {.ports = {kHttp}});
  ASSERT_TRUE(former) << former.error().text;
  const auto back = programs_->connect.switch_to(std::move(*former));
  ASSERT_TRUE(back) << back.error().text;
  expect_all_made(run_in({&bob_cgroup_}, [] { return connect_many({"127.0.0.1", kHttp}); }));
  expect_all_made(run_in({&bob_cgroup_}, [] { return connect_many({"127.0.0.2", kSmtp}); }));
  expect_burst(run_in({&bob_cgroup_}, [] { return connect_many({"127.0.0.1", kSmtp}); }));
}

TEST_F(Smtp, ReloadThatIsRefusedChangesNothing) {
  rules_ = {.allow = networks(0, NP_SMTP_NETS)};
  ASSERT_TRUE(use_rules(programs_->connect, rules_));
  auto many = networks(5000, NP_SMTP_NETS + 1);
  many.front() = parse_net("127.0.0.3").value();
  ASSERT_FALSE(use_rules(programs_->connect, {.ports = {kHttp}, .allow = many}));
  expect_all_made(run_in({&bob_cgroup_}, [] { return connect_many({"127.0.0.2", kSmtp}); }));
  expect_burst(run_in({&bob_cgroup_}, [] { return connect_many({"127.0.0.3", kSmtp}); }));
  attach();  // as after a restart
  expect_all_made(run_in({&bob_cgroup_}, [] { return connect_many({"127.0.0.2", kSmtp}); }));
}

// An earlier build kept the networks in a pinned map, and a reload that was refused left it full.
TEST_F(Smtp, NeverTakesOverAPinnedMapOfAllowedNetworks) {
  programs_.reset();
  bpf_map_create_opts options{};
  options.sz = sizeof(options);
  options.map_flags = BPF_F_NO_PREALLOC;
  const UniqueFd full(bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "np_smtp_allow", sizeof(np_smtp_net), sizeof(__u32),
                                     NP_SMTP_NETS, &options));
  const __u32 yes = 1;
  for (const np_smtp_net& net : networks(5000, NP_SMTP_NETS))
    ASSERT_EQ(bpf_map_update_elem(full.get(), &net, &yes, BPF_ANY), 0);
  std::string layout;
  for (const auto& entry : std::filesystem::directory_iterator(sandbox_.pin_dir())) layout = entry.path();
  ASSERT_EQ(bpf_obj_pin(full.get(), (layout + "/np_smtp_allow").c_str()), 0);
  rules_ = {.allow = networks(0, NP_SMTP_NETS)};
  attach();
  ASSERT_TRUE(programs_);
  put(bob_, bob_cgroup_);
  expect_all_made(run_in({&bob_cgroup_}, [] { return connect_many({"127.0.0.2", kSmtp}); }));
}

TEST_F(Smtp, CountsNothingWhenOff) {
  bob_.smtp.mode = SmtpMode::off;
  put(bob_, bob_cgroup_);
  expect_all_made(run_in({&bob_cgroup_}, [] { return connect_many({"127.0.0.1", kSmtp}); }));
  EXPECT_EQ(programs_->connect.count(bob_.slot).allowed, 0u);
}

TEST_F(Smtp, RefusesAllAtRateZero) {
  bob_.smtp = {.per_minute = 0, .burst = 0};
  put(bob_, bob_cgroup_);
  EXPECT_EQ(run_in({&bob_cgroup_}, [] { return connect_many({"127.0.0.1", kSmtp}); }), std::vector<int>(kTries, EPERM));
}

TEST_F(Smtp, RecordsWhoWasRefusedAndWhere) {
  const auto results = run_in({&bob_cgroup_, kBobUid}, [] {
    auto made = connect_many({"::1", kSmtp});
    made.push_back(::getpid());
    return made;
  });
  const auto records = refusals();
  ASSERT_EQ(records.size(), static_cast<size_t>(kTries - kBurst));
  const np_smtp_refusal& first = records.front();
  EXPECT_EQ(first.slot, bob_.slot);
  EXPECT_EQ(first.pid, static_cast<__u32>(results.back()));
  EXPECT_EQ(first.uid, kBobUid);
  EXPECT_EQ(first.port, kSmtp);
  EXPECT_EQ(first.family, 6);
  EXPECT_EQ(first.verdict, NP_SMTP_DENIED);
  in6_addr loopback = IN6ADDR_LOOPBACK_INIT;
  EXPECT_EQ(std::memcmp(first.address, &loopback, sizeof(loopback)), 0);
}

TEST_F(Smtp, AProcessThatIsRefusedInALoopHasAFewRecordsASecond) {
  bob_.smtp = {.per_minute = 0, .burst = 0};
  put(bob_, bob_cgroup_);
  constexpr int kFlood = 6000;
  const auto flood = [](int times) {
    return [times] {
      const timespec began = now();
      for (int i = 0; i < times; ++i) connect_once({"127.0.0.1", kSmtp});
      return std::vector{static_cast<int>(now().tv_sec - began.tv_sec)};
    };
  };
  const auto seconds = run_in({&bob_cgroup_}, flood(kFlood));
  ASSERT_EQ(seconds.size(), 1U);
  const auto records = refusals();
  EXPECT_GE(records.size(), NP_SMTP_RECORDS_A_SECOND);
  EXPECT_LE(records.size(), static_cast<size_t>(seconds[0] + 1) * NP_SMTP_RECORDS_A_SECOND);
  EXPECT_EQ(told_by(records) + programs_->connect.count(bob_.slot).unrecorded, static_cast<uint64_t>(kFlood));
  EXPECT_EQ(programs_->connect.count(bob_.slot).denied, static_cast<__u64>(kFlood));
  ::sleep(1);
  run_in({&bob_cgroup_}, flood(1));
  EXPECT_EQ(told_by(records) + told_by(refusals()), static_cast<uint64_t>(kFlood) + 1) << "the next one tells of them";
}

TEST_F(Smtp, CountsRecordsThatFoundTheRingFull) {
  constexpr uint32_t kAccounts = 60;  // a hundred records each; the ring holds about 3,600
  constexpr int kEach = 100;
  std::vector<Cgroup> cgroups;
  for (uint32_t slot = 10; slot < 10 + kAccounts; ++slot) {
    const std::string name = "flood" + std::to_string(slot);
    cgroups.push_back(sandbox_.tree().find_or_make(name).value());
    put({.name = name, .slot = slot, .smtp = {.per_minute = 0, .burst = 0}}, cgroups.back());
  }
  run_in({}, [&] {
    for (const Cgroup& cgroup : cgroups) {
      if (!cgroup.add(::getpid())) break;
      for (int i = 0; i < kEach; ++i) connect_once({"127.0.0.1", kSmtp});
    }
    return std::vector<int>{};
  });
  const size_t read = refusals().size();
  EXPECT_GT(read, 3000u);
  EXPECT_GT(programs_->connect.total().lost, 0U);
  EXPECT_EQ(read + programs_->connect.total().lost, size_t{kAccounts} * kEach);
}

TEST_F(Smtp, HoldsAndCountsOnWhileNoAgentRuns) {
  run_in({&bob_cgroup_}, [] { return connect_many({"127.0.0.1", kSmtp}); });
  programs_.reset();
  EXPECT_EQ(run_in({&bob_cgroup_}, [] { return std::vector{connect_once({"127.0.0.1", kSmtp})}; }), std::vector{EPERM});
  attach();
  EXPECT_EQ(programs_->connect.count(bob_.slot).denied, static_cast<__u64>(kTries - kBurst + 1));
  EXPECT_EQ(programs_->set(bob_, bob_.mail, bob_cgroup_.id().value(), NP_OVERRIDE_NONE),
            0);  // nothing had to be written again
  EXPECT_EQ(run_in({&bob_cgroup_}, [] { return std::vector{connect_once({"127.0.0.1", kSmtp})}; }), std::vector{EPERM});
}

TEST_F(Smtp, ForgetsARemovedAccountAndStartsItsSlotAfresh) {
  run_in({&bob_cgroup_}, [] { return connect_many({"127.0.0.1", kSmtp}); });
  ASSERT_TRUE(programs_->remove(bob_, bob_cgroup_.id().value()));
  expect_all_made(run_in({&bob_cgroup_, kBobUid}, [] { return connect_many({"127.0.0.1", kSmtp}); }));
  ASSERT_TRUE(programs_->reset(bob_.slot));
  put(bob_, bob_cgroup_);
  EXPECT_EQ(programs_->connect.count(bob_.slot).denied, 0u);
  expect_burst(run_in({&bob_cgroup_}, [] { return connect_many({"127.0.0.1", kSmtp}); }));
}

TEST_F(Smtp, DropsEntriesOfAccountsThatAreGone) {
  const std::vector<Identity::Owner> known{{.cgroup_id = eve_cgroup_.id().value(), .uid = kEveUid}};
  EXPECT_EQ(programs_->identity.forget_all_but(known), 2);  // bob's cgroup and bob's uid
  EXPECT_EQ(programs_->identity.forget_all_but(known), 0);
  expect_all_made(run_in({&bob_cgroup_, kBobUid}, [] { return connect_many({"127.0.0.1", kSmtp}); }));
}

}  // namespace
}  // namespace npanel
