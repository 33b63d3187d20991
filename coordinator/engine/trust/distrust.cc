#include "coordinator/engine/trust/distrust.h"

#include <map>
#include <utility>

#include "common/base/log.h"
#include "common/base/status.h"
#include "coordinator/core/standing/tainted_builds.h"

namespace crossmill::coordinator {
namespace {

// Plans and views of so many builds are in memory at a time.
constexpr int64_t kBuildsAtATime = 50;

}  // namespace

absl::Status Distrust::Restore() {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, records_.Distrusted());
  for (const std::string& name : names) workers_.SetDistrusted(name, true);
  return absl::OkStatus();
}

absl::StatusOr<std::set<int64_t>> Distrust::ReachedExecutions(const std::string& worker, int64_t since_ns) {
  ASSIGN_OR_RETURN(std::set<int64_t> reached, records_.MadeBy(worker, since_ns));
  std::vector<int64_t> next(reached.begin(), reached.end());
  while (!next.empty()) {
    const int64_t execution = next.back();
    next.pop_back();
    ASSIGN_OR_RETURN(const std::set<int64_t> users, records_.InstalledFrom(execution));
    for (const int64_t user : users) {
      if (reached.insert(user).second) next.push_back(user);
    }
  }
  return reached;
}

absl::StatusOr<std::vector<ReachedBuild>> Distrust::ReachedBuilds(std::set<int64_t> executions) {
  std::map<int64_t, ReachedBuild> reached;
  ASSIGN_OR_RETURN(const int64_t earliest, committed_.Earliest(executions));
  core::TaintedBuilds tainted(std::move(executions));
  // A build that began earlier may have reused what a later one made: rounds, until one finds nothing new.
  for (size_t layers = 1, before = 0; layers != before;) {
    before = tainted.layers();
    for (int64_t last = 0;;) {
      ASSIGN_OR_RETURN(const std::vector<storage::PlannedBuild> builds,
                       committed_.BuildsAfter(last, earliest, kBuildsAtATime));
      if (builds.empty()) break;
      last = builds.back().id;
      for (const storage::PlannedBuild& build : builds) {
        if (!tainted.Add(build.plan, build.view)) continue;
        const auto& tags = build.view.options().tags();
        reached[build.id] = {build.id, build.view.status(), {tags.begin(), tags.end()}};
      }
    }
    layers = tainted.layers();
  }
  std::vector<ReachedBuild> builds;
  for (auto& [id, build] : reached) builds.push_back(std::move(build));
  return builds;
}

absl::StatusOr<Distrusted> Distrust::Do(const std::string& worker, absl::Time since) {
  const int64_t now = UnixNanos(clock_.Now());
  const int64_t since_ns = since == absl::InfinitePast() ? 0 : UnixNanos(since);
  Distrusted distrusted;
  std::set<int64_t> executions;
  {
    MutexLock lock(changing_);
    // Memory first: a batch of the engine that looks later refuses what the worker says, and one that looked
    // before is recorded when the record can be written here.
    workers_.SetDistrusted(worker, true);
    RETURN_IF_ERROR(records_.SetDistrusted(worker, true, now));
    // What ends meanwhile is seen by the next round; what ends after it sees that the wheels it had were
    // taken back (Engine::RecordPackages).
    for (size_t before = SIZE_MAX; executions.size() != before;) {
      before = executions.size();
      ASSIGN_OR_RETURN(executions, ReachedExecutions(worker, since_ns));
      ASSIGN_OR_RETURN(const int64_t taken, records_.TakeBack(executions, now));
      distrusted.results += taken;
    }
    ASSIGN_OR_RETURN(distrusted.exports, records_.DropExports(worker, since_ns));
  }
  LogWarning("worker={} distrusted results={} exports={}", worker, distrusted.results, distrusted.exports);
  if (executions.empty()) return distrusted;
  ASSIGN_OR_RETURN(distrusted.builds, ReachedBuilds(std::move(executions)));
  return distrusted;
}

absl::Status Distrust::Undo(const std::string& worker) {
  MutexLock lock(changing_);
  if (!workers_.IsDistrusted(worker))
    return absl::NotFoundError(fmt::format("worker '{}' is not distrusted", worker));
  RETURN_IF_ERROR(records_.SetDistrusted(worker, false, UnixNanos(clock_.Now())));
  workers_.SetDistrusted(worker, false);
  LogInfo("worker={} trusted", worker);
  return absl::OkStatus();
}

}  // namespace crossmill::coordinator
