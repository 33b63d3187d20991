// Compiling ahead: before a RUN that installs, what it would compile is compiled by a build of its own, one
// task for each package on whichever worker is free, and the RUN finds finished wheels in the package index.
//
//   a RUN is the next step of a stage     -> Hold: the stage waits, the planner is asked (a job)
//   the planner answered                  -> nothing to compile: the stage goes on, with the wheels there are
//                                            else a build of wheels is submitted
//   that build has ended                  -> its wheels are taken out of its layers (a job) and recorded; the
//                                            stage goes on, or the planner is asked once more
//
// It is a help and never a condition: whatever goes wrong, the RUN goes on without and compiles for itself.
// Replicas never get wheels: they are there to compile the same once more.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/core/attempt_board.h"
#include "coordinator/core/build_state.h"
#include "coordinator/wheels/ahead_planner.h"
#include "coordinator/wheels/wheel_harvest.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/worker.pb.h"

namespace crossmill::coordinator {

// What compiling ahead asks of the engine. All are called in the transaction loop, and what they are given to
// call back is called there too, unless the build has ended meanwhile.
struct AheadCalls {
  std::function<void(int64_t build, AheadQuestion question,
                     std::function<void(absl::StatusOr<AheadAnswer>)> done)>
      ask;
  std::function<void(int64_t build, HarvestQuestion question,
                     std::function<void(std::vector<storage::FarmWheelRow>)> done)>
      harvest;
  // Returns the id of the build that compiles.
  std::function<absl::StatusOr<int64_t>(const v1::BuildSubmission&)> submit;
  std::function<void(int64_t build)> cancel;
  // The stage, which waited, goes on.
  std::function<void(const core::StageRunId&)> go_on;
  // People who follow the build.
  std::function<void(int64_t build, const std::string& notice)> tell;
  // Unix time in nanoseconds.
  std::function<int64_t()> now;
};

// Not thread safe: only used in the transaction loop.
class CompileAhead {
 public:
  // `indexes`: the package indexes that the planner asks, the main one first. The records outlive it.
  CompileAhead(AheadCalls calls, storage::FarmWheelRecords& records, std::vector<std::string> indexes)
      : calls_(std::move(calls)), records_(records), indexes_(std::move(indexes)) {}

  // A worker and the package indexes that its steps see. As long as one sees others nothing is compiled
  // ahead: packages would be asked for, and their code would run, that the step never sees.
  void Know(const v1::WorkerInfo& worker);
  void ForgetWorker(const std::string& worker) { others_.erase(worker); }

  // The last step of a task that begins with step `first`: the one before the next RUN that has to be asked
  // about, because its root is known only then.
  int LastStep(const core::BuildState& state, int stage, int first) const;
  // Whether the stage waits before this step, until it is told to go on. Asked again then it says no.
  bool Hold(const core::BuildState& state, int stage, int index);
  // What the step is offered: without wheels of workers that are not believed by now.
  std::vector<v1::FarmWheel> WheelsFor(int64_t build, int stage, int index) const;

  // A build of wheels has ended, with these steps.
  void Ended(const v1::WheelsSubmission& wheels, int64_t build, std::vector<CompiledStep> steps);
  // A build has ended: nothing is compiled for it any more.
  void Forget(int64_t build);

 private:
  struct Place {
    int64_t build = 0;
    int stage = 0;
    int index = 0;
    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes <=> for a comparison with 0
    auto operator<=>(const Place&) const = default;
  };
  struct Waiting {
    bool done = false;
    bool may_compile = true;
    AheadQuestion question;
    // Of the builds that compile for it: options, and what it is called.
    v1::BuildSubmission submission;
    // The one that compiles now; 0: none.
    int64_t compiling = 0;
    int rounds = 0;
    bool ask_again = false;
    int64_t began = 0;
    // Seconds of compiling that this step need not do itself: by others before, and now.
    double kept_seconds = 0;
    double compiled_seconds = 0;
    int asked_for = 0;
    std::vector<storage::FarmWheelRow> offered;
  };

  bool Wanted(const core::BuildState& state, int stage, int index) const;
  void Ask(const Place& place);
  void Answered(const Place& place, absl::StatusOr<AheadAnswer> answer);
  void Compile(const Place& place, Waiting& waiting, const AheadAnswer& answer);
  // `build`: the one that was to compile them.
  void Harvested(const Place& place, int64_t build, std::vector<storage::FarmWheelRow> rows);
  // Who compiled it is believed, as far as is known.
  bool MayUse(const storage::FarmWheelRow& row) const;
  // Its id: that of the same file under the same key, if the farm has it already.
  absl::StatusOr<int64_t> Keep(const storage::FarmWheelRow& row);
  void Finish(const Place& place, Waiting& waiting);
  Waiting* Find(const Place& place);

  const AheadCalls calls_;
  storage::FarmWheelRecords& records_;
  const std::vector<std::string> indexes_;
  // Workers whose steps see other indexes.
  std::set<std::string> others_;
  std::map<Place, Waiting> waiting_;
  // By the build that compiles.
  std::map<int64_t, Place> compiling_;
};

}  // namespace crossmill::coordinator
