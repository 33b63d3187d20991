#include "cli/attribution/trials.h"

#include <utility>
#include <vector>

#include "cli/session/build_follow.h"
#include "cli/session/submission.h"
#include "common/base/status.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

struct Submitted {
  std::optional<v1::Aspect> aspect;
  int64_t build = 0;
};

absl::StatusOr<Submitted> Submit(Session& session, Farm& farm, Progress& progress, Trial trial) {
  v1::SubmitBuildRequest request;
  *request.mutable_submission() = std::move(trial.submission);
  ASSIGN_OR_RETURN(const v1::SubmitBuildResponse response, SubmitOnce(session, farm, request));
  progress.Note(fmt::format(
      "--attribute: build {} with {}", response.build_id(),
      trial.aspect ? fmt::format("{} varied alone", Phrase(*trial.aspect)) : std::string("nothing varied")));
  return Submitted{trial.aspect, response.build_id()};
}

void Cancel(Session& session, Farm& farm, const Submitted& trial) {
  v1::CancelBuildRequest request;
  request.set_build_id(trial.build);
  // It may have ended.
  session.Call(*farm.builds, &v1::Builds::StubInterface::CancelBuild, request).IgnoreError();
}

absl::Status Await(Session& session, Farm& farm, Progress& progress, const std::vector<Submitted>& trials,
                   Attribution* attribution) {
  for (size_t i = 0; i < trials.size(); ++i) {
    FollowOptions follow;
    follow.logs = false;
    const auto model = FollowBuild(session, farm, progress, follow,
                                   [&]() -> absl::StatusOr<int64_t> { return trials[i].build; });
    const bool interrupted = !model.ok() || model->view().status() == v1::BUILD_STATUS_CANCELLED;
    if (interrupted) {
      for (size_t other = i; other < trials.size(); ++other) Cancel(session, farm, trials[other]);
      return model.ok() ? absl::CancelledError("a trial of --attribute was cancelled") : model.status();
    }
    v1::GetBuildRequest request;
    request.set_build_id(trials[i].build);
    ASSIGN_OR_RETURN(const v1::BuildView ended,
                     session.Call(*farm.builds, &v1::Builds::StubInterface::GetBuild, request));
    attribution->Take(trials[i].aspect, ended);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunTrials(Session& session, Farm& farm, Progress& progress, Attribution* attribution) {
  ASSIGN_OR_RETURN(const Submitted baseline, Submit(session, farm, progress, attribution->Baseline()));
  RETURN_IF_ERROR(Await(session, farm, progress, {baseline}, attribution));
  std::vector<Submitted> trials;
  for (Trial& trial : attribution->Singles()) {
    auto submitted = Submit(session, farm, progress, std::move(trial));
    if (!submitted.ok()) {
      for (const Submitted& each : trials) Cancel(session, farm, each);
      return submitted.status();
    }
    trials.push_back(*submitted);
  }
  return Await(session, farm, progress, trials, attribution);
}

}  // namespace crossmill::cli
