// One build while it runs: its plan, how far each stage and replica is, and the view and events that
// follow from it. Pure: it is told what happened and when, and answers what comes next.
//
// Not thread safe: the engine owns it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/digest.h"
#include "coordinator/core/image_reach.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::core {

// What is known of one finished execution of a step.
struct StepFact {
  int64_t execution = 0;
  std::string key;
  v1::Layer layer;
  double seconds = 0;
  int64_t content_bytes = 0;
  std::string worker;
  std::string host_id;
  std::string host_name;
  bool emulated = false;
  // Unix time in nanoseconds.
  int64_t finished_at = 0;
  // v1.StepResult.circumstances.
  std::vector<v1::Circumstance> circumstances = {};
  std::vector<v1::Normalization> normalizations = {};
  // v1.StepResult's.
  std::optional<v1::StepUse> use = {};
  std::optional<v1::BoundReached> bound = {};
  std::optional<v1::StepAcceleration> acceleration = {};
  std::optional<v1::AccelerationCheck> acceleration_check = {};
  // Non-zero or a message: the step failed there.
  int exit_code = 0;
  std::string failure;
  // When its start was told. Unix time in nanoseconds.
  int64_t started_at = 0;
};

// The step that a stage's first execution is at: all that a replica needs to execute it at the same time.
struct StepUnderWay {
  // Index into StagePlan.steps.
  int index = 0;
  std::string key;
  // Where.
  std::string worker;
  std::string host_id;
};

// What is known of an execution that has not ended: its place and its key.
StepFact FactOf(const StepUnderWay& step);

// What a stage's export is: the blob, and what it was made of.
struct StageExport {
  Digest blob;
  // Unset: nobody noted it.
  std::optional<v1::ExportedPaths> paths;
};

enum class Phase {
  // Waits for other stages.
  kBlocked,
  // Waits for an execution of another build (or stage) that it joined.
  kJoined,
  kQueued,
  kRunning,
  kDone,
  kFailed,
  kCancelled,
};

inline bool IsOver(Phase phase) {
  return phase == Phase::kDone || phase == Phase::kFailed || phase == Phase::kCancelled;
}

// For no fault of the recipe.
struct InfrastructureFailures {
  int count = 0;
  // On which they happened, by whose own fault.
  std::set<std::string> workers;
};

// A stage's first execution.
struct StageRun {
  Phase phase = Phase::kBlocked;
  // Index into StagePlan.steps of the first step that is not done.
  int next = 0;
  // Root file system before `next`: bottom first.
  std::vector<v1::Layer> chain;
  // Per index into StagePlan.steps; empty for metadata.
  std::vector<std::optional<StepFact>> facts;
  // Parallel to StagePlan.exports.
  std::vector<std::optional<StageExport>> exports;
  // Stages whose end it waits for.
  std::set<int> needs;
  // How many of them are not done.
  size_t missing = 0;
  InfrastructureFailures failures;
  // What step `next` failed with where it was tried so far, while another host tries it.
  std::string failure;
};

// A stage's replica r >= 1 (core/replica_release.h). While the first execution is not done it is kBlocked
// whenever there is nothing that it could execute yet.
struct ReplicaRun {
  Phase phase = Phase::kBlocked;
  // Range of indexes into StagePlan.steps that it executes.
  int first = 0;
  int last = -1;
  // Set where the first execution of step `last` is still under way.
  std::optional<StepUnderWay> beside;
  InfrastructureFailures failures;
  // Why it could not be executed.
  std::string problem;
};

// The step changes the root file system; others change only the image's configuration.
bool HasAction(const v1::Step& step);

// What cache keys name a root file system by: the tars of its layers, bottom first.
std::vector<Digest> DiffIds(const std::vector<v1::Layer>& layers);

// As a view's or options' verify asks: how often each step is executed beside the first execution.
int ReplicasOf(const v1::BuildOptions& options);

// A plan with all that follows from it before anything ran. Made beside the transaction loop, since it costs
// what the plan has stages: taken over by BuildState it costs nothing.
struct PreparedPlan {
  // Context sources must be resolved.
  PreparedPlan(v1::BuildPlan of, int replica_count);

  v1::BuildPlan plan;
  std::vector<StageRun> stages;
  // Per stage: those that need it.
  std::vector<std::vector<int>> needed_by;
  // Stages that need none.
  std::set<int> startable;
  std::vector<std::vector<ReplicaRun>> replicas;
  // Per cell: stages it needs.
  std::vector<std::set<int>> cell_stages;
  // How they are shown first: to the view, and to who watches.
  google::protobuf::RepeatedPtrField<v1::StageView> view_stages;
  google::protobuf::RepeatedPtrField<v1::StageView> told_stages;
};

class BuildState {
 public:
  // `view` holds id, options and what earlier events added up to.
  explicit BuildState(v1::BuildView view);

  // All that follows happens at `now` (Unix time in nanoseconds).
  void Enter(int64_t now) { now_ = now; }
  // Events since the last call, numbered.
  std::vector<v1::BuildEvent> TakeEvents();

  // After a restart the plan is the same again. Prepared for as many replicas as the view's options ask for.
  void SetPlan(PreparedPlan plan);
  void SetPlan(v1::BuildPlan plan) { SetPlan(PreparedPlan(std::move(plan), replicas())); }
  bool planned() const { return planned_; }

