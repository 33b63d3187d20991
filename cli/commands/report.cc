#include "cli/commands/report.h"

#include <deque>
#include <thread>

#include "cli/show/console_lines.h"
#include "common/words/platform.h"

namespace crossmill::cli {
namespace {

// Half a second apart.
constexpr int kReportTries = 30;

absl::StatusOr<std::vector<std::string>> LastLines(Session& session, int64_t execution, size_t count) {
  std::deque<std::string> lines;
  const auto add = [&](std::vector<std::string> more) {
    for (std::string& line : more) {
      lines.push_back(std::move(line));
      if (lines.size() > count) lines.pop_front();
    }
  };
  LineAssembler streams[3];
  RETURN_IF_ERROR(ReadConsole(session, execution, false, [&](const v1::LogChunk& chunk) {
    add(streams[static_cast<int>(chunk.stream()) % 3].Feed(chunk.data()));
    return absl::OkStatus();
  }));
  for (LineAssembler& stream : streams) add(stream.Finish());
  return std::vector<std::string>(lines.begin(), lines.end());
}

}  // namespace

absl::Status ReadConsole(Session& session, int64_t execution, bool follow,
                         const std::function<absl::Status(const v1::LogChunk&)>& sink) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::ReadLogRequest request;
  request.set_execution(execution);
  request.set_follow(follow);
  absl::Status result;
  const absl::Status status = session.CallStream([&] {
    grpc::ClientContext context;
    const auto reader = farm->builds->ReadLog(&context, request);
    v1::ReadLogResponse response;
    while (result.ok() && reader->Read(&response)) {
      // Another attempt goes on behind it.
      request.set_from_chunk(request.from_chunk() + 1);
      result = sink(response.chunk());
    }
    if (!result.ok()) context.TryCancel();
    const absl::Status end = rpc::FromGrpc(reader->Finish());
    return result.ok() ? end : absl::OkStatus();
  });
  return result.ok() ? status : result;
}

absl::Status GetPackages(Session& session, int64_t build_id, BuildReport* report) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::ListPackagesRequest request;
  request.set_build_id(build_id);
  ASSIGN_OR_RETURN(const v1::ListPackagesResponse response,
                   session.Call(*farm->builds, &v1::Builds::StubInterface::ListPackages, request));
  report->packages.assign(response.rows().begin(), response.rows().end());
  report->changes.assign(response.changes().begin(), response.changes().end());
  report->earlier.assign(response.earlier().begin(), response.earlier().end());
  return absl::OkStatus();
}

absl::StatusOr<std::string> NormalisedPlatform(const std::string& text) {
  if (text.empty()) return std::string();
  ASSIGN_OR_RETURN(const v1::Platform platform, ParsePlatform(text));
  return FormatPlatform(platform);
}

absl::Status GetFetches(Session& session, int64_t build_id, bool one_by_one, BuildReport* report) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::ListFetchesRequest request;
  request.set_build_id(build_id);
  request.set_hosts_only(!one_by_one);
  do {
    const auto response = session.Call(*farm->builds, &v1::Builds::StubInterface::ListFetches, request);
    if (absl::IsUnimplemented(response.status())) return absl::OkStatus();
    RETURN_IF_ERROR(response.status());
    report->fetches.insert(report->fetches.end(), response->rows().begin(), response->rows().end());
    report->fetch_hosts.insert(report->fetch_hosts.end(), response->hosts().begin(), response->hosts().end());
    request.set_page_token(response->next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

absl::StatusOr<BuildReport> FetchReport(Session& session, std::string_view build,
                                        const std::string& dockerfile, size_t lines) {
  BuildReport report;
  report.dockerfile = dockerfile;
  ASSIGN_OR_RETURN(report.build, GetBuild(session, build));
  RETURN_IF_ERROR(GetPackages(session, report.build.id(), &report));
  RETURN_IF_ERROR(GetFetches(session, report.build.id(), session.json, &report));
  for (const v1::StageView& stage : report.build.stages()) {
    for (const v1::StepView& step : stage.steps()) {
      if (step.status() != v1::STEP_STATUS_FAILED || step.execution() == 0) continue;
      auto last = LastLines(session, step.execution(), lines);
      // A report without the console is better than none.
      if (last.ok()) report.failures.push_back({stage.index(), step.number(), *std::move(last)});
    }
  }
  if (report.dockerfile.empty() && !report.failures.empty()) {
    ASSIGN_OR_RETURN(Farm * farm, session.Connect());
    v1::GetSubmissionRequest request;
    request.set_build_id(report.build.id());
    // Its lines are shown beside the failure; without them the report still says which they are.
    const auto submission = session.Call(*farm->builds, &v1::Builds::StubInterface::GetSubmission, request);
    if (submission.ok()) report.dockerfile = submission->recipe().dockerfile();
  }
  return report;
}

absl::StatusOr<BuildReport> FetchReportOfEnd(Session& session, int64_t build, const std::string& dockerfile) {
  for (int tries = 1;; ++tries) {
    auto report = FetchReport(session, std::to_string(build), dockerfile);
    if (!absl::IsUnavailable(report.status()) || tries == kReportTries) return report;
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
}

}  // namespace crossmill::cli
