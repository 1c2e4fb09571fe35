// SPDX-License-Identifier: Apache-2.0
#include "mail/notice.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace npanel {
namespace {

std::string head() {
  std::string text = "# a comment\nsubject: Mail of {account} waits\n";
  for (const std::string& reason : notice_reasons())
    text.append(reason).append(": {number} of ").append(reason).append("\n");
  for (const char* paragraph :
       {"held_back", "promise", "advice", "unknown_recipients_advice", "deferrals_advice", "content_advice",
        "authentication_subject", "authentication_opening", "authentication_advice"})
    text.append(paragraph).append(": ").append(paragraph).append(" of {account}\n");
  return text + "\n";
}

std::string message(const std::string& body, const NoticeFacts& facts) {
  return NoticeTemplate::parse(head() + body).value().message(facts);
}

NoticeFacts facts() {
  return {.account = "bob",
          .host = "web1",
          .from = "postmaster",
          .to = "owner@example.com",
          .reason = "messages_per_hour",
          .number = 500};
}

TEST(Notice, IsAMessageThatAMailerTakes) {
  EXPECT_EQ(message("Dear {account},\n\n{reason}.\n", facts()),
            "From: postmaster\nTo: owner@example.com\nSubject: Mail of bob waits\nAuto-Submitted: auto-generated\n"
            "MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n"
            "Dear bob,\n\n500 of messages_per_hour.\n");
}

TEST(Notice, ALineAboutNothingIsLeftOut) {
  NoticeFacts known = facts();
  known.script = "mail.php";
  const std::string text = message("Script: {script}\nProgram: {program}\nBoth: {script} {program}\n{other}\n", known);
  EXPECT_NE(text.find("Script: mail.php\nBoth: mail.php \n{other}\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("Program:"), std::string::npos);
}

TEST(Notice, AParagraphAboutNothingIsLeftOutWithItsHeading) {
  const std::string body =
      "Hello\n\nThe first message:\n    {sender}\n    {script}\n\nAnswers:\n    {example_1}\n    {example_2}\n\nBye\n";
  const std::string nothing = message(body, facts());
  EXPECT_TRUE(nothing.ends_with("\n\nHello\n\nBye\n")) << nothing;
  NoticeFacts known = facts();
  known.sender = "bob@bob.example";
  known.examples = {"y.example: 550 no"};
  const std::string all = message(body, known);
  EXPECT_TRUE(
      all.ends_with("Hello\n\nThe first message:\n    bob@bob.example\n\nAnswers:\n    y.example: 550 no\n\nBye\n"))
      << all;
}

TEST(Notice, ADnsFaultHoldsNothingBackAndNobodyHasBrokenIn) {
  NoticeFacts known = facts();
  known.reason = "authentication";
  const std::string text = message("{opening}\n\n{reason}\n\n{promise}\n\n{advice}\n", known);
  EXPECT_NE(text.find("Subject: authentication_subject of bob\n"), std::string::npos) << text;
  EXPECT_TRUE(
      text.ends_with("\n\nauthentication_opening of bob\n\n500 of authentication\n\nauthentication_advice of bob\n"))
      << text;
  known.reason = "content";
  EXPECT_NE(message("{advice}\n", known).find("content_advice of bob"), std::string::npos);
  known.reason = "messages_per_hour";
  EXPECT_TRUE(message("{advice}\n", known).ends_with("\n\nadvice of bob\n"));
}

TEST(Notice, ALongParagraphIsBroken) {
  std::string text = head();
  std::string words;
  for (int i = 0; i < 60; ++i) words += "w\xc3\xb6rter ";
  text.replace(text.find("\nadvice: ") + 9, std::string("advice of {account}").size(), words);
  const std::string sent = NoticeTemplate::parse(text + "{advice}\n").value().message(facts());
  std::istringstream lines(sent.substr(sent.find("\n\n")));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 76U + 11U) << line;
}

TEST(Notice, WhatAScriptHasChosenStaysInItsLine) {
  NoticeFacts known = facts();
  known.script = "x\nBcc: all@example.com\r\n\r\n{number}\xff";
  const std::string text = message("Script: {script}\n", known);
  EXPECT_NE(text.find("Script: x?Bcc: all@example.com????{number}?\n"), std::string::npos) << text;
}

TEST(Notice, ASubjectInAnotherLanguageIsEncoded) {
  std::string text = head();
  text.replace(text.find("subject: ") + 9, std::string("Mail of {account} waits").size(),
               "Die E-Mails von {account} werden zur\xc3\xbc"
               "ckgehalten, und zwar f\xc3\xbcr l\xc3\xa4ngere Zeit");
  const std::string sent = NoticeTemplate::parse(text).value().message(facts());
  const std::string subject = sent.substr(sent.find("Subject: "), sent.find("\nAuto") - sent.find("Subject: "));
  EXPECT_TRUE(subject.starts_with("Subject: =?UTF-8?B?")) << subject;
  std::istringstream lines(subject);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 78U) << line;
    EXPECT_TRUE(line.ends_with("?=")) << line;
    for (const char c : line) EXPECT_GE(c, ' ');
  }
}

TEST(Notice, ATemplateMustKnowEachReason) {
  std::string text = head();
  text.erase(text.find("smtp:"), std::string("smtp: {number} of smtp\n").size());
  EXPECT_EQ(NoticeTemplate::parse(text).error().text, "\"smtp:\" is missing before the first empty line");
  EXPECT_NE(NoticeTemplate::parse("subject: x\nnonsense\n\n").error().text.find("line 2"), std::string::npos);
  EXPECT_FALSE(NoticeTemplate::parse(""));
}

TEST(Notice, TheTemplatesOfThePackageAreRight) {
  int found = 0;
  for (const auto& file : std::filesystem::directory_iterator(NPANEL_SOURCE_DIR "/deploy/notices")) {
    std::stringstream text;
    text << std::ifstream(file.path()).rdbuf();
    const auto parsed = NoticeTemplate::parse(text.str());
    ASSERT_TRUE(parsed) << file.path() << ": " << parsed.error().text;
    for (const std::string& reason : notice_reasons()) {
      NoticeFacts known = facts();
      known.reason = reason;
      const std::string sent = parsed->message(known);
      EXPECT_EQ(sent.find('{'), std::string::npos) << sent;
      EXPECT_NE(sent.find("500"), std::string::npos) << file.path() << " " << reason;
      std::istringstream lines(sent.substr(sent.find("\n\n")));
      for (std::string line; std::getline(lines, line);)
        EXPECT_FALSE(line.ends_with(':') && lines.peek() == EOF) << line;
    }
    ++found;
  }
  EXPECT_GE(found, 4);
}

}  // namespace
}  // namespace npanel