  // How the exports of the stages done so far were resolved; `plain_copies` is for the caller.
  ResolvedExports Exports() const;

  const v1::BuildView& view() const { return view_; }
  // The view without its stages.
  v1::BuildView Headline();
  const v1::BuildPlan& plan() const { return plan_; }
  int64_t id() const { return view_.id(); }
  int replicas() const;

  StageRun& stage(int index) { return stages_[index]; }
  ReplicaRun& replica(int stage, int replica) { return replicas_[stage][replica - 1]; }
  // Of replica 0 those of the first execution.
  InfrastructureFailures& FailuresOf(int stage, int replica) {
    return replica == 0 ? stages_[stage].failures : replicas_[stage][replica - 1].failures;
  }
  // As stage(index).next.
  int next(int stage) const { return stages_[stage].next; }
  int stage_count() const { return static_cast<int>(stages_.size()); }

  // Blocked stages that have all they need and are wanted.
  std::vector<int> ReadyStages() const;
  // A live cell needs the stage.
  bool Wanted(int stage) const;
  // What is known of the first execution of step `index`, which may be the one that is under way; nullopt: it
  // has not begun, or does nothing.
  std::optional<StepFact> FactAt(int stage, int index, const std::optional<StepUnderWay>& under_way) const;
  // The step with its export blobs filled in; its producers must be done.
  v1::Step ResolveStep(int stage, int index) const;
  // Root file system before step `index` of a stage that is done so far.
  std::vector<v1::Layer> ChainBefore(int stage, int index) const;

  // The stage from step `first` to step `last`, which may be before `first`, ready to lease; with the exports
  // that are not there yet if that is its last step.
  v1::Task MakeTask(int stage, int first, int last) const;
  v1::Task MakeReplicaTask(int stage, int replica) const;

  void StepStarted(int stage, int replica, int index, const StepFact& fact);
  // `status`: EXECUTED, CACHED, SHARED or FAILED; of replica 0 it moves the stage on.
  void StepFinished(int stage, int replica, int index, const StepFact& fact, v1::StepStatus status);
  // The attempt is over without a result: the step waits again.
  void StepInterrupted(int stage, int replica, int index);
  void StageDone(int stage);
  // Something that the stage has made, or that it goes on from, is lost: it waits for what it needs, and is
  // walked from its beginning then. What was told of its steps stays told. Nothing of it may be under way.
  // Nothing changes for a stage of which images are being made already, and no other cell needs it.
  void WalkAgain(int stage);
  // Fails the cells that need the stage; `status` FAILED or INFRASTRUCTURE_FAILED. A failure of the recipe is
  // a verdict where one was asked for: it failed wherever it was tried.
  void StageFailed(int stage, v1::BuildStatus status, std::string_view message);
  void StageCancelled(int stage);

  // Every layer of the cell is there; its image is being packed.
  void CellBuilt(const v1::CellView& cell) { ChangeCell(cell); }
  void CellFinished(const v1::CellView& cell) { ChangeCell(cell); }
  // `neutral`: BuildView.neutral; without platforms there is none.
  void Finish(v1::BuildStatus status, std::string_view message, std::string_view index_digest,
              v1::NeutralComparison neutral = {});
  void SetStatus(v1::BuildStatus status, std::string_view message);
  void Notice(bool warning, std::string text);
  void BasePinned(const v1::PinnedImage& base);
  void RemoteFetched(const v1::RemoteSource& source);

  // Cells that are neither finished nor being finished and whose stages and replicas are all over.
  std::vector<int> CellsToFinish() const;
  // True once per cell: the engine is working on its end.
  void MarkFinishing(int cell) { finishing_.insert(cell); }
  bool AllCellsOver() const;
  std::set<int> StagesOf(int cell) const;

 private:
  v1::BuildEvent& Add();
  void InitialView(google::protobuf::RepeatedPtrField<v1::StageView> shown,
                   google::protobuf::RepeatedPtrField<v1::StageView> told);
  v1::StepView* FindStep(int stage, int index);
  // A layer of what was built is lost, and made again: its cells are not built any more.
  void TakeBackBuilt(int stage);
  void ChangeCell(const v1::CellView& cell);
  void EmitStep(int stage, int replica, int index);
  // Those of the build's options that a task of the stage carries.
  void SetTaskOptions(const v1::StagePlan& plan, v1::Task& task) const;
  static v1::ReplicaStep* FindReplica(v1::StepView* step, int replica);

  v1::BuildView view_;
  v1::BuildPlan plan_;
  bool planned_ = false;
  int64_t now_ = 0;
  int64_t last_event_ = 0;
  std::vector<v1::BuildEvent> events_;
  std::vector<StageRun> stages_;
  // Per stage: those that need it.
  std::vector<std::vector<int>> needed_by_;
  // Have all they need and are not done: so that an event looks at these, and not at thousands of stages.
  std::set<int> startable_;
  std::vector<std::vector<ReplicaRun>> replicas_;
  // Per cell: stages it needs.
  std::vector<std::set<int>> cell_stages_;
  std::set<int> finishing_;
};

}  // namespace crossmill::core
