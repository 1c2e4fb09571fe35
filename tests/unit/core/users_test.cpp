// SPDX-License-Identifier: Apache-2.0
#include "core/users.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <thread>

#include "helper/dispatcher.h"
#include "support/temp_dir.h"

namespace npanel {
namespace {

using namespace std::chrono_literals;

// A name service that knows ann, and one that hangs.
int service(const Question& question, const Dispatcher::Say& say) {
  if (question.text == "slow") ::pause();
  if (question.text == "ann") say("uid", "4002");
  return 0;
}

class UsersCase : public testing::Test {
 protected:
  UniqueFd listening() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
    UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(socket.get(), 8), 0);
    return socket;
  }
  void hear(size_t count) {
    for (const auto until = std::chrono::steady_clock::now() + 10s;
         answers_ < count && std::chrono::steady_clock::now() < until;) {
      ASSERT_TRUE(dispatcher_.run_once(5ms));
      client_.run();
    }
    ASSERT_EQ(answers_, count);
  }

  TempDir dir_;
  std::string path_ = dir_.path("helper.sock");
  std::string passwd_ = dir_.write("passwd", "bob:x:4001:4001::/home/bob:/bin/sh\n");
  Dispatcher dispatcher_{listening(), service,
                         [](Ask) { return Bounds{.most = 4, .most_of_one = 4, .deadline = 50ms}; }};
  HelperClient client_{path_};
  Users users_{client_, passwd_};
  size_t answers_ = 0;
  void SetUp() override {
    users_.on_answer([this](const std::string&) { ++answers_; });
  }
};

TEST_F(UsersCase, OfThisHostAreKnownAtOnce) {
  EXPECT_EQ(users_.find("bob").uid, 4001U);
  EXPECT_FALSE(users_.find("bob").asked);
}

TEST_F(UsersCase, OfANameServiceAreKnownLater) {
  EXPECT_EQ(users_.find("ann").uid, std::nullopt);
  EXPECT_TRUE(users_.find("ann").asked);
  hear(1);
  EXPECT_EQ(users_.find("ann").uid, 4002U);
  EXPECT_EQ(users_.find_all({"ann", "bob", "nobody"}), (std::set<uid_t>{4001, 4002}));
}

TEST_F(UsersCase, ThatAreNotThereAreNobodyAndNoLongerWaitedFor) {
  EXPECT_TRUE(users_.find("nobody").asked);
  hear(1);
  EXPECT_EQ(users_.find("nobody").uid, std::nullopt);
  EXPECT_FALSE(users_.find("nobody").asked);
}

TEST_F(UsersCase, OfThisHostAreToldAllAtOnceWheneverTheirFileChanges) {
  EXPECT_EQ(users_.changed_users(), (std::map<std::string, uid_t>{{"bob", 4001}}));
  EXPECT_EQ(users_.changed_users(), std::nullopt);
  const std::string text = "bob:x:4001:4001::/home/bob:/bin/sh\njohn.doe:x:4003:4003::/:/bin/sh\n";
  dir_.write("passwd.new", text);
  std::filesystem::rename(dir_.path("passwd.new"), passwd_);  // as useradd(8) does
  EXPECT_EQ(users_.changed_users(), (std::map<std::string, uid_t>{{"bob", 4001}, {"john.doe", 4003}}));
  EXPECT_EQ(users_.changed_users(), std::nullopt);
  users_.look_again();
  EXPECT_TRUE(users_.changed_users());
}

TEST_F(UsersCase, OfAServiceAreAskedForWithoutReadingTheFile) {
  EXPECT_EQ(users_.ask_service("bob").uid, std::nullopt) << "bob is in the file";
  EXPECT_TRUE(users_.is_waited_for("bob"));
  hear(1);
  EXPECT_FALSE(users_.is_waited_for("bob"));
  EXPECT_FALSE(users_.is_waited_for("stranger"));
}

TEST_F(UsersCase, OfAServiceThatHangsAreNotKnownYet) {
  EXPECT_TRUE(users_.find("slow").asked);
  const auto until = std::chrono::steady_clock::now() + 300ms;
  while (std::chrono::steady_clock::now() < until) {
    ASSERT_TRUE(dispatcher_.run_once(5ms));
    client_.run();
  }
  EXPECT_EQ(answers_, 0U);
  EXPECT_TRUE(users_.find("slow").asked) << "nobody is not an answer";
}

// Where nobody answers, 10,000 accounts would be asked about each 5 seconds.
TEST_F(UsersCase, OnlyThoseOfTheConfigurationAreAskedAboutAgainUnbidden) {
  HelperClient nobody(dir_.path("no.sock"));
  Users users(nobody, passwd_);
  users.find("account");
  EXPECT_EQ(users.find_all({"mta"}), std::set<uid_t>{});
  nobody.run();
  EXPECT_EQ(users.waiting(), 0U) << "both have failed";
  EXPECT_FALSE(users.is_due("account"));
  EXPECT_TRUE(users.is_due("stranger"));
  std::this_thread::sleep_for(5100ms);
  EXPECT_TRUE(users.is_due("account"));
  EXPECT_TRUE(users.is_due("mta"));
  users.retry();
  nobody.run();
  EXPECT_TRUE(users.is_due("account")) << "nobody has bidden it";
  EXPECT_FALSE(users.is_due("mta")) << "just asked";
}

}  // namespace
}  // namespace npanel
