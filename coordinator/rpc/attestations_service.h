// crossmill.v1.Attestations: the evidence of a build. Thin: BuildEvidence does the work.
#pragma once

#include "coordinator/evidence/build_evidence.h"
#include "coordinator/rpc/authenticator.h"
#include "crossmill/v1/client_service.grpc.pb.h"

namespace crossmill::coordinator {

// Thread safe.
class AttestationsService final : public v1::Attestations::Service {
 public:
  AttestationsService(BuildEvidence& evidence, const Authenticator& authenticator)
      : evidence_(evidence), authenticator_(authenticator) {}

  grpc::Status ListStatements(grpc::ServerContext* context, const v1::ListStatementsRequest* request,
                              grpc::ServerWriter<v1::EvidenceFile>* writer) override;

 private:
  BuildEvidence& evidence_;
  const Authenticator& authenticator_;
};

}  // namespace crossmill::coordinator
