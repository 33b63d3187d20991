#include "coordinator/run_coordinator.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/base/log.h"
#include "common/base/mutex.h"
#include "common/base/private_memory.h"
#include "common/base/status.h"
#include "common/service/service_notices.h"
#include "coordinator/run_as.h"

namespace crossmill::coordinator {
namespace {

constexpr int kWrongSetting = 2;
constexpr int kCannotGoOn = 5;

// Why the program has to end although nobody asked it to. Thread safe.
class FatalError {
 public:
  void Set(const absl::Status& reason) {
    {
      MutexLock lock(mutex_);
      reason_ = reason;
    }
    // Wakes whoever waits for signals.
    kill(getpid(), SIGTERM);
  }
  absl::Status Get() {
    MutexLock lock(mutex_);
    return reason_;
  }

 private:
  Mutex mutex_;
  absl::Status reason_ ABSL_GUARDED_BY(mutex_);
};

// Where memory is short the machine ends steps first, then workers. Only root may ask for it; of a unit
// systemd does (OOMScoreAdjust).
void DieLast() {
  const auto file = OpenFile("/proc/self/oom_score_adj", O_WRONLY);
  if (file.ok() && !WriteAll(file->get(), "-500").ok()) LogDebug("oom_score_adj stays as it is");
}

sigset_t SetOf(std::initializer_list<int> numbers) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : numbers) sigaddset(&signals, number);
  return signals;
}

// Until it is asked to end, by which signal.
int ServeUntilAsked(Server& server, const RunOptions& run, ServiceNotices& notices) {
  const sigset_t signals = SetOf({SIGINT, SIGTERM, SIGHUP});
  while (true) {
    int number = 0;
    sigwait(&signals, &number);
    if (number != SIGHUP) return number;
    notices.Reloading();
    if (run.reload) run.reload(server);
    notices.Ready("serving");
  }
}

}  // namespace

int RunCoordinator(ServerOptions options, const RunOptions& run) {
  const ServiceAddress address = TakeServiceAddress();
  // Values of secrets will be in it.
  KeepMemoryPrivate();
  DieLast();
  // From here on nothing needs root any more.
  if (const absl::Status become = RunAs(run.user, options); !become.ok()) {
    fmt::print(stderr, "crossmill-coordinator: {}\n", Sv(become.message()));
    return kWrongSetting;
  }
  // gRPC's own traces show messages.
  unsetenv("GRPC_TRACE");
  // Blocked before any thread starts, so that only sigwait sees them.
  const sigset_t signals = SetOf({SIGINT, SIGTERM, SIGHUP});
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  SteadyClock passing;
  ServiceNotices notices(address, passing);
  FatalError fatal;
  options.on_failure = [&fatal](const absl::Status& reason) { fatal.Set(reason); };
  options.on_alive = [&notices] { notices.Alive(); };
  auto server = Server::Start(std::move(options));
  if (!server.ok()) {
    fmt::print(stderr, "crossmill-coordinator: {}\n", Sv(server.status().message()));
    return kCannotGoOn;
  }
  notices.Ready("serving");
  const int number = ServeUntilAsked(**server, run, notices);
  const absl::Status reason = fatal.Get();
  notices.Stopping(reason.ok() ? "stopping" : Sv(reason.message()));
  if (reason.ok()) LogInfo("stopping signal={}; a second signal ends at once", number);
  (*server)->BeginStop();
  // From here on they have their usual effect. What is not committed was promised to nobody.
  const sigset_t deadly = SetOf({SIGINT, SIGTERM});
  pthread_sigmask(SIG_UNBLOCK, &deadly, nullptr);
  if (reason.ok() && run.stop_delay > absl::ZeroDuration()) {
    const timespec delay = absl::ToTimespec(run.stop_delay);
    nanosleep(&delay, nullptr);
  }
  server->reset();
  if (reason.ok()) return 0;
  fmt::print(stderr, "crossmill-coordinator: {}\n", Sv(reason.message()));
  return kCannotGoOn;
}

}  // namespace crossmill::coordinator
