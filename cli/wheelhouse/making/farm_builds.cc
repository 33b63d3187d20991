#include "cli/wheelhouse/making/farm_builds.h"

#include <grpcpp/client_context.h>

#include <stop_token>

#include "cli/session/submission.h"
#include "cli/session/watcher.h"
#include "common/base/status.h"
#include "common/rpc/status_proto.h"

namespace crossmill::cli {

absl::Status FarmBuilds::Prepare() {
  // A Directory message without members is no bytes at all.
  ASSIGN_OR_RETURN(empty_context_, farm_.blobs->PutBytes(""));
  return absl::OkStatus();
}

v1::BuildSubmission FarmBuilds::Submission(const v1::Platform& platform, const std::string& recipe) const {
  v1::BuildSubmission submission;
  *submission.mutable_options() = options_;
  submission.mutable_options()->clear_platforms();
  *submission.mutable_options()->add_platforms() = platform;
  submission.mutable_recipe()->set_dockerfile(recipe);
  submission.mutable_recipe()->set_dockerfile_name("wheelhouse");
  ToProto(empty_context_, submission.mutable_recipe()->mutable_context_root());
  return submission;
}

absl::StatusOr<v1::Forecast> FarmBuilds::Predict(const v1::Platform& platform, const std::string& recipe) {
  grpc::ClientContext call;
  const std::stop_callback cancel(stop_, [&call] { call.TryCancel(); });
  v1::PredictRequest request;
  *request.mutable_submission() = Submission(platform, recipe);
  const auto reader = farm_.predictions->Predict(&call, request);
  std::optional<v1::Forecast> forecast;
  v1::PredictResponse response;
  while (reader->Read(&response)) {
    if (response.has_forecast()) forecast = std::move(*response.mutable_forecast());
  }
  const absl::Status status = rpc::FromGrpc(reader->Finish());
  if (!status.ok()) return session_.Explain(status);
  if (!forecast.has_value())
    return absl::UnavailableError("the coordinator ended the prediction without one");
  return *std::move(forecast);
}

absl::StatusOr<FinishedBuild> FarmBuilds::Build(const v1::Platform& platform, const std::string& recipe,
                                                const std::function<void(int64_t)>& began) {
  if (stopped()) return absl::CancelledError("stopped");
  v1::SubmitBuildRequest request;
  *request.mutable_submission() = Submission(platform, recipe);
  ASSIGN_OR_RETURN(const v1::SubmitBuildResponse submitted, SubmitOnce(session_, farm_, request));
  began(submitted.build_id());
  WatchOptions watch;
  watch.build_id = submitted.build_id();
  watch.logs = false;
  const auto quiet = MakeQuietProgress();
  const auto model = WatchBuild(farm_, watch, *quiet, stop_);
  if (!model.ok()) {
    if (stopped()) {
      v1::CancelBuildRequest cancel;
      cancel.set_build_id(submitted.build_id());
      // It may have ended meanwhile, and then there is nothing to cancel.
      (void)session_.Call(*farm_.builds, &v1::Builds::StubInterface::CancelBuild, cancel);
    }
    return model.status();
  }
  FinishedBuild finished{model->view(), {}};
  v1::ListPackagesRequest packages;
  packages.set_build_id(submitted.build_id());
  ASSIGN_OR_RETURN(const v1::ListPackagesResponse rows,
                   session_.Call(*farm_.builds, &v1::Builds::StubInterface::ListPackages, packages));
  finished.packages.assign(rows.rows().begin(), rows.rows().end());
  return finished;
}

std::optional<v1::FarmWheel> FarmBuilds::KeptWheel(const std::string& project, const std::string& sha256) {
  v1::ListFarmWheelsRequest request;
  request.set_project(project);
  const auto response = session_.Call(*farm_.wheels, &v1::Wheels::StubInterface::ListFarmWheels, request);
  if (!response.ok()) return std::nullopt;
  for (const v1::FarmWheelView& view : response->wheels()) {
    if (view.wheel().file().hash() == sha256) return view.wheel();
  }
  return std::nullopt;
}

}  // namespace crossmill::cli
