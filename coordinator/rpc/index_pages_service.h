// The IndexPages service: pages of package indexes that workers keep for each other.
#pragma once

#include "coordinator/forecast/recorded_pages.h"
#include "coordinator/rpc/authenticator.h"
#include "crossmill/v1/worker_service.grpc.pb.h"

namespace crossmill::coordinator {

// Thread safe. Role: worker.
class IndexPagesService final : public v1::IndexPages::Service {
 public:
  IndexPagesService(RecordedPages& pages, const Authenticator& authenticator)
      : pages_(pages), authenticator_(authenticator) {}

  grpc::Status Load(grpc::ServerContext* context, const v1::LoadIndexPageRequest* request,
                    v1::KeptIndexPage* response) override;
  // INVALID_ARGUMENT: no http or https URL.
  grpc::Status Save(grpc::ServerContext* context, const v1::KeptIndexPage* request,
                    v1::SaveIndexPageResponse* response) override;

 private:
  RecordedPages& pages_;
  const Authenticator& authenticator_;
};

}  // namespace crossmill::coordinator
