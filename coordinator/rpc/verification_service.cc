#include "coordinator/rpc/verification_service.h"

#include <chrono>
#include <utility>

#include "common/base/status.h"
#include "common/base/wiping.h"
#include "common/rpc/status_proto.h"
#include "coordinator/rpc/peers/ownership.h"
#include "coordinator/rpc/stop_when_cancelled.h"

namespace crossmill::coordinator {
namespace {

constexpr int kMostCompared = 2;
constexpr auto kLongestComparison = std::chrono::minutes(10);

}  // namespace

grpc::Status VerificationService::VerifyBuild(grpc::ServerContext* context,
                                              const v1::VerifyBuildRequest* request,
                                              v1::SubmitBuildResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_SUBMIT);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  // The message is gRPC's, made for this call and dropped after it; const only in the generated interface.
  auto* wiped = const_cast<v1::VerifyBuildRequest*>(request)->mutable_secrets();
  const AtScopeEnd wipe([wiped] { WipeValues(wiped); });
  const WipedSecrets<v1::Secret> secrets(wiped->begin(), wiped->end());
  RebuildWish wish;
  wish.hosts = request->hosts();
  wish.allow_same_host = request->allow_same_host();
  if (request->has_vary()) wish.vary = request->vary();
  wish.owner = OwnerOf(*roles);
  const auto submitted =
      rebuilds_.Submit(request->build_id(), wish, request->idempotency_key(), secrets, ScopeOf(*roles));
  if (!submitted.ok()) return rpc::ToGrpc(submitted.status());
  response->set_build_id(submitted->build);
  response->set_existing(submitted->existing);
  return grpc::Status::OK;
}

grpc::Status VerificationService::ReverifyBuilds(grpc::ServerContext* context,
                                                 const v1::ReverifyBuildsRequest* request,
                                                 v1::ReverifyBuildsResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_SUBMIT);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  auto submitted = reverification_.Submit(absl::Seconds(request->older_than()), request->max(),
                                          request->dry_run(), ScopeOf(*roles));
  if (!submitted.ok()) return rpc::ToGrpc(submitted.status());
  *response = *std::move(submitted);
  return grpc::Status::OK;
}

grpc::Status VerificationService::ListHistory(grpc::ServerContext* context,
                                              const v1::BuildHistoryRequest* request,
                                              v1::BuildHistoryResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_READ);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  auto answer = history_.List(ScopeOf(*roles), *request);
  if (!answer.ok()) return rpc::ToGrpc(answer.status());
  *response = *std::move(answer);
  return grpc::Status::OK;
}

grpc::Status VerificationService::CompareBuilds(grpc::ServerContext* context,
                                                const v1::CompareBuildsRequest* request,
                                                grpc::ServerWriter<v1::CompareBuildsResponse>* writer) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_READ);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  const AtScopeEnd over([this] { --comparing_; });
  if (++comparing_ > kMostCompared) {
    return rpc::ToGrpc(absl::ResourceExhaustedError(
        fmt::format("{} comparisons are being made; ask again when one is done", kMostCompared)));
  }
  const StopWhenCancelled stop(context, kLongestComparison);
  const absl::Status compared =
      pairs_.Compare(ScopeOf(*roles), *request, stop.token(),
                     [writer](const v1::CompareBuildsResponse& platform) { writer->Write(platform); });
  if (absl::IsCancelled(compared) && !context->IsCancelled())
    return rpc::ToGrpc(absl::DeadlineExceededError("the comparison took longer than ten minutes"));
  return rpc::ToGrpc(compared);
}

}  // namespace crossmill::coordinator
