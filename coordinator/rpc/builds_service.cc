#include "coordinator/rpc/builds_service.h"

#include <algorithm>
#include <charconv>
#include <thread>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/filter/filter.h"
#include "common/rpc/status_proto.h"
#include "common/words/platform.h"
#include "common/words/words.h"
#include "coordinator/rpc/peers/own_builds.h"
#include "coordinator/rpc/peers/ownership.h"
#include "coordinator/rpc/stop_when_cancelled.h"
#include "coordinator/rpc/streams/read_log_call.h"
#include "coordinator/rpc/streams/watch_build_call.h"

namespace crossmill::coordinator {
namespace {

constexpr int kDefaultPage = 50;
constexpr int kMaxPage = 200;
constexpr int kFetchPage = 2000;
constexpr size_t kFetchPageBytes = 4 << 20;
constexpr auto kPatience = std::chrono::milliseconds(200);

// Where a page of fetches begins: "STEP:FETCH", both counted from 0 over the build.
struct FetchPosition {
  size_t step = 0;
  int fetch = 0;
};

absl::StatusOr<FetchPosition> ParseFetchPosition(std::string_view token) {
  FetchPosition position;
  if (token.empty()) return position;
  const size_t colon = std::min(token.find(':'), token.size());
  const char* const end = token.data() + token.size();
  const auto step = std::from_chars(token.data(), token.data() + colon, position.step);
  const auto fetch = std::from_chars(std::min(token.data() + colon + 1, end), end, position.fetch);
  if (step.ec != std::errc() || fetch.ec != std::errc() || fetch.ptr != end || position.fetch < 0) {
    return absl::InvalidArgumentError("not a page token of ListFetches");
  }
  return position;
}

template <typename Row>
void Locate(const LocatedStep& step, Row* row) {
  *row->mutable_platform() = step.platform;
  row->set_stage(step.stage);
  row->set_stage_name(step.stage_name);
  row->set_step_number(step.step_number);
  row->set_execution(step.execution);
}

absl::Status AddFetchHosts(FarmReader& reader, const std::vector<LocatedStep>& steps,
                           v1::ListFetchesResponse* response) {
  for (const LocatedStep& step : steps) {
    ASSIGN_OR_RETURN(std::vector<v1::HostFetches> hosts, reader.FetchHosts(step.execution));
    for (v1::HostFetches& host : hosts) {
      v1::FetchHostRow& row = *response->add_hosts();
      Locate(step, &row);
      *row.mutable_host() = std::move(host);
    }
  }
  return absl::OkStatus();
}

absl::Status AddFetches(FarmReader& reader, const std::vector<LocatedStep>& steps, FetchPosition from,
                        v1::ListFetchesResponse* response) {
  size_t bytes = 0;
  for (size_t i = from.step; i < steps.size(); ++i) {
    ASSIGN_OR_RETURN(v1::StepFetches fetches, reader.Fetches(steps[i].execution));
    for (int j = i == from.step ? from.fetch : 0; j < fetches.fetches_size(); ++j) {
      if (response->rows_size() >= kFetchPage || bytes >= kFetchPageBytes) {
        response->set_next_page_token(fmt::format("{}:{}", i, j));
        return absl::OkStatus();
      }
      v1::FetchRow& row = *response->add_rows();
      Locate(steps[i], &row);
      *row.mutable_fetch() = std::move(*fetches.mutable_fetches(j));
      bytes += row.ByteSizeLong();
    }
  }
  return absl::OkStatus();
}

// What the earlier build was offered is offered again, or it cannot be built.
absl::Status CheckOffers(const v1::BuildSubmission& submission, const WipedSecrets<v1::Secret>& secrets) {
  if (submission.has_wheels()) {
    return absl::FailedPreconditionError(
        "the farm submitted this build itself; the build that it was for can be retried");
  }
  for (const std::string& id : submission.options().secret_ids()) {
    const bool given = std::any_of(secrets.begin(), secrets.end(),
                                   [&](const v1::Secret& secret) { return secret.id() == id; });
    if (!given) {
      return absl::FailedPreconditionError(fmt::format(
          "the build had the secret '{}', which was not kept; `crossmill retry` can offer it", id));
    }
  }
  if (submission.options().ssh_ids_size() > 0) {
    return absl::FailedPreconditionError("the build had an ssh agent; `crossmill retry` can offer one");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int64_t> BuildsService::AdmitReader(const grpc::ServerContextBase& context, int64_t build) {
  ASSIGN_OR_RETURN(const Roles roles, authenticator_.Admit(context, v1::ACCESS_READ));
  return engine_.reader().walls().FindReadable(ScopeOf(roles), build);
}

absl::Status BuildsService::AdmitConsole(const grpc::ServerContextBase& context, int64_t execution) {
  ASSIGN_OR_RETURN(const Roles roles, authenticator_.Admit(context, v1::ACCESS_READ));
  return engine_.reader().CheckExecution(ScopeOf(roles), execution);
}

grpc::Status BuildsService::SubmitBuild(grpc::ServerContext* context, const v1::SubmitBuildRequest* request,
                                        v1::SubmitBuildResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_SUBMIT);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  // The message is gRPC's, made for this call and dropped after it; const only in the generated interface.
  auto* wiped = const_cast<v1::SubmitBuildRequest*>(request)->mutable_secrets();
  const AtScopeEnd wipe([wiped] { WipeValues(wiped); });
  const WipedSecrets<v1::Secret> secrets(wiped->begin(), wiped->end());
  TakeSubmission(*roles, const_cast<v1::SubmitBuildRequest*>(request)->mutable_submission());
  const StopWhenCancelled cancelled(context);
  const auto submitted = engine_.Submit(request->submission(), request->idempotency_key(), secrets,
                                        Submitter::kClient, cancelled.token());
  if (!submitted.ok()) return rpc::ToGrpc(submitted.status());
  response->set_build_id(submitted->build);
  response->set_existing(submitted->existing);
  return grpc::Status::OK;
}

grpc::Status BuildsService::RetryBuild(grpc::ServerContext* context, const v1::RetryBuildRequest* request,
                                       v1::SubmitBuildResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_SUBMIT);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  // As in SubmitBuild.
  auto* wiped = const_cast<v1::RetryBuildRequest*>(request)->mutable_secrets();
  const AtScopeEnd wipe([wiped] { WipeValues(wiped); });
  const WipedSecrets<v1::Secret> secrets(wiped->begin(), wiped->end());
  const absl::StatusOr<int64_t> own = FindOwnBuild(engine_.reader(), *roles, request->build_id());
  if (!own.ok()) return rpc::ToGrpc(own.status());
  auto submission = engine_.reader().Submission(*own);
  if (!submission.ok()) return rpc::ToGrpc(submission.status());
  // Whoever retries it, it stays in its project: an operator's retry is not everybody's.
  core::Author author = AuthorOf(*roles);
  author.project = core::ProjectOf(*submission);
  SetAuthor(author, &*submission);
  if (const absl::Status offered = CheckOffers(*submission, secrets); !offered.ok())
    return rpc::ToGrpc(offered);
  const StopWhenCancelled cancelled(context);
  const auto submitted =
      engine_.Submit(*submission, request->idempotency_key(), secrets, Submitter::kClient, cancelled.token());
  if (!submitted.ok()) return rpc::ToGrpc(submitted.status());
  response->set_build_id(submitted->build);
  response->set_existing(submitted->existing);
  return grpc::Status::OK;
}

grpc::Status BuildsService::ListLogLines(grpc::ServerContext* context, const v1::ListLogLinesRequest* request,
                                         v1::ListLogLinesResponse* response) {
  const absl::Status allowed = AdmitConsole(*context, request->execution());
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  // Asked before reading: what was written before the end is then read.
  const auto running = engine_.reader().IsRunning(request->execution());
  if (!running.ok()) return rpc::ToGrpc(running.status());
  auto lines = lines_.List(*request);
  if (!lines.ok()) return rpc::ToGrpc(lines.status());
  *response = *std::move(lines);
  response->set_running(*running);
  return grpc::Status::OK;
}

// Both calls own themselves.

grpc::ServerWriteReactor<v1::WatchBuildResponse>* BuildsService::WatchBuild(
    grpc::CallbackServerContext* context, const v1::WatchBuildRequest* request) {
  const absl::StatusOr<int64_t> build = AdmitReader(*context, request->build_id());
  v1::WatchBuildRequest seen = *request;
  if (build.ok()) seen.set_build_id(*build);
  return std::make_shared<WatchBuildCall>(pool_, engine_, seen)->Start(build.status());
}

grpc::ServerWriteReactor<v1::ReadLogResponse>* BuildsService::ReadLog(grpc::CallbackServerContext* context,
                                                                      const v1::ReadLogRequest* request) {
  return std::make_shared<ReadLogCall>(pool_, engine_, logs_, *request)
      ->Start(AdmitConsole(*context, request->execution()));
}

grpc::Status BuildsService::ShareBuild(grpc::ServerContext* context, const v1::ShareBuildRequest* request,
                                       v1::ShareBuildResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_SUBMIT);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  const absl::StatusOr<int64_t> own = FindOwnBuild(engine_.reader(), *roles, request->build_id());
  if (!own.ok()) return rpc::ToGrpc(own.status());
  const absl::StatusOr<bool> changed =
      request->undo() ? shares_.Unshare(*own) : shares_.Share(*own, OwnerOf(*roles), UnixNanos(clock_.Now()));
  if (!changed.ok()) return rpc::ToGrpc(changed.status());
  response->set_changed(*changed);
  return grpc::Status::OK;
}

grpc::Status BuildsService::GetBuild(grpc::ServerContext* context, const v1::GetBuildRequest* request,
                                     v1::BuildView* response) {
  const absl::StatusOr<int64_t> build = AdmitReader(*context, request->build_id());
  if (!build.ok()) return rpc::ToGrpc(build.status());
  auto view = engine_.reader().Get(*build);
  if (!view.ok()) return rpc::ToGrpc(view.status());
  *response = *std::move(view);
  const auto shared = engine_.reader().walls().IsShared(response->id());
  if (!shared.ok()) return rpc::ToGrpc(shared.status());
  response->set_shared(*shared);
  if (!IsFinished(response->status())) {
    const auto waits = engine_.reader().Waits(response->id());
    if (!waits.ok()) return rpc::ToGrpc(waits.status());
    for (const std::string& wait : *waits) response->add_waits(ValidUtf8(wait));
  }
  return grpc::Status::OK;
}

grpc::Status BuildsService::ListBuilds(grpc::ServerContext* context, const v1::ListBuildsRequest* request,
                                       v1::ListBuildsResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_READ);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  const int size = request->page_size() <= 0 ? kDefaultPage : std::min(request->page_size(), kMaxPage);
  int64_t before = 0;
  const std::string& token = request->page_token();
  const auto parsed = std::from_chars(token.data(), token.data() + token.size(), before);
  if (!token.empty() &&
      (parsed.ec != std::errc() || parsed.ptr != token.data() + token.size() || before < 1)) {
    return rpc::ToGrpc(absl::InvalidArgumentError("page_token is not one that ListBuilds gave"));
  }
  const int64_t now = UnixNanos(clock_.Now());
  const auto filter = filter::ParseFilter(request->filter(), now);
  if (!filter.ok()) return rpc::ToGrpc(filter.status());
  auto page = engine_.reader().List(ScopeOf(*roles), *filter, before, size, now);
  if (!page.ok()) return rpc::ToGrpc(page.status());
  for (v1::BuildView& view : page->builds) *response->add_builds() = std::move(view);
  if (page->next > 0) response->set_next_page_token(std::to_string(page->next));
  return grpc::Status::OK;
}

