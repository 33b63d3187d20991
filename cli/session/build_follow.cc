#include "cli/session/build_follow.h"

#include <stop_token>
#include <thread>

#include "cli/session/watcher.h"
#include "common/base/mutex.h"

namespace crossmill::cli {
namespace {

constexpr std::chrono::milliseconds kRetryCancel{500};

// Turns interrupts and the deadline into cancel calls, which a thread of its own makes: an interrupt
// must never wait for the coordinator.
class Canceller {
 public:
  Canceller(Session& session, Farm& farm, Progress& progress, const FollowOptions& options)
      : session_(session),
        farm_(farm),
        progress_(progress),
        options_(options),
        thread_([this](std::stop_token stop) { Run(stop); }) {
    session_.env.OnInterrupt([this](int count) { OnInterruptCount(count); });
  }

  ~Canceller() {
    session_.env.OnInterrupt({});
    MutexLock lock(mutex_);
    thread_.request_stop();
    wake_.NotifyAll();
  }

  std::stop_token watch_stop() const { return watch_stop_.get_token(); }

  // From now on there is something to cancel.
  void SetBuild(int64_t build_id) {
    MutexLock lock(mutex_);
    build_id_ = build_id;
    wake_.NotifyAll();
  }

 private:
  void OnInterruptCount(int count) {
    if (count > 1) {
      session_.env.ForceExit(130);
      return;
    }
    if (options_.on_interrupt == OnInterrupt::kDetach) {
      watch_stop_.request_stop();
      return;
    }
    progress_.Note("cancelling (once more to leave at once)");
    MutexLock lock(mutex_);
    wanted_ = true;
    wake_.NotifyAll();
  }

  // Waits until there is a build to cancel and a reason to; true if the reason is the deadline.
  // False with the stop requested when neither came.
  bool WaitForReason(const std::stop_token& stop) {
    MutexLock lock(mutex_);
    bool timed_out = false;
    while (!stop.stop_requested()) {
      if (!wanted_ && options_.deadline && std::chrono::steady_clock::now() >= *options_.deadline) {
        wanted_ = timed_out = true;
      }
      if (wanted_ && build_id_ != 0) break;
      if (options_.deadline && !wanted_) {
        wake_.WaitFor(mutex_, *options_.deadline - std::chrono::steady_clock::now());
      } else {
        wake_.Wait(mutex_);
      }
    }
    return timed_out;
  }

  void Run(const std::stop_token& stop) {
    v1::CancelBuildRequest request;
    request.set_timed_out(WaitForReason(stop));
    if (stop.stop_requested()) return;
    if (request.timed_out()) progress_.Note("the time is up; cancelling");
    {
      MutexLock lock(mutex_);
      request.set_build_id(build_id_);
    }
    absl::Status status = Cancel(request);
    if (absl::IsUnavailable(status)) {
      progress_.Note(fmt::format("cannot cancel yet, trying on: {}", Sv(status.message())));
    }
    // A coordinator that is being started again has the build still.
    while (absl::IsUnavailable(status) && !StopsWithin(stop, kRetryCancel)) status = Cancel(request);
    if (!status.ok() && !absl::IsUnavailable(status) && !absl::IsFailedPrecondition(status)) {
      progress_.Note(fmt::format("cannot cancel: {}", Sv(status.message())));
    }
  }

  absl::Status Cancel(const v1::CancelBuildRequest& request) {
    return session_.Call(*farm_.builds, &v1::Builds::StubInterface::CancelBuild, request).status();
  }

  bool StopsWithin(const std::stop_token& stop, std::chrono::nanoseconds time) {
    MutexLock lock(mutex_);
    if (!stop.stop_requested()) wake_.WaitFor(mutex_, time);
    return stop.stop_requested();
  }

  Session& session_;
  Farm& farm_;
  Progress& progress_;
  const FollowOptions& options_;
  std::stop_source watch_stop_;
  Mutex mutex_;
  CondVar wake_;
  int64_t build_id_ ABSL_GUARDED_BY(mutex_) = 0;
  // Somebody or the clock wants the build cancelled.
  bool wanted_ ABSL_GUARDED_BY(mutex_) = false;
  // Last: it uses everything above.
  std::jthread thread_;
};

}  // namespace

absl::StatusOr<BuildModel> FollowBuild(Session& session, Farm& farm, Progress& progress,
                                       const FollowOptions& options,
                                       const std::function<absl::StatusOr<int64_t>()>& submit) {
  Canceller canceller(session, farm, progress, options);
  ASSIGN_OR_RETURN(const int64_t build_id, submit());
  canceller.SetBuild(build_id);
  WatchOptions watch;
  watch.build_id = build_id;
  watch.logs = options.logs;
  watch.until_built = options.until_built;
  return WatchBuild(farm, watch, progress, canceller.watch_stop());
}

absl::StatusOr<BuildModel> FollowOffered(Session& session, Farm& farm, Progress& progress,
                                         const FollowOptions& options, const ClientOffers& offers,
                                         const std::function<absl::StatusOr<int64_t>()>& submit) {
  // Ends with the build, or with us.
  std::optional<BuildAttachment> attachment;
  return FollowBuild(session, farm, progress, options, [&]() -> absl::StatusOr<int64_t> {
    ASSIGN_OR_RETURN(const int64_t id, submit());
    if (!offers.empty()) {
      attachment.emplace(farm, id, offers, [&progress](std::string_view problem) {
        progress.Note(fmt::format("secrets and ssh agents: {}", problem));
      });
    }
    return id;
  });
}

std::unique_ptr<Progress> MakeProgress(Session& session, ProgressMode mode) {
  Environment& env = session.env;
  // For those that make printable themselves what they repeat of others: as JSON, or between movements of the
  // cursor.
  const TextSink raw = [&env](std::string_view text) { env.Err(text); };
  const Terminal terminal = env.ErrTerminal();
  if (mode == ProgressMode::kAuto) {
    mode =
        terminal.is_terminal && env.VariableOr("TERM") != "dumb" ? ProgressMode::kTty : ProgressMode::kPlain;
  }
  switch (mode) {
    case ProgressMode::kQuiet:
      return MakeQuietProgress();
    case ProgressMode::kJson:
      session.json_progress = true;
      return MakeJsonProgress(raw, env.clock());
    case ProgressMode::kTty:
      return MakeLiveProgress(raw, env.clock(), session.ErrColour(), [&env] {
        const Terminal now = env.ErrTerminal();
        return TerminalSize{now.width, now.height};
      });
    default:
      return MakePlainProgress([&session](std::string_view text) { session.Tell(text); },
                               session.ErrColour());
  }
}

}  // namespace crossmill::cli
