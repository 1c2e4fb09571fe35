// SPDX-License-Identifier: Apache-2.0
// A real client and real children; time is milliseconds.
#include "helper/dispatcher.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <fstream>

#include "helper/client.h"
#include "support/temp_dir.h"

namespace npanel {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kDeadline = 200ms;
constexpr auto kPatience = 2s;
constexpr auto kLong = 10s;

UniqueFd listening_at(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(::listen(socket.get(), 8), 0);
  return socket;
}

// "hang" hangs, after it has said something; everything else is said back.
int echo(const Question& question, const Dispatcher::Say& say) {
  say("first", "one");
  if (question.text == "hang") ::pause();
  if (question.text == "file") return ::write(STDIN_FILENO, "written", 7) == 7 ? 0 : errno;
  say("text", question.text);
  return question.text == "fail" ? ENOENT : 0;
}

class Helper : public testing::Test {
 protected:
  Bounds bounds_{.most = 3, .most_of_one = 2, .deadline = kDeadline};
  TempDir dir_;
  std::string path_ = dir_.path("helper.sock");
  std::optional<Dispatcher> dispatcher_{std::in_place, listening_at(path_), echo, [this](Ask) { return bounds_; }};
  HelperClient client_{path_};
  std::vector<Answer> answers_;

  void ask(const std::string& text, uint64_t owner = 1, std::chrono::milliseconds patience = kPatience) {
    client_.ask({.what = Ask::process, .owner = owner, .text = text}, patience,
                [this](const Answer& answer) { answers_.push_back(answer); });
  }
  void run_until(const std::function<bool()>& done) {
    for (const auto until = Clock::now() + kLong; !done() && Clock::now() < until;) {
      if (dispatcher_) ASSERT_TRUE(dispatcher_->run_once(5ms));
      client_.run();
    }
    ASSERT_TRUE(done());
  }
  void hear(size_t count) {
    run_until([&] { return answers_.size() >= count; });
  }
};

TEST_F(Helper, AnswersWithWhatTheChildSaid) {
  ask("hello");
  hear(1);
  EXPECT_EQ(answers_[0].error, 0);
  EXPECT_EQ(answers_[0].fields, (Fields{{"first", "one"}, {"text", "hello"}}));
  EXPECT_EQ(client_.complaint(), "");
}

TEST_F(Helper, PassesOnTheChildsError) {
  ask("fail");
  hear(1);
  EXPECT_EQ(answers_[0].error, ENOENT);
}

TEST_F(Helper, AnswersAtTheDeadlineWithWhatIsThereAndKillsTheChild) {
  const auto began = Clock::now();
  ask("hang");
  hear(1);
  EXPECT_GE(Clock::now() - began, kDeadline);
  EXPECT_EQ(answers_[0].error, ETIME);
  EXPECT_EQ(answers_[0].fields, (Fields{{"first", "one"}}));
  run_until([&] { return dispatcher_->at_work() == 0; });
}

TEST_F(Helper, OneWhoHangsHoldsUpNobodyElse) {
  ask("hang");
  const auto began = Clock::now();
  ask("hello", 2);
  hear(1);
  EXPECT_LT(Clock::now() - began, kDeadline);
  EXPECT_EQ(answers_[0].fields.back().second, "hello");
}

TEST_F(Helper, OneOwnerUsesUpItsOwnPlacesOnly) {
  for (int i = 0; i < 3; ++i) ask("hang", 1);
  hear(1);
  EXPECT_EQ(answers_[0].error, EBUSY);
  ask("hello", 2);
  hear(2);
  EXPECT_EQ(answers_[1].error, 0);
}

TEST_F(Helper, AllTogetherAreBounded) {
  for (uint64_t owner = 1; owner <= 4; ++owner) ask("hang", owner);
  hear(1);
  EXPECT_EQ(answers_[0].error, EBUSY);
  EXPECT_EQ(dispatcher_->at_work(), 3U);
}

TEST_F(Helper, HasNoPlaceForAKindThatItDoesNotKnow) {
  EXPECT_EQ(bounds_of(static_cast<Ask>(77)).most, 0U);
  bounds_.most = 0;
  ask("hello");
  hear(1);
  EXPECT_EQ(answers_[0].error, ENOSYS);
}

TEST_F(Helper, WritesToTheFileThatCameWithTheQuestion) {
  const std::string file = dir_.write("control", "");
  client_.ask({.what = Ask::write, .text = "file", .file = UniqueFd(::open(file.c_str(), O_WRONLY | O_CLOEXEC))},
              kPatience, [this](const Answer& answer) { answers_.push_back(answer); });
  hear(1);
  EXPECT_EQ(answers_[0].error, 0);
  std::string text;
  std::ifstream(file) >> text;
  EXPECT_EQ(text, "written");
}

TEST_F(Helper, ThatIsNotThereIsToldAtOnceAndInWords) {
  HelperClient nobody(dir_.path("nowhere.sock"));
  std::optional<int> error;
  nobody.ask({.what = Ask::user, .text = "bob"}, kPatience, [&](const Answer& answer) { error = answer.error; });
  EXPECT_FALSE(error) << "never from ask() itself";
  nobody.run();
  EXPECT_EQ(error, ENOENT);
  EXPECT_NE(nobody.complaint().find("nowhere.sock"), std::string::npos);
}

TEST_F(Helper, ThatDoesNotAnswerIsGivenUpAfterOurOwnPatience) {
  ask("hello", 1, 20ms);
  const auto began = Clock::now();
  while (answers_.empty() && Clock::now() - began < kLong) client_.run();  // the dispatcher never runs
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_EQ(answers_[0].error, ETIME);
  EXPECT_TRUE(answers_[0].fields.empty());
}

TEST_F(Helper, ThatWasRestartedIsAskedOverANewConnection) {
  ask("hello");
  hear(1);
  dispatcher_.reset();
  std::filesystem::remove(path_);
  dispatcher_.emplace(listening_at(path_), echo, [this](Ask) { return bounds_; });
  ask("again");
  hear(2);
  EXPECT_EQ(answers_[1].fields.back().second, "again");
}

TEST(Wire, TakesNothingThatMakesNoSense) {
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()), 0);
  const UniqueFd one(pair[0]);
  const UniqueFd other(pair[1]);
  ASSERT_EQ(::send(one.get(), "nonsense", 8, 0), 8);
  EXPECT_FALSE(receive_question(other.get()));
  EXPECT_EQ(errno, EBADMSG);
  EXPECT_FALSE(receive_question(other.get()));
  EXPECT_EQ(errno, EAGAIN);
}

TEST(Wire, ValueEndsAtItsFirstNul) {
  const std::string text = field("comm", std::string_view("a\0exe\0/bin/evil", 15));
  EXPECT_EQ(parse_fields(text), (Fields{{"comm", "a"}}));
  EXPECT_EQ(parse_fields(std::string_view(text).substr(0, text.size() - 1)), Fields{}) << "cut short";
}

}  // namespace
}  // namespace npanel
