#include "coordinator/rpc/matrices/matrices_service.h"

#include <algorithm>

#include "common/base/status.h"
#include "common/filter/filter.h"
#include "common/rpc/status_proto.h"
#include "coordinator/matrices/matrix.h"
#include "coordinator/rpc/peers/ownership.h"
#include "coordinator/rpc/stop_when_cancelled.h"

namespace crossmill::coordinator {

grpc::Status MatricesService::SubmitMatrix(grpc::ServerContext* context,
                                           const v1::SubmitMatrixRequest* request,
                                           v1::SubmitMatrixResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_SUBMIT);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  // The message is gRPC's, made for this call and dropped after it; const only in the generated interface.
  auto* own = const_cast<v1::SubmitMatrixRequest*>(request);
  const AtScopeEnd wipe([own] { WipeValues(own->mutable_secrets()); });
  const WipedSecrets<v1::Secret> secrets(request->secrets().begin(), request->secrets().end());
  TakeSubmission(*roles, own->mutable_submission());
  const auto builds = BuildsOfMatrix(*request, static_cast<size_t>(most_));
  if (!builds.ok()) return rpc::ToGrpc(builds.status());
  const StopWhenCancelled cancelled(context);
  const auto submitted =
      engine_.SubmitAll(*builds, request->idempotency_key(), secrets, Submitter::kClient, cancelled.token());
  if (!submitted.ok()) return rpc::ToGrpc(submitted.status());
  response->set_matrix_id(submitted->build);
  for (size_t i = 0; i < builds->size(); ++i)
    response->add_build_ids(submitted->build + static_cast<int64_t>(i));
  response->set_existing(submitted->existing);
  return grpc::Status::OK;
}

absl::StatusOr<v1::BuildView> MatricesService::AnyBuild(const core::Scope& scope, int64_t matrix) {
  if (matrix <= 0) return absl::InvalidArgumentError("matrix_id: expected the number of a matrix");
  ASSIGN_OR_RETURN(const int64_t seen, engine_.reader().walls().Find(scope, matrix));
  ASSIGN_OR_RETURN(v1::BuildView view, engine_.reader().Get(seen));
  if (view.has_matrix()) return view;
  return absl::NotFoundError(fmt::format("build {} was submitted alone: there is no matrix of it", matrix));
}

grpc::Status MatricesService::GetMatrix(grpc::ServerContext* context, const v1::GetMatrixRequest* request,
                                        v1::MatrixView* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_READ);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  const core::Scope scope = ScopeOf(*roles);
  const auto any = AnyBuild(scope, request->matrix_id());
  if (!any.ok()) return rpc::ToGrpc(any.status());
  const int64_t first = any->matrix().matrix();
  const auto size = static_cast<int>(any->matrix().size());
  // The farm's own builds are in no list, and none came between those of a matrix.
  auto page = engine_.reader().List(scope, filter::Filter(), first + size, size, UnixNanos(clock_.Now()));
  if (!page.ok()) return rpc::ToGrpc(page.status());
  std::reverse(page->builds.begin(), page->builds.end());
  *response = MatrixViewOf(std::move(page->builds));
  return grpc::Status::OK;
}

grpc::Status MatricesService::CancelMatrix(grpc::ServerContext* context,
                                           const v1::CancelMatrixRequest* request,
                                           v1::CancelMatrixResponse*) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_SUBMIT);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  const auto any = AnyBuild(ScopeOf(*roles), request->matrix_id());
  if (!any.ok()) return rpc::ToGrpc(any.status());
  const int64_t first = any->matrix().matrix();
  if (const absl::Status own = CheckOwner(*roles, any->owner(), fmt::format("matrix m{}", first)); !own.ok())
    return rpc::ToGrpc(own);
  return rpc::ToGrpc(engine_.Cancel(first, request->timed_out(), any->matrix().size()));
}

}  // namespace crossmill::coordinator
