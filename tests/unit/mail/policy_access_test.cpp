// SPDX-License-Identifier: Apache-2.0
#include "mail/policy_access.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <thread>

#include "support/temp_dir.h"

namespace npanel {
namespace {

constexpr uid_t kExim = 60101;
constexpr uid_t kPostfix = 60102;
constexpr uid_t kCustomer = 60103;
constexpr const char* kEximOnly = "root:x:0:0::/root:/bin/sh\nDebian-exim:x:60101:60101::/:/bin/false\n";
constexpr const char* kBoth =
    "root:x:0:0::/root:/bin/sh\nDebian-exim:x:60101:60101::/:/bin/false\npostfix:x:60102:60102::/:/bin/false\n";

class PolicyAccessTest : public testing::Test {
 protected:
  PolicyAccessTest() {
    std::filesystem::permissions(dir_.path(), std::filesystem::perms(0711));
    address_.sun_family = AF_UNIX;
    path_.copy(address_.sun_path, sizeof(address_.sun_path) - 1);
    sockets_.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(sockets_[0].get(), name(), sizeof(address_)), 0);
    EXPECT_EQ(::listen(sockets_[0].get(), 64), 0);
    EXPECT_EQ(::chmod(path_.c_str(), 0666), 0);  // as it was once
  }
  // What connect() says to a user, who is a thread of ours: 0 or the errno.
  int connect_as(uid_t uid) {
    int said = -1;
    std::thread([&] {
      if (::syscall(SYS_setresuid, -1, uid, -1) != 0) return;
      const UniqueFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      said = ::connect(client.get(), name(), sizeof(address_)) == 0 ? 0 : errno;
    }).join();
    return said;
  }
  bool keeps_access_lists() const {
    const auto said = admit_only(path_, {});
    return said || said.error().code != EOPNOTSUPP;
  }

  const TempDir dir_;
  const std::string path_ = dir_.path("policy.sock");
  sockaddr_un address_{};
  std::vector<UniqueFd> sockets_;

 private:
  const sockaddr* name() const { return reinterpret_cast<const sockaddr*>(&address_); }
};

TEST_F(PolicyAccessTest, KnowsTheUsersThatThereAre) {
  const std::string passwd = dir_.write("passwd", kBoth);
  EXPECT_EQ(uids_of({"Debian-exim", "postfix", "mail"}, passwd), (std::set<uid_t>{kExim, kPostfix}));
  EXPECT_EQ(uids_of({"mail"}, passwd), std::set<uid_t>{});
  EXPECT_EQ(uids_of({"mail"}, dir_.path("none")), std::set<uid_t>{});
}

TEST_F(PolicyAccessTest, TheMtaMayConnectAndACustomerMayNot) {
  if (::geteuid() != 0) GTEST_SKIP() << "to be other users takes root";
  PolicyAccess access(sockets_, {"Debian-exim", "postfix"}, dir_.write("passwd", kEximOnly));
  EXPECT_TRUE(access.look());
  EXPECT_EQ(access.uids(), std::set<uid_t>{kExim});
  if (!keeps_access_lists()) {
    EXPECT_EQ(access.complaints().size(), 1u);
    EXPECT_EQ(connect_as(kExim), 0) << "shut, mail would pass uncounted";
    return;
  }
  EXPECT_TRUE(access.look() || access.complaints().empty());
  access.set_users({"Debian-exim", "postfix"});
  EXPECT_TRUE(access.look());
  EXPECT_EQ(connect_as(kExim), 0);
  EXPECT_EQ(connect_as(0), 0);
  EXPECT_EQ(connect_as(kPostfix), EACCES);
  EXPECT_EQ(connect_as(kCustomer), EACCES);
}

TEST_F(PolicyAccessTest, AnMtaThatIsInstalledLaterMayConnectWithoutARestart) {
  const std::string passwd = dir_.write("passwd", kEximOnly);
  PolicyAccess access(sockets_, {"Debian-exim", "postfix"}, passwd);
  EXPECT_TRUE(access.look());
  EXPECT_FALSE(access.look());
  dir_.write("passwd", kBoth);
  EXPECT_TRUE(access.look());
  EXPECT_EQ(access.uids(), (std::set<uid_t>{kExim, kPostfix}));
  if (::geteuid() == 0) EXPECT_EQ(connect_as(kPostfix), 0);
}

TEST_F(PolicyAccessTest, SaysThatASocketCannotBeOpened) {
  std::filesystem::remove(path_);
  PolicyAccess access(sockets_, {"Debian-exim"}, dir_.write("passwd", kEximOnly));
  EXPECT_TRUE(access.look());
  ASSERT_EQ(access.complaints().size(), 1u);
  EXPECT_EQ(access.complaints()[0],
            "mail: let the MTA connect to " + path_ + ": No such file or directory: its mail may pass uncounted");
}

}  // namespace
}  // namespace npanel