grpc::Status BuildsService::CancelBuild(grpc::ServerContext* context, const v1::CancelBuildRequest* request,
                                        v1::CancelBuildResponse*) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_SUBMIT);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  const absl::StatusOr<int64_t> own = FindOwnBuild(engine_.reader(), *roles, request->build_id());
  if (!own.ok()) return rpc::ToGrpc(own.status());
  return rpc::ToGrpc(engine_.Cancel(request->build_id(), request->timed_out()));
}

grpc::Status BuildsService::ListFetches(grpc::ServerContext* context, const v1::ListFetchesRequest* request,
                                        v1::ListFetchesResponse* response) {
  const absl::StatusOr<int64_t> build = AdmitReader(*context, request->build_id());
  if (!build.ok()) return rpc::ToGrpc(build.status());
  const auto from = ParseFetchPosition(request->page_token());
  if (!from.ok()) return rpc::ToGrpc(from.status());
  const auto steps = engine_.reader().Steps(*build);
  if (!steps.ok()) return rpc::ToGrpc(steps.status());
  absl::Status status;
  if (request->page_token().empty()) status = AddFetchHosts(engine_.reader(), *steps, response);
  if (status.ok() && !request->hosts_only()) status = AddFetches(engine_.reader(), *steps, *from, response);
  return rpc::ToGrpc(status);
}

