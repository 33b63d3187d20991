#include "coordinator/verification/reverification.h"

#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

#include "common/base/log.h"
#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

constexpr absl::Duration kAttemptPause = absl::Hours(1);
constexpr int kMostBuilds = 1000;
// Builds that cannot be submitted may stand before those that can.
constexpr int kSpare = 100;

}  // namespace

absl::StatusOr<v1::ReverifyBuildsResponse> Reverification::Submit(absl::Duration older_than, int max,
                                                                  bool dry_run, const core::Scope& scope) {
  if (max < 1 || max > kMostBuilds)
    return absl::InvalidArgumentError(fmt::format("{} builds: expected 1 to {}", max, kMostBuilds));
  if (older_than < absl::ZeroDuration()) return absl::InvalidArgumentError("the age is negative");
  const absl::Time now = clock_.Now();
  ASSIGN_OR_RETURN(
      std::vector<v1::DueBuild> due,
      history_.Due(UnixNanos(now - older_than), UnixNanos(now - kAttemptPause), max + kSpare, scope));
  v1::ReverifyBuildsResponse response;
  int taken = 0;
  for (v1::DueBuild& build : due) {
    if (taken == max) {
      response.set_more(true);
      break;
    }
    if (dry_run) {
      ++taken;
    } else if (const auto submitted = rebuilds_.SubmitAgain(build.build_id()); submitted.ok()) {
      build.set_rebuild(submitted->build);
      ++taken;
    } else {
      build.set_problem(std::string(Sv(submitted.status().message())));
    }
    *response.add_builds() = std::move(build);
  }
  return response;
}

void Reverification::Start(const ReverificationOptions& options, std::function<bool()> is_idle) {
  if (options.older_than <= absl::ZeroDuration()) return;
  thread_ = std::jthread([this, options, is_idle = std::move(is_idle)](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    while (!wake.wait_for(lock, stop, absl::ToChronoNanoseconds(options.period),
                          [&stop] { return stop.stop_requested(); })) {
      if (!is_idle()) continue;
      const auto submitted = Submit(options.older_than, options.max, false);
      if (!submitted.ok()) {
        LogWarning("reverify error={}", Sv(submitted.status().message()));
        continue;
      }
      for (const v1::DueBuild& build : submitted->builds()) {
        LogInfo("reverify build={} rebuild={} {}", build.build_id(), build.rebuild(), build.problem());
      }
    }
  });
}

void Reverification::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

}  // namespace crossmill::coordinator
