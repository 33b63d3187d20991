#include "coordinator/images/expected_names.h"

#include <algorithm>
#include <utility>

namespace crossmill::coordinator {

void ExpectedNames::Expect(int64_t build, std::vector<std::string> names, const std::string& project) {
  MutexLock lock(mutex_);
  builds_[build] = {project, std::move(names)};
}

void ExpectedNames::End(int64_t build) {
  MutexLock lock(mutex_);
  if (builds_.erase(build) > 0) ended_.NotifyAll();
}

absl::Status ExpectedNames::Await(const core::Scope& scope, const std::string& name, std::stop_token stop) {
  std::set<int64_t> builds;
  {
    MutexLock lock(mutex_);
    for (const auto& [build, expected] : builds_) {
      const std::vector<std::string>& names = expected.names;
      if (scope.Sees(expected.project) && std::find(names.begin(), names.end(), name) != names.end())
        builds.insert(build);
    }
  }
  return AwaitBuilds(builds, std::move(stop));
}

absl::Status ExpectedNames::AwaitAll(const core::Scope& scope, std::stop_token stop) {
  std::set<int64_t> builds;
  {
    MutexLock lock(mutex_);
    for (const auto& [build, expected] : builds_) {
      if (scope.Sees(expected.project)) builds.insert(build);
    }
  }
  return AwaitBuilds(builds, std::move(stop));
}

absl::Status ExpectedNames::AwaitBuilds(const std::set<int64_t>& builds, std::stop_token stop) {
  const std::stop_callback wake(stop, [this] {
    MutexLock lock(mutex_);
    ended_.NotifyAll();
  });
  MutexLock lock(mutex_);
  for (const int64_t build : builds) {
    while (builds_.contains(build)) {
      if (stop.stop_requested()) return absl::CancelledError("stopped waiting for an image");
      ended_.Wait(mutex_);
    }
  }
  return absl::OkStatus();
}

}  // namespace crossmill::coordinator
