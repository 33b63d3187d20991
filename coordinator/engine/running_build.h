// A build that is under way, as the engine keeps it in memory.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <stop_token>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/core/build_state.h"
#include "coordinator/core/scheduler.h"
#include "crossmill/v1/build.pb.h"

namespace crossmill::coordinator {

// Not thread safe: only used in the transaction loop.
struct RunningBuild {
  explicit RunningBuild(v1::BuildView view) : state(std::move(view)) {}

  core::BuildState state;
  v1::BuildSubmission submission;
  // Unix time in nanoseconds.
  int64_t submitted_at = 0;
  // Only executions begun then or later count (--no-cache).
  int64_t since = 0;
  // Jobs on the way.
  int jobs = 0;
  // Told to them when the build has ended: it does not wait for them then.
  std::stop_source stop;
  bool concluding = false;
  // Stages that are ready are looked at in a later event.
  bool advances_later = false;
  // Cells as they are before their images are packed, by index, with the time when packing began.
  std::map<int, std::pair<int64_t, v1::CellView>> packing;
  // Its names are awaited.
  bool expected = false;
  // Per stage, how long what waits for it takes (core/critical_path.h); empty: not asked yet.
  std::vector<absl::Duration> behind;
  // Task groups per stage, for spreading.
  std::map<int, uint64_t> groups;
  // Tasks whose missing worker people were told of; true: whose workers are all drained.
  std::set<std::pair<core::TaskId, bool>> noticed;

  int64_t id() const { return state.id(); }
  // From the submission until `now`.
  double SecondsUntil(int64_t now) const { return static_cast<double>(now - submitted_at) / 1e9; }
  bool forbids_emulation() const { return submission.options().forbid_emulation(); }
  // What an accelerator set made and nobody compared does not count.
  bool forbids_acceleration() const {
    return submission.options().accelerate() != v1::ACCELERATION_UNSPECIFIED;
  }
  // As `since`, of one stage (--no-cache-filter).
  int64_t SinceOf(int stage) const { return state.plan().stages(stage).no_cache() ? submitted_at : since; }
};

using RunningBuilds = std::map<int64_t, std::unique_ptr<RunningBuild>>;

}  // namespace crossmill::coordinator
