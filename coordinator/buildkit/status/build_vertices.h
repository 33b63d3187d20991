// A build of the farm as vertices: its events and consoles, under the names that people know from Docker's
// builder.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/buildkit/status/status_board.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/client_service.pb.h"

namespace crossmill::coordinator::buildkit {

// "[builder 2/5] RUN make": one for the stage's base, one for each step that has something to do, by
// Step.number (0: the base). `several`: platforms, so that each name begins with its own. Pure.
std::map<uint32_t, std::string> VertexNames(const v1::StageView& stage, const std::string& base_name,
                                            bool only_stage, bool several);

// What `process "/bin/sh -c make" did not complete successfully: exit code: 1` is for a step. Pure.
std::string FailureText(const v1::StepView& step);

// Used by one thread. The board outlives it.
class BuildVertices {
 public:
  BuildVertices(StatusBoard& board, int64_t build) : board_(board), build_(build) {}

  void OnEvent(const v1::BuildEvent& event);
  void OnLog(const v1::WatchedLog& log);
  void OnProgress(const v1::PlanningProgress& progress);

  // The step that failed first; nothing: none did.
  struct Failure {
    std::string vertex;
    v1::StepView step;
  };
  const Failure& failure() const { return failure_; }
  // Of all steps with something to do.
  int total() const { return total_; }
  int cached() const { return cached_; }
  int completed() const { return completed_; }

 private:
  struct Shown {
    bk::Vertex vertex;
    v1::StepStatus status = v1::STEP_STATUS_UNSPECIFIED;
  };
  void OnPlanned(const v1::BuildEvent::Planned& planned);
  void OnStep(const v1::BuildEvent::StepChanged& changed, int64_t time);
  void BeginStep(Shown& shown, const v1::StepView& step, int64_t time);
  void EndStep(Shown& shown, const v1::StepView& step, int64_t time);
  void OnReplica(const v1::BuildEvent::StepChanged& changed);
  void EndPlanning(std::string_view error);
  void EndBase(Shown& base, int64_t time, bool cached);
  // Those from which no step went on: of stages that only say how an image is run.
  void EndBases(int64_t time);

  StatusBoard& board_;
  const int64_t build_;
  // Pulls and downloads before the plan is there.
  std::map<std::string, std::shared_ptr<ProgressVertex>> planning_;
  // Executions that are compared with the first; null: there were none so far.
  std::shared_ptr<ProgressVertex> replicas_;
  // By stage and Step.number.
  std::map<std::pair<uint32_t, uint32_t>, Shown> steps_;
  // By execution: how many chunks were told.
  std::map<int64_t, int64_t> chunks_;
  // References of the plan's bases, with their digests.
  std::vector<std::string> pinned_;
  Failure failure_;
  int total_ = 0;
  int cached_ = 0;
  int completed_ = 0;
};

}  // namespace crossmill::coordinator::buildkit
