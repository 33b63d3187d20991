#include "coordinator/engine/build_jobs.h"

#include <utility>

#include "common/base/status.h"
#include "coordinator/conclusion/conclusion.h"
#include "coordinator/conclusion/neutral_paths.h"
#include "coordinator/engine/client_mounts.h"
#include "coordinator/engine/planning.h"
#include "coordinator/rebuild/rebuild_comparison.h"
#include "coordinator/rebuild/recorded_plan.h"
#include "coordinator/wheels/wheels_plan.h"

namespace crossmill::coordinator {

void BuildJobs::Run(RunningBuild& build, JobKind kind,
                    std::function<std::function<void()>(const std::stop_token&)> job) {
  ++build.jobs;
  jobs_.Run(kind, build.stop.get_token(),
            [this, id = build.id(), job = std::move(job)](const std::stop_token& stop) {
              loop_->Post([this, id, done = job(stop)] {
                const auto found = builds_.find(id);
                if (found != builds_.end()) --found->second->jobs;
                done();
              });
            });
}

void BuildJobs::Plan(RunningBuild& build) {
  const int64_t id = build.id();
  Run(build, JobKind::kNetwork, [this, id, submission = build.submission](const std::stop_token& stop) {
    Planned planned;
    PlanningCalls calls;
    calls.stop = stop;
    calls.on_pinned = [&](const v1::PinnedImage& base) { planned.pinned.push_back(base); };
    calls.on_fetched = [&](const v1::RemoteSource& source) { planned.fetched.push_back(source); };
    calls.on_progress = [this, id](const std::string& what, int64_t done_bytes, int64_t total) {
      const PlanningStep step{what, done_bytes, total};
      if (progress_.Report(id, step)) watchers_.PublishProgress(id, step);
    };
    planned.plan = MakePlan(submission, calls);
    if (planned.plan.ok() && parts_.ahead_planner != nullptr && !submission.has_wheels())
      MarkCompiling(&*planned.plan);
    if (planned.plan.ok()) {
      const absl::Status given = LeaveOutMissing(submission.options(), &*planned.plan);
      if (!given.ok()) planned.plan = given;
    }
    return [this, id, planned = std::move(planned)]() mutable {
      progress_.Forget(id);
      on_planned_(id, std::move(planned));
    };
  });
}

absl::StatusOr<v1::BuildPlan> BuildJobs::MakePlan(const v1::BuildSubmission& submission,
                                                  const PlanningCalls& calls) {
  if (submission.has_wheels()) return PlanWheels(submission.wheels());
  if (submission.has_rebuild()) {
    return LoadRecordedPlan(submission.rebuild().build(), parts_.records, parts_.images, parts_.blobs,
                            calls.stop);
  }
  return PlanBuild(submission, parts_.build_platform, {parts_.images, parts_.blobs, parts_.remote_sources},
                   calls);
}

v1::CellView BuildJobs::ConcludeCell(RunningBuild& build, int cell, std::function<void(v1::CellView)> done) {
  CellInput input = MakeCellInput(build.state, cell, [&](int stage) { return build.SinceOf(stage); });
  input.known_files = parts_.known_files;
  v1::CellView measured = MeasureCell(input);
  Run(build, JobKind::kProcessor,
      [this, input = std::move(input), rebuilt = build.submission.rebuild().build(),
       done = std::move(done)](const std::stop_token& stop) -> std::function<void()> {
        v1::CellView view =
            coordinator::ConcludeCell(input, parts_.assembler, parts_.blobs, parts_.records, stop);
        if (rebuilt != 0) AddRebuildComparison(rebuilt, input, stop, &view);
        // Not the cell's failure: the build is over, or goes on after a restart.
        if (stop.stop_requested()) return [] {};
        return [done, view = std::move(view)]() mutable { done(std::move(view)); };
      });
  return measured;
}

void BuildJobs::AddRebuildComparison(int64_t recorded, const CellInput& input, const std::stop_token& stop,
                                     v1::CellView* view) {
  if (view->status() != v1::BUILD_STATUS_SUCCEEDED) return;
  auto comparison = CompareWithRecorded(recorded, input, *view, parts_.blobs, parts_.records, stop);
  if (!comparison.ok()) {
    view->mutable_rebuild()->set_build(recorded);
    view->mutable_rebuild()->set_result(v1::RebuildComparison::RESULT_UNKNOWN);
    view->mutable_rebuild()->set_reason(std::string(Sv(comparison.status().message())));
    return;
  }
  *view->mutable_rebuild() = *std::move(comparison);
}

void BuildJobs::Assemble(RunningBuild& build,
                         std::function<void(absl::StatusOr<std::string>, v1::NeutralComparison)> done) {
  Run(build, JobKind::kProcessor,
      [this, view = build.state.view(), neutral = MakeNeutralInput(build.state),
       done = std::move(done)](const std::stop_token& stop) {
        auto digest = AssembleBuild(view, parts_.assembler);
        auto compared = CompareNeutralPaths(neutral, parts_.blobs, stop);
        return [done, digest = std::move(digest), compared = std::move(compared)]() mutable {
          done(std::move(digest), std::move(compared));
        };
      });
}

void BuildJobs::AskAhead(RunningBuild& build, AheadQuestion question,
                         std::function<void(absl::StatusOr<AheadAnswer>)> done) {
  Run(build, JobKind::kNetwork,
      [this, question = std::move(question), done = std::move(done)](const std::stop_token& stop) {
        auto answer = parts_.ahead_planner->Ask(question, stop);
        return [done, answer = std::move(answer)]() mutable { done(std::move(answer)); };
      });
}

void BuildJobs::Harvest(RunningBuild& build, HarvestQuestion question, int64_t now_ns,
                        std::function<void(std::vector<storage::FarmWheelRow>)> done) {
  Run(build, JobKind::kProcessor,
      [this, question = std::move(question), now_ns, done = std::move(done)](const std::stop_token&) {
        auto rows = HarvestWheels(question, parts_.blobs, parts_.records, now_ns);
        return [done, rows = std::move(rows)]() mutable { done(std::move(rows)); };
      });
}

}  // namespace crossmill::coordinator
