// SPDX-License-Identifier: Apache-2.0
#include "agent/tcp_listener.h"

#include <gtest/gtest.h>

#include "api/listen.h"
#include "support/temp_dir.h"
#include "unit/api/port_of.h"

namespace npanel {
namespace {

constexpr int64_t kSecond = 1000;

class TcpListenerTest : public testing::Test {
 protected:
  TcpListener listener(const std::string& listen, std::vector<UniqueFd> held = {}, const std::string& tls = "") {
    Config config;
    config.listen = listen;
    config.tls_certificate = config.tls_key = tls;
    return {config, std::move(held), [this](Listening listening) -> Result<void> {
              served_.push_back(std::move(listening));
              return {};
            }};
  }
  static std::string all(const TcpListener& listener) {
    std::string text;
    for (const std::string& complaint : listener.complaints()) text += complaint + "\n";
    return text;
  }
  // A port that somebody else has.
  UniqueFd squatter_ = listen_tcp("127.0.0.1:0").value();
  const std::string taken_ = "127.0.0.1:" + std::to_string(port_of(squatter_));
  std::vector<Listening> served_;
  const TempDir dir_;
};

TEST_F(TcpListenerTest, NobodyWantsIt) {
  TcpListener shut = listener("");
  shut.look(0);
  EXPECT_EQ(shut.is_open(), std::nullopt);
  EXPECT_EQ(all(shut), "");
  EXPECT_TRUE(served_.empty());
}

TEST_F(TcpListenerTest, WhoHasTakenThePortEndsNothingAndItIsTriedAgain) {
  TcpListener late = listener(taken_);
  late.look(0);
  EXPECT_EQ(late.is_open(), false);
  EXPECT_NE(all(late).find("api: not open over TCP: bind " + taken_ + ": Address already in use; whoever listens"),
            std::string::npos)
      << all(late);
  squatter_ = UniqueFd();
  late.look(5 * kSecond);
  EXPECT_EQ(late.is_open(), false) << "not all the time";
  late.look(10 * kSecond);
  EXPECT_EQ(late.is_open(), true);
  EXPECT_EQ(served_.size(), 1u);
  EXPECT_EQ(all(late).find("not open"), std::string::npos);
}

TEST_F(TcpListenerTest, SaysThatAnybodyCanTakeThePortWhileTheAgentIsDown) {
  squatter_ = UniqueFd();
  TcpListener plain = listener(taken_);
  plain.look(0);
  EXPECT_EQ(plain.is_open(), true);
  EXPECT_NE(all(plain).find("any user can listen at " + taken_), std::string::npos);
}

TEST_F(TcpListenerTest, WhatSystemdHoldsIsServedAndNobodyCanTakeIt) {
  std::vector<UniqueFd> held;
  held.push_back(std::move(squatter_));
  TcpListener open = listener("", std::move(held));
  open.look(0);
  EXPECT_EQ(open.is_open(), true);
  EXPECT_EQ(all(open), "");
  ASSERT_EQ(served_.size(), 1u);
  EXPECT_FALSE(served_[0].tls);
}

TEST_F(TcpListenerTest, SaysThatSystemdListensElsewhere) {
  std::vector<UniqueFd> held;
  held.push_back(std::move(squatter_));
  TcpListener open = listener("127.0.0.1:1", std::move(held));
  open.look(0);
  EXPECT_EQ(open.is_open(), true);
  EXPECT_EQ(all(open),
            "api: api.listen is 127.0.0.1:1, but npanel-api.socket listens at " + taken_ + ", and that counts\n");
}

TEST_F(TcpListenerTest, WithoutTlsNoOtherHostIsServed) {
  std::vector<UniqueFd> held;
  held.push_back(listen_tcp("0.0.0.0:0").value());
  TcpListener shut = listener("", std::move(held));
  shut.look(0);
  EXPECT_EQ(shut.is_open(), false);
  EXPECT_NE(all(shut).find("which other hosts reach: api.tls_certificate and api.tls_key must be set"),
            std::string::npos);
  EXPECT_TRUE(served_.empty());
}

TEST_F(TcpListenerTest, ACertificateMayComeLater) {
  squatter_ = UniqueFd();
  const std::string file = dir_.path("pem");
  TcpListener late = listener(taken_, {}, file);
  late.look(0);
  EXPECT_EQ(late.is_open(), false);
  EXPECT_NE(all(late).find("open " + file + ": No such file"), std::string::npos);
  dir_.write("pem", "x");
  late.look(10 * kSecond);
  EXPECT_EQ(late.is_open(), true);
  EXPECT_TRUE(served_[0].tls);
}

TEST_F(TcpListenerTest, KnowsWhichPortsAreRootsOnly) {
  const std::string usual = dir_.write("usual", "1024\n");
  EXPECT_TRUE(is_anybodys_port(1024, usual));
  EXPECT_FALSE(is_anybodys_port(1023, usual));
  EXPECT_TRUE(is_anybodys_port(80, dir_.write("all", "0\n")));
  EXPECT_FALSE(is_anybodys_port(1023, dir_.path("none")));
}

}  // namespace
}  // namespace npanel
