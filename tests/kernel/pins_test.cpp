// SPDX-License-Identifier: Apache-2.0
// What outlives the agent, and what a version with other structs makes of it.
#include "kernel/pins.h"

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "kernel/bpf_object.h"
#include "kernel/smtp_programs.h"
#include "other_connect.skel.h"
#include "support/child.h"
#include "support/connect.h"
#include "support/sandbox.h"

namespace npanel {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kSlot = 7;
constexpr uint16_t kSmtp = 25;
constexpr uint32_t kBurst = 5;
constexpr auto kFlood = std::chrono::milliseconds(1500);

// np_smtp_limit as the other version has it, see tests/CMakeLists.txt.
struct OtherLimit {
  uint64_t gone = 0xdead;
  np_smtp_limit limit{};
};
struct OtherCount {
  uint64_t gone = 0;
  np_smtp_count count{};
};

// The programs of the other version, pinned and attached as its agent left them when it was ended.
class OtherAgent {
 public:
  explicit OtherAgent(const Sandbox& sandbox, const Cgroup& bob) : dir_(sandbox.pin_dir() + "/v0/") {
    fs::create_directories(dir_);
    skeleton_.reset(np_other_connect_bpf::open());
    skeleton_->rodata->np_account_level = sandbox.tree().account_level();
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, skeleton_->obj) if (!bpf_map__is_internal(map))
        bpf_map__set_pin_path(map, (dir_ + bpf_map__name(map)).c_str());
    EXPECT_EQ(np_other_connect_bpf::load(skeleton_.get()), 0);
    link("link4", skeleton_->progs.np_smtp_conn4, sandbox.tree().fd());
    link("link6", skeleton_->progs.np_smtp_conn6, sandbox.tree().fd());
    const OtherLimit limit{.limit = {.per_minute = 1,
                                     .burst = kBurst,
                                     .mode = NP_SMTP_ENFORCE,
                                     .bucket = 0,
                                     .override = NP_OVERRIDE_NONE,
                                     .connections = 0,
                                     .action = NP_SMTP_LIMIT}};
    const uint64_t cgroup = bob.id().value();
    const FeatureTable features = features_on();
    const __u32 mail = NP_EMAIL_RATE_LIMITING;
    update(skeleton_->maps.np_feature, &mail, &features[mail]);
    update(skeleton_->maps.np_smtp_limit, &kSlot, &limit);
    update(skeleton_->maps.np_acct_cgroup, &cgroup, &kSlot);
  }

  [[nodiscard]] np_smtp_count count() const {
    OtherCount value;
    EXPECT_EQ(bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.np_smtp_count), &kSlot, &value), 0);
    return value.count;
  }

 private:
  void link(const char* name, bpf_program* program, int cgroup) {
    const LinkPtr made(bpf_program__attach_cgroup(program, cgroup));
    EXPECT_EQ(bpf_link__pin(made.get(), (dir_ + name).c_str()), 0);
  }
  static void update(const bpf_map* map, const void* key, const void* value) {
    EXPECT_EQ(bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY), 0);
  }

  std::string dir_;
  SkeletonPtr<np_other_connect_bpf> skeleton_;
};

uint32_t link_id(const std::string& pin) {
  const LinkPtr link(bpf_link__open(pin.c_str()));
  bpf_link_info info{};
  __u32 length = sizeof(info);
  if (!link || bpf_obj_get_info_by_fd(bpf_link__fd(link.get()), &info, &length) != 0) return 0;
  return info.id;
}

class PinsTest : public testing::Test {
 protected:
  Result<SmtpPrograms> attach() {
    return SmtpPrograms::attach({.cgroup_fd = sandbox_.tree().fd(),
                                 .account_level = sandbox_.tree().account_level(),
                                 .pin_dir = sandbox_.pin_dir(),
                                 .rules = {.ports = {kSmtp}},
                                 .features = features_on()});
  }
  [[nodiscard]] std::string pin(const std::string& name) const { return sandbox_.pin_dir() + "/" + name; }

  Sandbox sandbox_;
  Listener smtp_{kSmtp};
  Cgroup bob_cgroup_ = sandbox_.tree().find_or_make("bob").value();
};

// How many of all the connects that fit into the time passed, and how many were refused.
std::vector<int> flood() {
  std::vector<int> made{0, 0};
  for (const auto end = std::chrono::steady_clock::now() + kFlood; std::chrono::steady_clock::now() < end;)
    ++made[connect_once({"127.0.0.1", kSmtp}) == 0 ? 0 : 1];
  return made;
}

