// SPDX-License-Identifier: Apache-2.0
#include "helper/work.h"

#include <pwd.h>
#include <unistd.h>

#include <cerrno>

#include "helper/process_facts.h"

namespace npanel {
namespace {

// getpwnam(3): what "there is none" may look like. Everything else is "not known".
bool says_nobody(int error) {
  return error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM;
}

int say_user(const std::string& name, const Dispatcher::Say& say) {
  errno = 0;
  const passwd* user = ::getpwnam(name.c_str());
  if (!user) return says_nobody(errno) ? 0 : errno;
  say("uid", std::to_string(user->pw_uid));
  return 0;
}

int write_to_stdin(std::string_view text) {
  const ssize_t put = ::write(STDIN_FILENO, text.data(), text.size());
  if (put < 0) return errno;
  return static_cast<size_t>(put) == text.size() ? 0 : EIO;
}

}  // namespace

int do_work(const Question& question, const Dispatcher::Say& say) {
  switch (question.what) {
    case Ask::process:
      return say_process(question.pid, question.start_ns, say);
    case Ask::user:
      return say_user(question.text, say);
    case Ask::write:
      return question.file.valid() ? write_to_stdin(question.text) : EBADF;
  }
  return ENOSYS;
}

}  // namespace npanel
