// SPDX-License-Identifier: Apache-2.0
#include "helper/wire.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace npanel {
namespace {

constexpr uint32_t kVersion = 1;  // another one is an agent or a helper of another package: it is not understood

struct QuestionHead {
  uint32_t version;
  uint32_t what;
  uint64_t number;
  uint64_t owner;
  uint64_t start_ns;
  int32_t pid;
  uint32_t reserved;
};
struct AnswerHead {
  uint64_t number;
  uint32_t version;
  int32_t error;
};

int sent(int socket, const msghdr& message) {
  return ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? errno : 0;
}

iovec piece(const void* bytes, size_t size) {
  return {.iov_base = const_cast<void*>(bytes), .iov_len = size};
}

// The packet, and the descriptor that came with it.
std::optional<std::string> receive(int socket, UniqueFd& file) {
  std::string packet(kPacketMost, '\0');
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control;
  iovec into = piece(packet.data(), packet.size());
  msghdr message{};
  message.msg_iov = &into;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t got = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0) return std::nullopt;
  if (const cmsghdr* head = CMSG_FIRSTHDR(&message);
      head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(head), sizeof(fd));
    file = UniqueFd(fd);
  }
  errno = got == 0 ? ECONNRESET : EBADMSG;
  if (got == 0 || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return std::nullopt;
  packet.resize(static_cast<size_t>(got));
  return packet;
}

template <class Head>
std::optional<Head> head_of(const std::string& packet) {
  Head head{};
  errno = EBADMSG;
  if (packet.size() < sizeof(head)) return std::nullopt;
  std::memcpy(&head, packet.data(), sizeof(head));
  return head.version == kVersion ? std::optional(head) : std::nullopt;
}

}  // namespace

int send_question(int socket, const Question& question) {
  const QuestionHead head{.version = kVersion,
                          .what = static_cast<uint32_t>(question.what),
                          .number = question.number,
                          .owner = question.owner,
                          .start_ns = question.start_ns,
                          .pid = question.pid,
                          .reserved = 0};
  std::array<iovec, 2> pieces{piece(&head, sizeof(head)), piece(question.text.data(), question.text.size())};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  if (question.file.valid()) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    const int fd = question.file.get();
    std::memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
  }
  return sent(socket, message);
}

int send_answer(int socket, uint64_t number, int error, std::string_view fields) {
  const AnswerHead head{.number = number, .version = kVersion, .error = error};
  std::array<iovec, 2> pieces{piece(&head, sizeof(head)),
                              piece(fields.data(), std::min(fields.size(), kPacketMost - sizeof(head)))};
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  return sent(socket, message);
}

std::optional<Question> receive_question(int socket) {
  UniqueFd file;
  const auto packet = receive(socket, file);
  const auto head = packet ? head_of<QuestionHead>(*packet) : std::nullopt;
  if (!head) return std::nullopt;
  return Question{.what = static_cast<Ask>(head->what),
                  .number = head->number,
                  .owner = head->owner,
                  .pid = head->pid,
                  .start_ns = head->start_ns,
                  .text = packet->substr(sizeof(*head)),
                  .file = std::move(file)};
}

std::optional<Answer> receive_answer(int socket) {
  UniqueFd nothing;
  const auto packet = receive(socket, nothing);
  const auto head = packet ? head_of<AnswerHead>(*packet) : std::nullopt;
  if (!head) return std::nullopt;
  return Answer{.number = head->number,
                .error = head->error,
                .fields = parse_fields(std::string_view(*packet).substr(sizeof(*head)))};
}

std::string field(std::string_view name, std::string_view value) {
  std::string text(name);
  text += '\0';
  text += value.substr(0, value.find('\0'));
  text += '\0';
  return text;
}

Fields parse_fields(std::string_view text) {
  Fields fields;
  const auto next = [&text]() -> std::optional<std::string> {
    const size_t end = text.find('\0');
    if (end == std::string_view::npos) return std::nullopt;  // the end of what was cut short
    std::string word(text.substr(0, end));
    text.remove_prefix(end + 1);
    return word;
  };
  while (auto name = next())
    if (auto value = next()) fields.emplace_back(std::move(*name), std::move(*value));
  return fields;
}

std::optional<std::string> find_field(const Fields& fields, std::string_view name) {
  const auto found = std::ranges::find(fields, name, &Fields::value_type::first);
  return found == fields.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace npanel
