#include "coordinator/core/build_state.h"

#include <algorithm>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/plan/plan_graph.h"
#include "common/plan/step_sources.h"
#include "common/plan/variation.h"
#include "common/words/platform.h"
#include "common/words/task_name.h"
#include "common/words/words.h"
#include "coordinator/core/build_view.h"
#include "coordinator/core/circumstances.h"

namespace crossmill::core {
namespace {

bool Over(Phase phase) {
  return phase == Phase::kDone || phase == Phase::kFailed || phase == Phase::kCancelled;
}

// Of a StepView or a ReplicaStep; 0: not yet.
template <typename Execution>
void SetTimes(int64_t started_at, int64_t finished_at, Execution* execution) {
  execution->set_started_at(started_at);
  execution->set_finished_at(finished_at);
}

// Of a stage that has not begun.
v1::StageView FirstView(const v1::StagePlan& stage, int index) {
  v1::StageView view;
  view.set_index(index);
  view.set_name(stage.name());
  *view.mutable_platform() = stage.platform();
  view.set_from_text(stage.from_text());
  *view.mutable_from_range() = stage.from_range();
  view.set_base(stage.base_case() == v1::StagePlan::kBaseImage ? static_cast<int>(stage.base_image()) : -1);
  for (const v1::Step& step : stage.steps()) {
    v1::StepView& row = *view.add_steps();
    row.set_number(step.number());
    row.set_instruction(step.instruction());
    row.set_text(step.text());
    *row.mutable_range() = step.range();
    row.set_status(HasAction(step) ? v1::STEP_STATUS_WAITING : v1::STEP_STATUS_METADATA);
  }
  return view;
}

// A cell that is not over needs the stage, other than those of `but`.
bool IsNeeded(const v1::BuildView& view, const std::vector<std::set<int>>& cell_stages, int stage,
              const std::set<int>& but = {}) {
  for (int i = 0; i < static_cast<int>(cell_stages.size()); ++i) {
    if (cell_stages[i].contains(stage) && !IsFinished(view.cells(i).status()) && !but.contains(i))
      return true;
  }
  return false;
}

}  // namespace

StepFact FactOf(const StepUnderWay& step) {
  StepFact fact;
  fact.key = step.key;
  fact.worker = step.worker;
  fact.host_id = step.host_id;
  return fact;
}

bool HasAction(const v1::Step& step) { return step.action_case() != v1::Step::ACTION_NOT_SET; }

std::vector<Digest> DiffIds(const std::vector<v1::Layer>& layers) {
  std::vector<Digest> ids;
  for (const v1::Layer& layer : layers) ids.push_back(FromProto(layer.tar()));
  return ids;
}

BuildState::BuildState(v1::BuildView view) : view_(std::move(view)), last_event_(view_.last_event()) {}

std::vector<v1::BuildEvent> BuildState::TakeEvents() { return std::exchange(events_, {}); }

v1::BuildEvent& BuildState::Add() {
  v1::BuildEvent& event = events_.emplace_back();
  event.set_number(++last_event_);
  event.set_time(now_);
  view_.set_last_event(last_event_);
  return event;
}

int ReplicasOf(const v1::BuildOptions& options) {
  return std::max(0, static_cast<int>(options.verify()) - 1);
}

int BuildState::replicas() const { return ReplicasOf(view_.options()); }

PreparedPlan::PreparedPlan(v1::BuildPlan of, int replica_count) : plan(std::move(of)) {
  stages.assign(plan.stages_size(), {});
  needed_by.assign(plan.stages_size(), {});
  replicas.assign(plan.stages_size(), std::vector<ReplicaRun>(replica_count));
  for (int i = 0; i < plan.stages_size(); ++i) {
    const v1::StagePlan& stage = plan.stages(i);
    const std::set<uint32_t> needed = plan::NeededStages(stage);
    stages[i].needs.insert(needed.begin(), needed.end());
    stages[i].missing = needed.size();
    for (const uint32_t need : needed) needed_by[need].push_back(i);
    if (needed.empty()) startable.insert(startable.end(), i);
    stages[i].facts.resize(stage.steps_size());
    stages[i].exports.resize(stage.exports_size());
    *view_stages.Add() = FirstView(stage, i);
  }
  told_stages = view_stages;
  for (int i = 0; i < plan.cells_size(); ++i) {
    const std::vector<uint32_t> reached = plan::StagesOfCell(plan, static_cast<uint32_t>(i));
    cell_stages.emplace_back(reached.begin(), reached.end());
  }
}

void BuildState::SetPlan(PreparedPlan prepared) {
  plan_ = std::move(prepared.plan);
  planned_ = true;
  stages_ = std::move(prepared.stages);
  needed_by_ = std::move(prepared.needed_by);
  startable_ = std::move(prepared.startable);
  replicas_ = std::move(prepared.replicas);
  cell_stages_ = std::move(prepared.cell_stages);
  *view_.mutable_bases() = plan_.bases();
  if (view_.stages_size() == 0) {
    InitialView(std::move(prepared.view_stages), std::move(prepared.told_stages));
  }
}

void BuildState::InitialView(google::protobuf::RepeatedPtrField<v1::StageView> shown,
                             google::protobuf::RepeatedPtrField<v1::StageView> told) {
  v1::BuildEvent::Planned& planned = *Add().mutable_planned();
  planned.set_epoch(plan_.epoch());
  *planned.mutable_cells() = plan_.cells();
  *planned.mutable_stages() = std::move(told);
  *view_.mutable_stages() = std::move(shown);
  view_.set_epoch(plan_.epoch());
  view_.set_planned_at(now_);
  for (const std::string& warning : plan_.warnings()) Notice(true, warning);
  for (size_t i = 0; i < cell_stages_.size(); ++i) {
    v1::CellView cell;
    *cell.mutable_platform() = plan_.cells(i).platform();
    cell.set_status(v1::BUILD_STATUS_RUNNING);
    cell.set_target_stage(plan_.cells(i).target_stage());
    for (int stage : cell_stages_[i]) cell.add_stages(stage);
    *Add().mutable_cell_changed()->mutable_cell() = cell;
    *view_.add_cells() = cell;
  }
}

bool BuildState::Wanted(int stage) const { return IsNeeded(view_, cell_stages_, stage); }

std::vector<int> BuildState::ReadyStages() const {
  std::vector<int> ready;
  for (const int i : startable_) {
    if (stages_[i].phase == Phase::kBlocked && Wanted(i)) ready.push_back(i);
  }
  return ready;
}

std::optional<StepFact> BuildState::FactAt(int stage, int index,
                                           const std::optional<StepUnderWay>& under_way) const {
  const auto& fact = stages_[stage].facts[index];
  if (fact || !under_way || under_way->index != index) return fact;
  return FactOf(*under_way);
}

v1::Step BuildState::ResolveStep(int stage, int index) const {
  v1::Step step = plan_.stages(stage).steps(index);
  for (v1::CopySource* source : plan::MutableSourcesOf(step)) {
    if (!source->has_export_()) continue;
    const int producer = static_cast<int>(source->export_().stage());
    for (int i = 0; i < plan_.stages(producer).exports_size(); ++i) {
      const auto& made = stages_[producer].exports[i];
      if (made && plan::SameExport(plan_.stages(producer).exports(i), source->export_().export_())) {
        ToProto(made->blob, source->mutable_export_()->mutable_blob());
      }
    }
  }
  return step;
}

ResolvedExports BuildState::Exports() const {
  ResolvedExports resolved;
  for (const StageRun& run : stages_) {
    auto& paths = resolved.paths.emplace_back();
    for (const auto& made : run.exports) paths.push_back(made ? made->paths : std::nullopt);
  }
  return resolved;
}

std::vector<v1::Layer> BuildState::ChainBefore(int stage, int index) const {
  const v1::StagePlan& plan = plan_.stages(stage);
  std::vector<v1::Layer> chain;
  if (plan.base_case() == v1::StagePlan::kBaseImage) {
    const auto& layers = plan_.bases(plan.base_image()).layers();
    chain.assign(layers.begin(), layers.end());
  } else if (plan.base_case() == v1::StagePlan::kBaseStage) {
    const int base = static_cast<int>(plan.base_stage());
    chain = ChainBefore(base, plan_.stages(base).steps_size());
  }
  for (int i = 0; i < index; ++i) {
    if (stages_[stage].facts[i]) chain.push_back(stages_[stage].facts[i]->layer);
  }
  return chain;
}

void BuildState::SetTaskOptions(const v1::StagePlan& plan, v1::Task& task) const {
  task.set_step_timeout(view_.options().step_timeout());
  task.set_acceleration(view_.options().accelerate());
  if (view_.options().has_step_bounds()) *task.mutable_bounds() = view_.options().step_bounds();
  if (!plan_.keep_times()) task.set_source_date_epoch(plan_.epoch());
  // Ids of builds begin again in a farm with new data; a worker's caches may be older than that.
  if (view_.options().no_cache() || plan.no_cache()) {
    task.set_fresh_caches(fmt::format("build {} of {}", id(), view_.created_at()));
  }
}

v1::Task BuildState::MakeTask(int stage, int first, int last) const {
  const v1::StagePlan& plan = plan_.stages(stage);
  v1::Task task;
  task.set_name(TaskName(id(), plan.platform(), plan.name(), 0));
  *task.mutable_platform() = plan.platform();
  for (const v1::Layer& layer : ChainBefore(stage, first)) *task.add_parents() = layer;
  for (int i = first; i <= last; ++i) {
    if (HasAction(plan.steps(i))) *task.add_steps() = ResolveStep(stage, i);
  }
  for (int i = 0; i < plan.exports_size() && last == plan.steps_size() - 1; ++i) {
    if (!stages_[stage].exports[i]) *task.add_exports() = plan.exports(i);
  }
  SetTaskOptions(plan, task);
  return task;
}

v1::Task BuildState::MakeReplicaTask(int stage, int replica) const {
  const v1::StagePlan& plan = plan_.stages(stage);
  const ReplicaRun& run = replicas_[stage][replica - 1];
  v1::Task task;
  task.set_name(TaskName(id(), plan.platform(), plan.name(), replica));
  *task.mutable_platform() = plan.platform();
  task.set_replica(replica);
  const std::vector<v1::Aspect> aspects = plan::AspectsOf(view_.options());
  if (!aspects.empty()) {
    task.mutable_variation()->set_number(static_cast<uint32_t>(replica));
    task.mutable_variation()->mutable_aspects()->Assign(aspects.begin(), aspects.end());
  }
  const bool varies_clock = std::find(aspects.begin(), aspects.end(), v1::ASPECT_CLOCK) != aspects.end();
  for (const v1::Layer& layer : ChainBefore(stage, run.first)) *task.add_parents() = layer;
  for (int i = run.first; i <= run.last; ++i) {
    if (!HasAction(plan.steps(i))) continue;
    v1::Step& step = *task.add_steps();
    step = ResolveStep(stage, i);
    if (!stages_[stage].facts[i]) continue;
    *step.mutable_expected() = stages_[stage].facts[i]->layer;
    if (stages_[stage].facts[i]->acceleration)
      step.set_expected_accelerator(stages_[stage].facts[i]->acceleration->digest());
    const auto clock = ClockOf(*stages_[stage].facts[i]);
    if (varies_clock && clock) step.set_expected_finished_at(clock->end);
  }
  SetTaskOptions(plan, task);
  return task;
}

v1::StepView* BuildState::FindStep(int stage, int index) {
  return view_.mutable_stages(stage)->mutable_steps(index);
}

v1::ReplicaStep* BuildState::FindReplica(v1::StepView* step, int replica) {
  for (v1::ReplicaStep& row : *step->mutable_replicas()) {
    if (static_cast<int>(row.replica()) == replica) return &row;
  }
  v1::ReplicaStep* row = step->add_replicas();
  row->set_replica(replica);
  return row;
}

void BuildState::EmitStep(int stage, int replica, int index) {
  v1::BuildEvent::StepChanged& change = *Add().mutable_step_changed();
  change.set_stage(stage);
  change.set_replica(replica);
  *change.mutable_step() = *FindStep(stage, index);
}

void BuildState::StepStarted(int stage, int replica, int index, const StepFact& fact) {
  v1::StepView* step = FindStep(stage, index);
  if (replica == 0) {
    TakeBackBuilt(stage);
    stages_[stage].phase = Phase::kRunning;
    step->set_status(v1::STEP_STATUS_RUNNING);
    step->set_worker(fact.worker);
    step->set_emulated(fact.emulated);
    step->set_execution(fact.execution);
    step->set_key(fact.key);
    SetTimes(fact.started_at, 0, step);
  } else {
    this->replica(stage, replica).phase = Phase::kRunning;
    v1::ReplicaStep* row = FindReplica(step, replica);
    row->set_status(v1::STEP_STATUS_RUNNING);
    row->set_worker(fact.worker);
    SetTimes(fact.started_at, 0, row);
  }
  EmitStep(stage, replica, index);
}

void BuildState::StepFinished(int stage, int replica, int index, const StepFact& fact,
                              v1::StepStatus status) {
  v1::StepView* step = FindStep(stage, index);
  if (replica > 0) {
    v1::ReplicaStep* row = FindReplica(step, replica);
    // Looked at again whenever a replica moves on; told once.
    if (IsFinished(row->status()) && row->worker() == fact.worker &&
        (status == v1::STEP_STATUS_FAILED) == (row->status() == v1::STEP_STATUS_FAILED)) {
      return;
    }
    row->set_status(status);
    row->set_worker(fact.worker);
    row->set_seconds(fact.seconds);
    SetTimes(fact.started_at, fact.finished_at, row);
    if (status == v1::STEP_STATUS_FAILED) {
      row->clear_layer();
      row->set_exit_code(fact.exit_code);
      row->set_failure(fact.failure);
    } else {
      *row->mutable_layer() = fact.layer;
      row->clear_exit_code();
      row->clear_failure();
    }
    EmitStep(stage, replica, index);
    return;
  }
  StageRun& run = stages_[stage];
  // A restored build walks over what it has already told; an attempt that was begun and could be
  // resumed stays "executed".
  const bool told = IsFinished(step->status()) && step->execution() == fact.execution;
  if (status != v1::STEP_STATUS_FAILED) {
    run.facts[index] = fact;
    run.chain.push_back(fact.layer);
    run.next = index + 1;
    run.failure.clear();
  }
  if (told) return;
  step->set_status(status);
  step->set_seconds(fact.seconds);
  step->set_content_bytes(fact.content_bytes);
  step->set_worker(fact.worker);
  step->set_emulated(fact.emulated);
  step->set_execution(fact.execution);
  step->set_key(fact.key);
  SetTimes(fact.started_at, fact.finished_at, step);
  step->clear_use();
  step->clear_bound();
  if (fact.use) *step->mutable_use() = *fact.use;
  if (fact.bound) *step->mutable_bound() = *fact.bound;
  step->clear_acceleration();
  step->clear_acceleration_check();
  if (fact.acceleration) *step->mutable_acceleration() = *fact.acceleration;
  if (fact.acceleration_check) *step->mutable_acceleration_check() = *fact.acceleration_check;
  if (status == v1::STEP_STATUS_FAILED) {
    step->set_exit_code(fact.exit_code);
    step->set_failure(fact.failure);
  } else {
    *step->mutable_layer() = fact.layer;
    step->mutable_normalizations()->Assign(fact.normalizations.begin(), fact.normalizations.end());
  }
  EmitStep(stage, replica, index);
}

void BuildState::StepInterrupted(int stage, int replica, int index) {
  v1::StepView* step = FindStep(stage, index);
  if (replica > 0) {
    v1::ReplicaStep* row = FindReplica(step, replica);
    if (row->status() != v1::STEP_STATUS_RUNNING) return;
    row->set_status(v1::STEP_STATUS_WAITING);
    SetTimes(0, 0, row);
  } else {
    if (step->status() != v1::STEP_STATUS_RUNNING) return;
    step->set_status(v1::STEP_STATUS_WAITING);
    step->set_execution(0);
    SetTimes(0, 0, step);
  }
  EmitStep(stage, replica, index);
}

void BuildState::StageDone(int stage) {
  if (stages_[stage].phase != Phase::kDone) {
    startable_.erase(stage);
    for (const int waiting : needed_by_[stage]) {
      if (--stages_[waiting].missing == 0) startable_.insert(waiting);
    }
  }
  stages_[stage].phase = Phase::kDone;
  int64_t bytes = 0;
  for (const v1::Layer& layer : ChainBefore(stage, plan_.stages(stage).steps_size())) {
    bytes += layer.tar().size_bytes();
  }
  v1::StageView* view = view_.mutable_stages(stage);
  if (view->size_bytes() == bytes) return;
  view->set_size_bytes(bytes);
  v1::BuildEvent::StageChanged& change = *Add().mutable_stage_changed();
  change.set_stage(stage);
  change.set_size_bytes(bytes);
}

void BuildState::WalkAgain(int stage) {
  StageRun& run = stages_[stage];
  if (run.phase == Phase::kFailed || run.phase == Phase::kCancelled) return;
  if (!IsNeeded(view_, cell_stages_, stage, finishing_)) return;
  if (run.phase == Phase::kDone) {
    for (const int waiting : needed_by_[stage]) {
      if (stages_[waiting].missing++ == 0) startable_.erase(waiting);
    }
    if (run.missing == 0) startable_.insert(stage);
  }
  run.phase = Phase::kBlocked;
  run.next = 0;
  run.chain.clear();
  std::fill(run.facts.begin(), run.facts.end(), std::nullopt);
  std::fill(run.exports.begin(), run.exports.end(), std::nullopt);
  // Witnesses of what is made now have its keys.
  for (ReplicaRun& replica : replicas_[stage]) {
    if (replica.phase == Phase::kFailed || replica.phase == Phase::kCancelled) continue;
    InfrastructureFailures failures = std::move(replica.failures);
    replica = {};
    replica.failures = std::move(failures);
  }
}

void BuildState::StageFailed(int stage, v1::BuildStatus status, std::string_view message) {
  stages_[stage].phase = Phase::kFailed;
  v1::StageView* view = view_.mutable_stages(stage);
  view->set_message(ValidUtf8(message));
  v1::BuildEvent::StageChanged& change = *Add().mutable_stage_changed();
  change.set_stage(stage);
  change.set_size_bytes(view->size_bytes());
  change.set_message(view->message());
  for (size_t i = 0; i < cell_stages_.size(); ++i) {
    if (!cell_stages_[i].contains(stage) || IsFinished(view_.cells(i).status())) continue;
    v1::CellView cell = view_.cells(i);
    cell.set_status(status);
    cell.set_message(view->message());
    if (status == v1::BUILD_STATUS_FAILED && replicas() > 0) {
      cell.mutable_comparison()->set_verdict(v1::VERDICT_FAILED);
      cell.mutable_comparison()->set_level("none");
      cell.mutable_comparison()->set_reason(view->message());
    }
    CellFinished(cell);
  }
}

void BuildState::StageCancelled(int stage) {
  stages_[stage].phase = Phase::kCancelled;
  for (int i = 0; i < view_.stages(stage).steps_size(); ++i) {
    const v1::StepStatus status = view_.stages(stage).steps(i).status();
    if (status != v1::STEP_STATUS_RUNNING) continue;
    FindStep(stage, i)->set_status(v1::STEP_STATUS_CANCELLED);
    FindStep(stage, i)->set_finished_at(now_);
    EmitStep(stage, 0, i);
  }
}

void BuildState::TakeBackBuilt(int stage) {
  for (size_t i = 0; i < cell_stages_.size(); ++i) {
    v1::CellView cell = view_.cells(static_cast<int>(i));
    if (!IsBuilt(cell) || !cell_stages_[i].contains(stage)) continue;
    cell.set_seconds(0);
    ChangeCell(cell);
  }
}

void BuildState::ChangeCell(const v1::CellView& cell) {
  v1::CellView& changed = *Add().mutable_cell_changed()->mutable_cell();
  changed = cell;
  changed.set_message(ValidUtf8(cell.message()));
  for (v1::CellView& known : *view_.mutable_cells()) {
    if (IsSameCell(known, cell)) known = changed;
  }
}

void BuildState::SetStatus(v1::BuildStatus status, std::string_view message) {
  const std::string text = ValidUtf8(message);
  if (view_.status() == status && view_.message() == text) return;
  view_.set_status(status);
  view_.set_message(text);
  v1::BuildEvent::StatusChanged& change = *Add().mutable_status_changed();
  change.set_status(status);
  change.set_message(text);
}

void BuildState::Finish(v1::BuildStatus status, std::string_view message, std::string_view index_digest,
                        v1::NeutralComparison neutral) {
  view_.set_status(status);
  // Of anybody: what a registry sent, quoted. A record with other bytes could not be read again.
  view_.set_message(ValidUtf8(message));
  view_.set_index_digest(std::string(index_digest));
  view_.set_finished_at(now_);
  v1::BuildEvent::StatusChanged& change = *Add().mutable_status_changed();
  change.set_status(status);
  change.set_message(view_.message());
  change.set_index_digest(std::string(index_digest));
  if (neutral.platforms_size() == 0) return;
  *view_.mutable_neutral() = neutral;
  *change.mutable_neutral() = std::move(neutral);
}

void BuildState::Notice(bool warning, std::string text) {
  text = ValidUtf8(text);
  if (warning) view_.add_warnings(text);
  v1::BuildEvent::Notice& notice = *Add().mutable_notice();
  notice.set_warning(warning);
  notice.set_text(std::move(text));
}

void BuildState::BasePinned(const v1::PinnedImage& base) {
  v1::BuildEvent::BasePinned& pinned = *Add().mutable_base_pinned();
  pinned.set_reference(base.reference());
  *pinned.mutable_platform() = base.platform();
  pinned.set_manifest_digest(base.manifest_digest());
  pinned.set_stand_in(base.stand_in());
}

void BuildState::RemoteFetched(const v1::RemoteSource& source) {
  *view_.add_remote_sources() = source;
  *Add().mutable_remote_fetched() = source;
}

std::set<int> BuildState::StagesOf(int cell) const { return cell_stages_[cell]; }

std::vector<int> BuildState::CellsToFinish() const {
  std::vector<int> cells;
  for (int i = 0; i < static_cast<int>(cell_stages_.size()); ++i) {
    if (IsFinished(view_.cells(i).status()) || finishing_.contains(i)) continue;
    const bool over = std::all_of(cell_stages_[i].begin(), cell_stages_[i].end(), [&](int stage) {
      return stages_[stage].phase == Phase::kDone &&
             std::all_of(replicas_[stage].begin(), replicas_[stage].end(),
                         [](const ReplicaRun& run) { return Over(run.phase); });
    });
    if (over) cells.push_back(i);
  }
  return cells;
}

v1::BuildView BuildState::Headline() {
  google::protobuf::RepeatedPtrField<v1::StageView> stages;
  stages.Swap(view_.mutable_stages());
  v1::BuildView headline = view_;
  stages.Swap(view_.mutable_stages());
  return headline;
}

bool BuildState::AllCellsOver() const {
  return planned_ && std::all_of(view_.cells().begin(), view_.cells().end(),
                                 [](const v1::CellView& cell) { return IsFinished(cell.status()); });
}

}  // namespace crossmill::core
