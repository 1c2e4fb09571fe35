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
  text.erase(text.find("rate_limit:"), std::string("rate_limit: {number} of rate_limit\n").size());
  EXPECT_EQ(NoticeTemplate::parse(text).error().text, "\"rate_limit:\" is missing before the first empty line");
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
    }
    ++found;
  }
  EXPECT_GE(found, 4);
}

}  // namespace
}  // namespace npanel
