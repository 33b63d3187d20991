// crossmill.v1.Verification: recorded builds built again or beside each other, and recipes over time. Thin:
// others do the work.
#pragma once

#include <atomic>

#include "coordinator/rpc/authenticator.h"
#include "coordinator/verification/build_pairs.h"
#include "coordinator/verification/rebuilds.h"
#include "coordinator/verification/recipe_history.h"
#include "coordinator/verification/reverification.h"
#include "crossmill/v1/client_service.grpc.pb.h"

namespace crossmill::coordinator {

// Thread safe. Comparisons work on the threads of their calls; at most two at a time, each at
// most ten minutes.
class VerificationService final : public v1::Verification::Service {
 public:
  VerificationService(Rebuilds& rebuilds, Reverification& reverification, RecipeHistory& history,
                      BuildPairs& pairs, const Authenticator& authenticator)
      : rebuilds_(rebuilds),
        reverification_(reverification),
        history_(history),
        pairs_(pairs),
        authenticator_(authenticator) {}

  grpc::Status VerifyBuild(grpc::ServerContext* context, const v1::VerifyBuildRequest* request,
                           v1::SubmitBuildResponse* response) override;
  grpc::Status ReverifyBuilds(grpc::ServerContext* context, const v1::ReverifyBuildsRequest* request,
                              v1::ReverifyBuildsResponse* response) override;
  grpc::Status ListHistory(grpc::ServerContext* context, const v1::BuildHistoryRequest* request,
                           v1::BuildHistoryResponse* response) override;
  grpc::Status CompareBuilds(grpc::ServerContext* context, const v1::CompareBuildsRequest* request,
                             grpc::ServerWriter<v1::CompareBuildsResponse>* writer) override;

 private:
  Rebuilds& rebuilds_;
  Reverification& reverification_;
  RecipeHistory& history_;
  BuildPairs& pairs_;
  const Authenticator& authenticator_;
  std::atomic<int> comparing_ = 0;
};

}  // namespace crossmill::coordinator
