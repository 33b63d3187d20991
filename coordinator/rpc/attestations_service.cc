#include "coordinator/rpc/attestations_service.h"

#include <utility>
#include <vector>

#include "common/rpc/status_proto.h"
#include "coordinator/rpc/peers/ownership.h"

namespace crossmill::coordinator {

grpc::Status AttestationsService::ListStatements(grpc::ServerContext* context,
                                                 const v1::ListStatementsRequest* request,
                                                 grpc::ServerWriter<v1::EvidenceFile>* writer) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_READ);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  auto pieces = evidence_.Collect(ScopeOf(*roles), request->build_id());
  if (!pieces.ok()) return rpc::ToGrpc(pieces.status());
  for (EvidencePiece& piece : *pieces) {
    v1::EvidenceFile file;
    file.set_name(std::move(piece.name));
    file.set_kind(std::move(piece.kind));
    if (!piece.platform.os().empty()) *file.mutable_platform() = std::move(piece.platform);
    file.set_content(std::move(piece.content));
    file.set_subject(std::move(piece.subject));
    file.set_key_id(std::move(piece.key_id));
    file.set_key_holder(std::move(piece.key_holder));
    file.set_about(std::move(piece.about));
    if (!writer->Write(file)) break;
  }
  return grpc::Status::OK;
}

}  // namespace crossmill::coordinator
