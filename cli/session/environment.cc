#include "cli/session/environment.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "common/base/files.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/rpc/channel.h"
#include "common/rpc/local_blob_store.h"

namespace crossmill::cli {
namespace {

Terminal TerminalOf(int fd) {
  Terminal terminal;
  terminal.is_terminal = isatty(fd) == 1;
  winsize size = {};
  if (terminal.is_terminal && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    terminal.width = std::max<int>(40, size.ws_col);
    terminal.height = std::max<int>(4, size.ws_row);
  }
  return terminal;
}

sigset_t InterruptSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGHUP);
  // Sent to the waiting thread itself when the program is over.
  sigaddset(&signals, SIGUSR2);
  return signals;
}

class SystemEnvironment final : public Environment {
 public:
  SystemEnvironment() {
    // A reader of our output that goes away is an error of write, not the end of the program.
    signal(SIGPIPE, SIG_IGN);
    const sigset_t signals = InterruptSignals();
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    interrupts_ = std::jthread([this](std::stop_token stop) { WaitForInterrupts(stop); });
  }

  ~SystemEnvironment() override {
    if (input_hidden_) ShowInput(true);
    interrupts_.request_stop();
    pthread_kill(interrupts_.native_handle(), SIGUSR2);
  }

  absl::Status Out(std::string_view bytes) override { return WriteAll(STDOUT_FILENO, bytes); }

  void Err(std::string_view text) override {
    MutexLock lock(err_mutex_);
    // There is nowhere to report that this failed.
    (void)WriteAll(STDERR_FILENO, text);
  }

  absl::StatusOr<std::string> In() override { return ReadAll(STDIN_FILENO, 64 << 20); }
  absl::StatusOr<size_t> ReadIn(char* buffer, size_t size) override {
    while (true) {
      const ssize_t count = read(STDIN_FILENO, buffer, size);
      if (count >= 0) return static_cast<size_t>(count);
      if (errno != EINTR) return ErrnoStatus(errno, "standard input");
    }
  }
  void ShowInput(bool shown) override {
    termios mode = {};
    if (tcgetattr(STDIN_FILENO, &mode) != 0) return;
    if (shown) {
      mode.c_lflag |= ECHO;
    } else {
      mode.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    }
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &mode) == 0) input_hidden_ = !shown;
  }
  Terminal OutTerminal() override { return TerminalOf(STDOUT_FILENO); }
  Terminal ErrTerminal() override { return TerminalOf(STDERR_FILENO); }

  std::optional<std::string> Variable(const std::string& name) override {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  }

  Clock& clock() override { return clock_; }
  bool IsRoot() override { return geteuid() == 0; }

  std::string ProgramFolder() override {
    char path[PATH_MAX];
    const ssize_t size = readlink("/proc/self/exe", path, sizeof(path));
    const std::string_view text(path, size > 0 ? static_cast<size_t>(size) : 0);
    return std::string(text.substr(0, text.rfind('/')));
  }

  absl::StatusOr<ProcessResult> RunProgram(const ProcessOptions& options) override {
    return RunProcess(options);
  }

  absl::StatusOr<std::unique_ptr<Farm>> Connect(const ConnectOptions& options) override {
    rpc::ChannelOptions channel_options;
    channel_options.address = options.address;
    channel_options.token = options.token;
    channel_options.ca_file = options.ca_file;
    channel_options.insecure = options.insecure;
    ASSIGN_OR_RETURN(std::shared_ptr<grpc::Channel> channel, rpc::MakeChannel(channel_options));
    auto farm = std::make_unique<Farm>();
    farm->builds = v1::Builds::NewStub(channel);
    farm->matrices = v1::Matrices::NewStub(channel);
    farm->packages = v1::Packages::NewStub(channel);
    farm->images = v1::Images::NewStub(channel);
    farm->wheels = v1::Wheels::NewStub(channel);
    farm->farm = v1::Farm::NewStub(channel);
    farm->predictions = v1::Predictions::NewStub(channel);
    farm->attestations = v1::Attestations::NewStub(channel);
    farm->verification = v1::Verification::NewStub(channel);
    farm->webhooks = v1::Webhooks::NewStub(channel);
    farm->retention = v1::Retention::NewStub(channel);
    farm->people = v1::People::NewStub(channel);
    rpc::RemoteBlobOptions blobs;
    blobs.compress = rpc::LeavesMachine(options.address);
    blobs.retry = options.retry;
    farm->blobs = rpc::MakeLocalBlobStore(channel, blobs);
    return farm;
  }

  void OnInterrupt(InterruptHandler handler) override {
    // Waits for a handler that runs, so that what it uses may go afterwards.
    MutexLock lock(handler_mutex_);
    handler_ = std::move(handler);
    count_ = 0;
  }

  void ForceExit(int code) override {
    if (input_hidden_) ShowInput(true);
    if (isatty(STDERR_FILENO) == 1) Err("\x1b[?25h");
    _exit(code);
  }

 private:
  void WaitForInterrupts(const std::stop_token& stop) {
    const sigset_t signals = InterruptSignals();
    while (!stop.stop_requested()) {
      const int number = sigwaitinfo(&signals, nullptr);
      if (number < 0 || number == SIGUSR2) continue;
      MutexLock lock(handler_mutex_);
      ++count_;
      if (handler_) {
        handler_(count_);
      } else {
        ForceExit(130);
      }
    }
  }

  SystemClock clock_;
  std::atomic<bool> input_hidden_ = false;
  Mutex err_mutex_;
  Mutex handler_mutex_;
  InterruptHandler handler_ ABSL_GUARDED_BY(handler_mutex_);
  int count_ ABSL_GUARDED_BY(handler_mutex_) = 0;
  // Last: it uses everything above.
  std::jthread interrupts_;
};

}  // namespace

std::unique_ptr<Environment> MakeSystemEnvironment() { return std::make_unique<SystemEnvironment>(); }

}  // namespace crossmill::cli
