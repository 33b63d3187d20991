#include "coordinator/engine/build_jobs.h"

#include <utility>

#include "common/base/log.h"
#include "common/base/status.h"
#include "coordinator/conclusion/conclusion.h"
#include "coordinator/conclusion/neutral_paths.h"
#include "coordinator/engine/bounds/room_news.h"
#include "coordinator/engine/client_mounts.h"
#include "coordinator/engine/planning.h"
#include "coordinator/engine/planning/cache_domain.h"
#include "coordinator/rebuild/rebuild_comparison.h"
#include "coordinator/rebuild/recorded_plan.h"
#include "coordinator/wheels/wheels_plan.h"

namespace crossmill::coordinator {
namespace {

// The first may have been killed for another reason.
constexpr int64_t kMostPlanningDeaths = 2;

}  // namespace

void BuildJobs::Run(RunningBuild& build, JobKind kind,
                    std::function<std::function<void()>(const std::stop_token&)> job) {
  ++build.jobs;
  jobs_.Run(kind, build.stop.get_token(),
            [this, id = build.id(), job = std::move(job)](const std::stop_token& stop) {
              loop_->Post(
                  [this, id, done = job(stop)] {
                    const auto found = builds_.find(id);
                    if (found != builds_.end()) --found->second->jobs;
                    done();
                  },
                  "job");
            });
}

absl::Status BuildJobs::Start(TransactionLoop& loop, bool known_end,
                              std::function<void(int64_t build, Planned)> on_planned) {
  loop_ = &loop;
  on_planned_ = std::move(on_planned);
  if (known_end) RETURN_IF_ERROR(plannings_.WithdrawAll());
  return plannings_.ForgetEnded();
}

void BuildJobs::Plan(RunningBuild& build) {
  const int64_t id = build.id();
  const absl::StatusOr<int64_t> deaths = plannings_.Deaths(id);
  if (!deaths.ok()) return loop_->Require(deaths.status());
  if (*deaths >= kMostPlanningDeaths) {
    LogError("build={} is not planned again: {} coordinators ended while they planned it", id, *deaths);
    return loop_->Post([this, id, count = *deaths] {
      EndPlanning(
          id, {.plan = absl::InternalError(fmt::format(
                   "the coordinator ended {} times while it planned this build, so it is not planned again; "
                   "the coordinator's log says how it ended",
                   count))});
    });
  }
  turns_.Add(id, *deaths > 0);
}

void BuildJobs::BeginPlannings(absl::Time now) {
  if (stopped_) return;
  for (const int64_t id : turns_.Begin(now)) {
    const auto build = builds_.find(id);
    if (build != builds_.end() && !build->second->concluding) {
      BeginPlanning(*build->second);
    } else {
      turns_.Remove(id);
    }
  }
}

void BuildJobs::BeginPlanning(RunningBuild& build) {
  const int64_t id = build.id();
  const absl::Status begun = plannings_.Begin(id);
  if (!begun.ok()) return loop_->Require(begun);
  planning_now_.insert(id);
  Run(build, JobKind::kNetwork, [this, id, submission = build.submission](const std::stop_token& stop) {
    auto planned = std::make_shared<Planned>();
    absl::StatusOr<v1::BuildPlan> plan = PlanWhole(id, submission, stop, planned.get());
    if (plan.ok()) {
      planned->recorded = plan->SerializeAsString();
      planned->plan = core::PreparedPlan(*std::move(plan), core::ReplicasOf(submission.options()));
    } else {
      planned->plan = plan.status();
    }
    return [this, id, planned] { EndPlanning(id, std::move(*planned)); };
  });
}

absl::StatusOr<v1::BuildPlan> BuildJobs::PlanWhole(int64_t id, const v1::BuildSubmission& submission,
                                                   const std::stop_token& stop, Planned* planned) {
  PlanningCalls calls;
  calls.stop = stop;
  calls.on_pinned = [&](const v1::PinnedImage& base) { planned->pinned.push_back(base); };
  calls.on_fetched = [&](const v1::RemoteSource& source) { planned->fetched.push_back(source); };
  calls.on_progress = [this, id](const std::string& what, int64_t done_bytes, int64_t total) {
    const PlanningStep step{what, done_bytes, total};
    if (progress_.Report(id, step)) watchers_.PublishProgress(id, step);
  };
  absl::StatusOr<v1::BuildPlan> plan = RepeatForRoom(
      parts_.room, RoomFor::kNew, stop,
      [&] {
        planned->pinned.clear();
        planned->fetched.clear();
        return MakePlan(submission, calls);
      },
      [](const auto& made) { return absl::IsResourceExhausted(made.status()); });
  RETURN_IF_ERROR(plan.status());
  SetCacheDomain(submission.project(), &*plan);
  if (parts_.ahead_planner != nullptr && !submission.has_wheels()) MarkCompiling(&*plan);
  RETURN_IF_ERROR(LeaveOutMissing(submission.options(), &*plan));
  return plan;
}

void BuildJobs::Stop() {
  jobs_.Stop();
  if (loop_ == nullptr) return;
  // Behind the ends of those that ran.
  loop_->Post([this] {
    stopped_ = true;
    for (const int64_t id : planning_now_) loop_->Require(plannings_.Withdraw(id));
    planning_now_.clear();
  });
}

void BuildJobs::EndPlanning(int64_t id, Planned planned) {
  progress_.Forget(id);
  planning_now_.erase(id);
  turns_.Remove(id);
  // The end of the coordinator in good order is no death.
  const auto build = builds_.find(id);
  const bool goes_on = build != builds_.end() && !build->second->concluding;
  const bool stopped = absl::IsCancelled(planned.plan.status());
  loop_->Require(goes_on && stopped ? plannings_.Withdraw(id) : plannings_.End(id));
  on_planned_(id, std::move(planned));
}

absl::StatusOr<v1::BuildPlan> BuildJobs::MakePlan(const v1::BuildSubmission& submission,
                                                  const PlanningCalls& calls) {
  if (submission.has_wheels()) return PlanWheels(submission.wheels());
  if (submission.has_rebuild()) {
    return LoadRecordedPlan(submission.rebuild().build(), parts_.records, parts_.images, parts_.blobs,
                            calls.stop);
  }
  return PlanBuild(submission, parts_.build_platform, planning_, calls);
}

void BuildJobs::Dispose(std::unique_ptr<RunningBuild> build) {
  jobs_.Run(JobKind::kProcessor, {},
            [whole = std::shared_ptr<RunningBuild>(std::move(build))](const std::stop_token&) mutable {
              whole.reset();
            });
}

v1::CellView BuildJobs::ConcludeCell(RunningBuild& build, int cell, std::function<void(v1::CellView)> done) {
  CellInput input = MakeCellInput(build.state, cell, [&](int stage) { return build.SinceOf(stage); });
  input.known_files = parts_.known_files;
  v1::CellView measured = MeasureCell(input);
  Run(build, JobKind::kProcessor,
      [this, input = std::move(input), rebuilt = build.submission.rebuild().build(),
       done = std::move(done)](const std::stop_token& stop) -> std::function<void()> {
        v1::CellView view = RepeatForRoom(
            parts_.room, RoomFor::kResults, stop,
            [&] {
              return coordinator::ConcludeCell(input, parts_.assembler, parts_.blobs, parts_.records, stop);
            },
            [](const v1::CellView& made) { return made.status() == v1::BUILD_STATUS_INFRASTRUCTURE_FAILED; });
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
      [this, view = build.state.view(), author = core::AuthorOf(build.submission),
       neutral = MakeNeutralInput(build.state), done = std::move(done)](const std::stop_token& stop) {
        auto digest = RepeatForRoom(
            parts_.room, RoomFor::kResults, stop,
            [&] { return AssembleBuild(view, author, parts_.assembler); },
            [](const auto& made) { return !made.ok(); });
        v1::NeutralComparison compared;
        // Of an index that could not be made nothing is told.
        if (digest.ok()) compared = CompareNeutralPaths(neutral, parts_.blobs, stop);
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
