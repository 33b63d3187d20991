#include "coordinator/buildkit/solve/build_run.h"

#include <map>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/base/wiping.h"
#include "common/rpc/status_proto.h"
#include "common/words/overall.h"
#include "common/words/platform.h"
#include "common/words/words.h"
#include "coordinator/buildkit/solve/solve_errors.h"

namespace crossmill::coordinator::buildkit {
namespace {

// For a build that is being cancelled to say so.
constexpr auto kCancelPatience = std::chrono::seconds(30);
// Packages that one line names.
constexpr size_t kMostNamed = 12;

void CancelBuild(const BuildRun& run, int64_t build) {
  grpc::ClientContext context;
  run.farm.Prepare(&context);
  context.set_deadline(std::chrono::system_clock::now() + kCancelPatience);
  v1::CancelBuildRequest request;
  request.set_build_id(build);
  v1::CancelBuildResponse response;
  // It may have ended by itself.
  run.farm.builds().CancelBuild(&context, request, &response);
}

absl::StatusOr<v1::BuildView> GetBuild(const BuildRun& run, int64_t build) {
  grpc::ClientContext context;
  run.farm.Prepare(&context);
  v1::GetBuildRequest request;
  request.set_build_id(build);
  v1::BuildView view;
  RETURN_IF_ERROR(rpc::FromGrpc(run.farm.builds().GetBuild(&context, request, &view)));
  return view;
}

// To its end, or until the watch is cancelled.
absl::Status Watch(const BuildRun& run, int64_t build, BuildVertices* vertices) {
  grpc::ClientContext context;
  run.farm.Prepare(&context);
  const std::stop_callback cancel(run.stop, [&context] { context.TryCancel(); });
  v1::WatchBuildRequest request;
  request.set_build_id(build);
  request.set_logs(true);
  const auto reader = run.farm.builds().WatchBuild(&context, request);
  v1::WatchBuildResponse response;
  while (reader->Read(&response)) {
    if (response.has_event()) vertices->OnEvent(response.event());
    if (response.has_log()) vertices->OnLog(response.log());
    if (response.has_progress()) vertices->OnProgress(response.progress());
  }
  return rpc::FromGrpc(reader->Finish());
}

absl::Status ErrorOf(const BuildRun& run, const v1::BuildView& view, const BuildVertices& vertices) {
  const std::string place = run.place_of_build(view.id());
  switch (view.status()) {
    case v1::BUILD_STATUS_CANCELLED:
      return absl::CancelledError(fmt::format("build {} was cancelled: {}", view.id(), kCancelledText));
    case v1::BUILD_STATUS_TIMED_OUT:
      return absl::UnknownError(
          fmt::format("build {} took longer than CROSSMILL_TIMEOUT allows ({})", view.id(), place));
    case v1::BUILD_STATUS_INFRASTRUCTURE_FAILED:
      return absl::UnavailableError(
          fmt::format("the farm failed, not the recipe: {} ({})", view.message(), place));
    default:
      break;
  }
  const BuildVertices::Failure& failure = vertices.failure();
  if (failure.vertex.empty()) {
    return WithPlaceOfMessage(absl::UnknownError(ValidUtf8(view.message())), run.dockerfile_name,
                              run.dockerfile);
  }
  const v1::SourceRange& range = failure.step.range();
  absl::Status status = absl::UnknownError(FailureText(failure.step));
  status = WithSource(std::move(status), run.dockerfile_name, run.dockerfile, range.first_line(),
                      range.last_line());
  return WithVertex(std::move(status), failure.vertex);
}

std::string VerdictLine(const v1::CellView& cell) {
  const v1::CellComparison& comparison = cell.comparison();
  return fmt::format("{}: {}{}", FormatPlatform(cell.platform()), Word(comparison.verdict()),
                     comparison.same_host() ? " (same host)" : "");
}

void TellVerdict(const BuildRun& run, const v1::BuildView& view) {
  if (view.options().verify() < 2) return;
  const v1::Verdict verdict = OverallVerdict(view);
  const auto vertex = run.board.Begin(
      fmt::format("[crossmill] verdict: {} ({})", Word(verdict), run.place_of_build(view.id())));
  for (const v1::CellView& cell : view.cells()) vertex->Log(1, VerdictLine(cell) + "\n");
  vertex->End();
}

void TellCompiled(const BuildRun& run, const v1::BuildView& view) {
  grpc::ClientContext context;
  run.farm.Prepare(&context);
  v1::ListPackagesRequest request;
  request.set_build_id(view.id());
  v1::ListPackagesResponse response;
  if (!run.farm.builds().ListPackages(&context, request, &response).ok()) return;
  std::map<std::string, std::vector<std::string>> compiled;
  for (const v1::PackageRow& row : response.rows()) {
    if (row.package().outcome() != v1::OUTCOME_SOURCE) continue;
    compiled[FormatPlatform(row.platform())].push_back(
        fmt::format("{} {}", row.package().name(), row.package().version()));
  }
  for (const auto& [platform, packages] : compiled) {
    std::string names;
    for (size_t i = 0; i < packages.size() && i < kMostNamed; ++i)
      names += (i == 0 ? "" : ", ") + packages[i];
    if (packages.size() > kMostNamed) names += fmt::format(" and {} more", packages.size() - kMostNamed);
    run.board.Begin(fmt::format("[crossmill] compiled on {}: {}", platform, names))->End();
  }
}

}  // namespace

absl::StatusOr<v1::BuildView> RunBuild(
    const BuildRun& run, v1::SubmitBuildRequest* request,
    const std::function<absl::StatusOr<std::shared_ptr<void>>(int64_t build)>& attached) {
  const auto submitting = [&]() -> absl::StatusOr<int64_t> {
    grpc::ClientContext context;
    run.farm.Prepare(&context);
    const std::stop_callback cancel(run.stop, [&context] { context.TryCancel(); });
    v1::SubmitBuildResponse response;
    const grpc::Status status = run.farm.builds().SubmitBuild(&context, *request, &response);
    WipeValues(request->mutable_secrets());
    if (run.stop.stop_requested() && !status.ok()) return absl::CancelledError(kCancelledText);
    RETURN_IF_ERROR(WithPlaceOfMessage(rpc::FromGrpc(status), run.dockerfile_name, run.dockerfile));
    return response.build_id();
  };
  ASSIGN_OR_RETURN(const int64_t build, submitting());
  if (run.on_build) run.on_build(build);
  const auto attachment = attached ? attached(build) : absl::StatusOr<std::shared_ptr<void>>(nullptr);
  if (!attachment.ok()) {
    CancelBuild(run, build);
    return attachment.status();
  }
  run.board.Begin(fmt::format("[crossmill] build {}: {}", build, run.place_of_build(build)))->End();
  BuildVertices vertices(run.board, build);
  const absl::Status watched = Watch(run, build, &vertices);
  if (run.on_steps) run.on_steps(vertices);
  if (run.stop.stop_requested()) {
    if (!run.detached) CancelBuild(run, build);
    return absl::CancelledError(kCancelledText);
  }
  if (!watched.ok()) {
    // Nobody waits for it any more.
    CancelBuild(run, build);
    return Annotate(watched, fmt::format("build {} cannot be watched", build));
  }
  ASSIGN_OR_RETURN(v1::BuildView view, GetBuild(run, build));
  if (view.status() < v1::BUILD_STATUS_SUCCEEDED) {
    return absl::UnavailableError(
        fmt::format("the coordinator is shutting down; build {} goes on after its next start", build));
  }
  if (view.status() != v1::BUILD_STATUS_SUCCEEDED) return ErrorOf(run, view, vertices);
  return view;
}

void TellEnd(const BuildRun& run, const v1::BuildView& view) {
  TellVerdict(run, view);
  TellCompiled(run, view);
}

}  // namespace crossmill::coordinator::buildkit