TEST_F(PinsTest, OtherLayoutMovesInDuringAFloodAndNotOneMorePasses) {
  const OtherAgent other(sandbox_, bob_cgroup_);
  const uint32_t link4 = link_id(pin("v0/link4"));
  ASSERT_NE(link4, 0U);
  run_in({&bob_cgroup_}, [] { return std::vector{connect_once({"127.0.0.1", kSmtp})}; });
  ASSERT_EQ(other.count().allowed, 1U);

  std::vector<int> made;
  std::thread flooding([&] { made = run_in({&bob_cgroup_}, flood); });
  std::this_thread::sleep_for(kFlood / 3);
  const auto programs = attach();
  flooding.join();

  ASSERT_TRUE(programs) << programs.error().text;
  ASSERT_EQ(made.size(), 2U);
  EXPECT_EQ(made[0], static_cast<int>(kBurst - 1)) << "one was spent before";
  EXPECT_GT(made[1], 100);
  const np_smtp_count count = programs->connect.count(kSlot);
  EXPECT_EQ(count.allowed, kBurst);
  EXPECT_GT(other.count().denied, 0U);
  EXPECT_EQ(count.denied, static_cast<uint64_t>(made[1])) << "what both have counted";
  EXPECT_EQ(link_id(pin("v8/link4")), link4) << "the hook was never away";
  EXPECT_FALSE(fs::exists(pin("v0")));
}

TEST_F(PinsTest, InterruptedMoveIsDoneAgain) {
  const OtherAgent other(sandbox_, bob_cgroup_);
  run_in({&bob_cgroup_}, [] { return std::vector{connect_once({"127.0.0.1", kSmtp})}; });
  fs::create_directories(pin("v8"));
  {
    // An empty map of ours, as a killed agent leaves it before it has copied anything.
    const SkeletonPtr<np_other_connect_bpf> skeleton(np_other_connect_bpf::open_and_load());
    ASSERT_EQ(bpf_obj_pin(bpf_map__fd(skeleton->maps.np_smtp_count), pin("v8/np_smtp_count").c_str()), 0);
  }
  const auto programs = attach();
  ASSERT_TRUE(programs) << programs.error().text;
  EXPECT_EQ(programs->connect.count(kSlot).allowed, 1U);
}

TEST_F(PinsTest, LinkThatTheKernelDetachedIsAttachedAnew) {
  {
    ASSERT_TRUE(attach());
  }
  {
    const LinkPtr link(bpf_link__open(pin("v8/link4").c_str()));
    ASSERT_EQ(bpf_link__detach(link.get()), 0);
  }
  auto programs = attach();
  ASSERT_TRUE(programs) << programs.error().text;
  EXPECT_NE(link_id(pin("v8/link4")), 0U);
  const Account bob{.name = "bob", .slot = 1, .smtp = {.per_minute = 0, .burst = 0}};
  ASSERT_TRUE(programs->set(bob, bob.mail, bob_cgroup_.id().value(), NP_OVERRIDE_NONE));
  EXPECT_EQ(run_in({&bob_cgroup_}, [] { return std::vector{connect_once({"127.0.0.1", kSmtp})}; }), std::vector{EPERM});
}

TEST_F(PinsTest, DirectoryThatSomebodyElseHasMadeIsNotOurs) {
  ASSERT_EQ(::mkdir(sandbox_.pin_dir().c_str(), 0700), 0);
  ASSERT_EQ(::chown(sandbox_.pin_dir().c_str(), 4001, 4001), 0);
  EXPECT_EQ(attach().error().code, EPERM);
  ASSERT_EQ(::chown(sandbox_.pin_dir().c_str(), 0, 0), 0);
  ASSERT_EQ(::chmod(sandbox_.pin_dir().c_str(), 0777), 0);
  EXPECT_EQ(attach().error().code, EPERM);
  ASSERT_EQ(::chmod(sandbox_.pin_dir().c_str(), 0700), 0);
  EXPECT_TRUE(attach());
}

TEST_F(PinsTest, UnpinAllDetachesEvenWhatAnAgentStillHolds) {
  auto programs = attach();
  ASSERT_TRUE(programs) << programs.error().text;
  const Account bob{.name = "bob", .slot = 1, .smtp = {.per_minute = 0, .burst = 0}};
  ASSERT_TRUE(programs->set(bob, bob.mail, bob_cgroup_.id().value(), NP_OVERRIDE_NONE));
  const auto connect = [] { return std::vector{connect_once({"127.0.0.1", kSmtp})}; };
  ASSERT_EQ(run_in({&bob_cgroup_}, connect), std::vector{EPERM});
  const auto done = unpin_all(sandbox_.pin_dir());
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(done->links, 4);
  EXPECT_EQ(done->maps, 16);
  EXPECT_EQ(run_in({&bob_cgroup_}, connect), std::vector{0});
  EXPECT_FALSE(fs::exists(sandbox_.pin_dir()));
}

}  // namespace
}  // namespace npanel