grpc::Status BuildsService::ListPackages(grpc::ServerContext* context, const v1::ListPackagesRequest* request,
                                         v1::ListPackagesResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_READ);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  const core::Scope scope = ScopeOf(*roles);
  FarmReader& reader = engine_.reader();
  const absl::StatusOr<int64_t> build = reader.walls().FindReadable(scope, request->build_id());
  if (!build.ok()) return rpc::ToGrpc(build.status());
  // Both parts of the answer are of one build, also when a newer one comes meanwhile.
  const auto view = reader.Get(*build);
  if (!view.ok()) return rpc::ToGrpc(view.status());
  auto packages = reader.Packages(view->id());
  if (!packages.ok()) return rpc::ToGrpc(packages.status());
  for (LocatedPackage& package : *packages) {
    v1::PackageRow& row = *response->add_rows();
    *row.mutable_platform() = std::move(package.platform);
    row.set_stage(package.stage);
    row.set_stage_name(std::move(package.stage_name));
    row.set_step_number(package.step_number);
    row.set_execution(package.execution);
    auto other =
        reader.package_queries().FindOtherWay(package.outcome, FormatPlatform(row.platform()), scope);
    if (!other.ok()) return rpc::ToGrpc(other.status());
    if (*other) *row.mutable_other_way() = **std::move(other);
    if (package.outcome.remedy_lines_size() > 0)
      *row.mutable_remedy_place() = std::move(package.remedy_place);
    *row.mutable_package() = std::move(package.outcome);
  }
  auto comparison = reader.ComparePackages(view->id());
  if (!comparison.ok()) return rpc::ToGrpc(comparison.status());
  for (v1::EarlierBuild& earlier : comparison->earlier) *response->add_earlier() = std::move(earlier);
  for (v1::PackageChange& change : comparison->changes) *response->add_changes() = std::move(change);
  return grpc::Status::OK;
}

