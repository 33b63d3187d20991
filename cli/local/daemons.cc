#include "cli/local/daemons.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>

#include "absl/time/clock.h"
#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill::cli {
namespace {

// Field 22 of /proc/PID/stat: clock ticks since boot when the process started. Empty when it is gone
// or only waits to be reaped.
std::string StartTime(pid_t pid) {
  const auto stat = ReadFile(fmt::format("/proc/{}/stat", pid));
  if (!stat.ok()) return "";
  // The program's name, field 2, is in parentheses and may hold anything.
  std::string_view rest = *stat;
  const size_t end = rest.rfind(')');
  if (end == std::string_view::npos || end + 2 >= rest.size()) return "";
  rest.remove_prefix(end + 2);
  if (rest.front() == 'Z' || rest.front() == 'X') return "";
  for (int field = 3; field < 22; ++field) {
    const size_t blank = rest.find(' ');
    if (blank == std::string_view::npos) return "";
    rest.remove_prefix(blank + 1);
  }
  return std::string(rest.substr(0, rest.find(' ')));
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// In the first child: becomes the leader of a new session and starts the program from a second child,
// so that it belongs to init and not to us. Only async-signal-safe calls.
[[noreturn]] void Detach(char* const* argv, int log, int null, int report) {
  setsid();
  const pid_t pid = fork();
  if (pid != 0) {
    std::array<int, 2> news = {pid < 0 ? errno : 0, static_cast<int>(pid)};
    [[maybe_unused]] const ssize_t ignored = write(report, news.data(), sizeof(news));
    _exit(0);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number = 1; number < 32; ++number) signal(number, SIG_DFL);
  if (dup2(null, 0) >= 0 && dup2(log, 1) >= 0 && dup2(log, 2) >= 0 && chdir("/") == 0) execv(argv[0], argv);
  std::array<int, 2> news = {errno, 0};
  [[maybe_unused]] const ssize_t ignored = write(report, news.data(), sizeof(news));
  _exit(127);
}

}  // namespace

std::optional<pid_t> RunningDaemon(const std::string& pid_file) {
  const auto text = ReadFile(pid_file, 1024);
  if (!text.ok()) return std::nullopt;
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), pid);
  if (error != std::errc() || pid <= 0 || *end != ' ') return std::nullopt;
  std::string_view start(end + 1);
  start = start.substr(0, start.find('\n'));
  if (start.empty() || StartTime(pid) != start) return std::nullopt;
  return pid;
}

absl::StatusOr<pid_t> StartDaemon(const DaemonSpec& spec) {
  RETURN_IF_ERROR(MakeFolders(spec.run_folder));
  ASSIGN_OR_RETURN(const UniqueFd log, OpenFile(spec.LogFile(), O_WRONLY | O_CREAT | O_APPEND, 0640));
  ASSIGN_OR_RETURN(const UniqueFd null, OpenFile("/dev/null", O_RDONLY));
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe");
  UniqueFd report(fds[0]);
  UniqueFd report_end(fds[1]);
  const std::vector<char*> argv = Pointers(spec.argv);
  const pid_t child = fork();
  if (child < 0) return ErrnoStatus(errno, "fork");
  if (child == 0) Detach(argv.data(), log.get(), null.get(), report_end.get());
  report_end.Reset();
  waitpid(child, nullptr, 0);
  // One message with the pid; a second one only if exec failed; then the end of the pipe.
  std::array<int, 2> news = {};
  pid_t pid = 0;
  int error = 0;
  while (read(report.get(), news.data(), sizeof(news)) == sizeof(news)) {
    if (news[0] != 0) error = news[0];
    if (news[1] > 0) pid = news[1];
  }
  if (error != 0 || pid == 0) return ErrnoStatus(error, fmt::format("start {}", spec.argv[0]));
  const absl::Status noted = WriteFileAtomic(spec.PidFile(), fmt::format("{} {}\n", pid, StartTime(pid)));
  // Nobody would find it again.
  if (!noted.ok()) kill(pid, SIGTERM);
  RETURN_IF_ERROR(noted);
  return pid;
}

absl::StatusOr<bool> StopDaemon(const std::string& pid_file, absl::Duration patience) {
  const std::optional<pid_t> pid = RunningDaemon(pid_file);
  if (!pid) {
    unlink(pid_file.c_str());
    return false;
  }
  if (kill(*pid, SIGTERM) != 0 && errno != ESRCH)
    return ErrnoStatus(errno, fmt::format("stop process {}", *pid));
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(patience);
  bool killed = false;
  while (RunningDaemon(pid_file)) {
    if (std::chrono::steady_clock::now() > deadline && !killed) {
      kill(*pid, SIGKILL);
      killed = true;
    }
    absl::SleepFor(absl::Milliseconds(20));
  }
  unlink(pid_file.c_str());
  return true;
}

std::string LogTail(const std::string& log_file, int count) {
  const auto text = ReadFile(log_file);
  if (!text.ok()) return "";
  size_t begin = text->size();
  for (int i = 0; i <= count && begin > 0 && begin != std::string::npos; ++i) {
    begin = text->rfind('\n', begin - 1);
    if (begin == std::string::npos) return *text;
  }
  return text->substr(begin == 0 ? 0 : begin + 1);
}

}  // namespace crossmill::cli
