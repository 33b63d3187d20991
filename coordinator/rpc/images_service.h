// The Images service: the farm's image store for clients.
#pragma once

#include <string>
#include <vector>

#include "coordinator/core/standing/scope.h"
#include "coordinator/evidence/build_evidence.h"
#include "coordinator/images/image_store.h"
#include "coordinator/rpc/authenticator.h"
#include "crossmill/v1/client_service.grpc.pb.h"

namespace crossmill::coordinator {

// Thread safe.
class ImagesService final : public v1::Images::Service {
 public:
  // `evidence`: of images that this farm built; null: there is none to push with them.
  ImagesService(ImageStore& images, const Authenticator& authenticator, BuildEvidence* evidence = nullptr)
      : images_(images), authenticator_(authenticator), evidence_(evidence) {}

  grpc::Status ImportImage(grpc::ServerContext* context, const v1::ImportImageRequest* request,
                           v1::ImageView* response) override;
  grpc::Status ListImages(grpc::ServerContext* context, const v1::ListImagesRequest* request,
                          v1::ListImagesResponse* response) override;
  // Ends when the client goes away.
  grpc::Status PullImage(grpc::ServerContext* context, const v1::PullImageRequest* request,
                         grpc::ServerWriter<v1::PullProgress>* writer) override;
  grpc::Status RemoveImage(grpc::ServerContext* context, const v1::RemoveImageRequest* request,
                           v1::RemoveImageResponse* response) override;
  // Ends when the client goes away.
  grpc::Status PushImage(grpc::ServerContext* context, const v1::PushImageRequest* request,
                         grpc::ServerWriter<v1::PushProgress>* writer) override;
  grpc::Status GetImage(grpc::ServerContext* context, const v1::GetImageRequest* request,
                        v1::GetImageResponse* response) override;
  // Ends when the client goes away.
  grpc::Status ReadStatements(grpc::ServerContext* context, const v1::ReadStatementsRequest* request,
                              v1::ReadStatementsResponse* response) override;

 private:
  absl::StatusOr<std::vector<EvidencePiece>> EvidenceOf(const core::Scope& scope, const std::string& name);

  ImageStore& images_;
  const Authenticator& authenticator_;
  BuildEvidence* const evidence_;
};

}  // namespace crossmill::coordinator