grpc::Status BuildsService::GetSubmission(grpc::ServerContext* context,
                                          const v1::GetSubmissionRequest* request,
                                          v1::BuildSubmission* response) {
  const absl::StatusOr<int64_t> build = AdmitReader(*context, request->build_id());
  if (!build.ok()) return rpc::ToGrpc(build.status());
  auto submission = engine_.reader().Submission(*build);
  if (!submission.ok()) return rpc::ToGrpc(submission.status());
  *response = *std::move(submission);
  return grpc::Status::OK;
}

grpc::Status BuildsService::Attach(grpc::ServerContext* context,
                                   grpc::ServerReaderWriter<v1::AttachResponse, v1::AttachRequest>* stream) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_SUBMIT);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  v1::AttachRequest request;
  if (!stream->Read(&request)) return grpc::Status::OK;
  const AtScopeEnd wipe([&request] { WipeValues(request.mutable_secrets()); });
  const WipedSecrets<v1::Secret> secrets(request.secrets().begin(), request.secrets().end());
  const absl::StatusOr<int64_t> own = FindOwnBuild(engine_.reader(), *roles, request.build_id());
  if (!own.ok()) return rpc::ToGrpc(own.status());
  const auto client = engine_.Attach(
      request.build_id(), secrets, std::set<std::string>(request.ssh_ids().begin(), request.ssh_ids().end()));
  if (!client.ok()) return rpc::ToGrpc(client.status());
  {
    const std::jthread writer([&client, stream, context] {
      bool over = false;
      while (!over) {
        std::optional<AgentFrame> frame = (*client)->Next(kPatience, &over);
        if (!frame) continue;
        v1::AttachResponse response;
        response.set_channel(frame->channel);
        response.set_ssh_id(std::move(frame->ssh_id));
        response.set_data(std::move(frame->data));
        response.set_end(frame->end);
        if (!stream->Write(response)) break;
      }
      // The build has ended, or the client went away: nothing else would wake the reader below.
      context->TryCancel();
    });
    while (stream->Read(&request)) {
      (*client)->Deliver(
          {.channel = request.channel(), .data = std::move(*request.mutable_data()), .end = request.end()});
    }
    engine_.Detach(*client);
  }
  return grpc::Status::OK;
}

}  // namespace crossmill::coordinator
