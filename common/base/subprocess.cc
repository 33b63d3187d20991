#include "common/base/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/base/status.h"

extern char** environ;

namespace crossmill {
namespace {

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

absl::StatusOr<Pipe> MakePipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe");
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// Only async-signal-safe calls: the parent has threads.
[[noreturn]] void ExecChild(char* const* argv, char* const* env, const char* folder, int in, int out, int err,
                            int report, const int* joins, const int* joins_end) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number = 1; number < 32; ++number) signal(number, SIG_DFL);
  bool joined = true;
  for (const int* group = joins; joined && group != joins_end; ++group) joined = write(*group, "0", 1) == 1;
  if (joined && dup2(in, 0) >= 0 && dup2(out, 1) >= 0 && dup2(err, 2) >= 0 &&
      (*folder == '\0' || chdir(folder) == 0)) {
    execvpe(argv[0], argv, env);
  }
  const int error = errno;
  [[maybe_unused]] const ssize_t ignored = write(report, &error, sizeof(error));
  _exit(127);
}

// A child that does not read its input must not end this process: EPIPE in place of SIGPIPE, whatever the
// process does with the signal otherwise.
ssize_t WriteWithoutSignal(int fd, std::string_view bytes) {
  sigset_t pipe_signal;
  sigset_t before;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  const ssize_t count = write(fd, bytes.data(), bytes.size());
  const int error = errno;
  if (count < 0 && error == EPIPE && sigismember(&before, SIGPIPE) == 0) {
    const timespec now = {0, 0};
    sigtimedwait(&pipe_signal, nullptr, &now);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return count;
}

// Pumps input and output of one running child until both outputs are closed or it was killed.
class Pump {
 public:
  Pump(const ProcessOptions& options, ProcessResult* result, pid_t pid, UniqueFd in, UniqueFd out,
       UniqueFd err)
      : options_(options),
        result_(result),
        pid_(pid),
        input_(options.input),
        in_(std::move(in)),
        outputs_{std::move(out), std::move(err)},
        pidfd_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))) {
    for (int fd : {in_.get(), outputs_[0].get(), outputs_[1].get()}) fcntl(fd, F_SETFL, O_NONBLOCK);
    if (input_.empty()) in_.Reset();
  }

  int Run() {
    SteadyClock passing;
    const absl::Time deadline = passing.Now() + options_.time_limit;
    int status = 0;
    bool exited = false;
    while (true) {
      rusage use;
      if (!exited && wait4(pid_, &status, WNOHANG, &use) == pid_) {
        exited = true;
        Note(use);
        pidfd_.Reset();
      }
      if (exited && !outputs_[0].valid() && !outputs_[1].valid()) return status;
      const bool moved = Poll(exited ? 0 : 100);
      // Grandchildren may hold the pipes open after the child is gone: what is already in the pipes
      // is read, what they write later is not waited for.
      if (exited && !moved) return status;
      if (!exited && passing.Now() >= deadline) Kill(&result_->timed_out);
      if (!exited && options_.stop.stop_requested()) Kill(&result_->stopped);
    }
  }

 private:
  void Kill(bool* why) {
    if (!result_->timed_out && !result_->stopped) *why = true;
    kill(-pid_, SIGKILL);
    kill(pid_, SIGKILL);
  }

  void Note(const rusage& use) {
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    // Of getrusage, whatever the disk's own are.
    constexpr uint64_t kBlock = 512;
    result_->user_seconds = seconds(use.ru_utime);
    result_->system_seconds = seconds(use.ru_stime);
    result_->cpu_seconds = result_->user_seconds + result_->system_seconds;
    result_->bytes_read = static_cast<uint64_t>(use.ru_inblock) * kBlock;
    result_->bytes_written = static_cast<uint64_t>(use.ru_oublock) * kBlock;
    result_->peak_memory = static_cast<uint64_t>(use.ru_maxrss) << 10;
  }

  // True if bytes moved.
  bool Poll(int timeout_ms) {
    // The last one wakes the loop when the child exits.
    std::array<pollfd, 4> fds = {pollfd{in_.get(), POLLOUT, 0}, pollfd{outputs_[0].get(), POLLIN, 0},
                                 pollfd{outputs_[1].get(), POLLIN, 0}, pollfd{pidfd_.get(), POLLIN, 0}};
    if (poll(fds.data(), fds.size(), timeout_ms) <= 0) return false;
    bool moved = false;
    if (fds[0].revents != 0) moved |= Feed();
    for (int i = 0; i < 2; ++i) {
      if (fds[i + 1].revents != 0) moved |= Drain(i);
    }
    return moved;
  }

  bool Feed() {
    const ssize_t count = WriteWithoutSignal(in_.get(), input_);
    if (count > 0) input_.remove_prefix(static_cast<size_t>(count));
    if (input_.empty() || (count < 0 && errno != EAGAIN && errno != EINTR)) in_.Reset();
    return count > 0;
  }

  bool Drain(int index) {
    char buffer[1 << 16];
    const ssize_t count = read(outputs_[index].get(), buffer, sizeof(buffer));
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) outputs_[index].Reset();
    if (count <= 0) return false;
    const std::string_view bytes(buffer, static_cast<size_t>(count));
    if (options_.on_output) {
      options_.on_output(index == 0 ? OutputStream::kStdout : OutputStream::kStderr, bytes);
    } else {
      (index == 0 ? result_->stdout_text : result_->stderr_text).append(bytes);
    }
    return true;
  }

  const ProcessOptions& options_;
  ProcessResult* result_;
  pid_t pid_;
  std::string_view input_;
  UniqueFd in_;
  std::array<UniqueFd, 2> outputs_;
  UniqueFd pidfd_;
};

}  // namespace

absl::StatusOr<ProcessResult> RunProcess(const ProcessOptions& options) {
  if (options.argv.empty()) return absl::InvalidArgumentError("no program to run");
  ASSIGN_OR_RETURN(Pipe in, MakePipe());
  ASSIGN_OR_RETURN(Pipe out, MakePipe());
  ASSIGN_OR_RETURN(Pipe err, MakePipe());
  ASSIGN_OR_RETURN(Pipe report, MakePipe());
  const std::vector<char*> argv = Pointers(options.argv);
  const std::vector<char*> env = options.env ? Pointers(*options.env) : std::vector<char*>();
  char* const* environment = options.env ? env.data() : environ;

  const pid_t pid = fork();
  if (pid < 0) return ErrnoStatus(errno, "fork");
  if (pid == 0) {
    ExecChild(argv.data(), environment, options.working_folder.c_str(), in.read.get(), out.write.get(),
              err.write.get(), report.write.get(), options.joins.data(),
              options.joins.data() + options.joins.size());
  }
  in.read.Reset();
  out.write.Reset();
  err.write.Reset();
  report.write.Reset();
  int error = 0;
  if (read(report.read.get(), &error, sizeof(error)) == sizeof(error)) {
    waitpid(pid, nullptr, 0);
    return ErrnoStatus(error, options.argv[0]);
  }
  if (options.on_start) options.on_start(pid);
  ProcessResult result;
  const int status =
      Pump(options, &result, pid, std::move(in.write), std::move(out.read), std::move(err.read)).Run();
  // Whatever the child left behind in its group ends with it.
  kill(-pid, SIGKILL);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace crossmill
