#include "coordinator/engine/step_packages.h"

#include <algorithm>
#include <utility>

#include "common/base/log.h"
#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

constexpr int kPage = 256;

}  // namespace

void StepPackages::Add(int64_t execution, const v1::LogChunk& chunk) { Find(execution).Add(chunk); }

std::vector<packages::PackageObservation> StepPackages::Finish(int64_t execution) {
  std::vector<packages::PackageObservation> seen = Find(execution).Finish();
  open_.erase(execution);
  return seen;
}

packages::PackageConsole& StepPackages::Find(int64_t execution) {
  const auto [found, is_new] = open_.try_emplace(execution, rules_);
  found->second.last_use = ++uses_;
  if (!is_new) return found->second.console;
  Replay(execution, &found->second.console);
  if (open_.size() > std::max<size_t>(most_open_, 1)) {
    open_.erase(std::min_element(open_.begin(), open_.end(), [](const auto& a, const auto& b) {
      return a.second.last_use < b.second.last_use;
    }));
  }
  return open_.at(execution).console;
}

void StepPackages::Replay(int64_t execution, packages::PackageConsole* console) {
  for (int64_t from = 0;; from += kPage) {
    const auto chunks = logs_.Read(execution, from, kPage);
    if (!chunks.ok()) {
      LogError("execution={} packages: {}", execution, Sv(chunks.status().message()));
      return;
    }
    for (const v1::LogChunk& chunk : *chunks) console->Add(chunk);
    if (static_cast<int>(chunks->size()) < kPage) return;
  }
}

}  // namespace crossmill::coordinator
