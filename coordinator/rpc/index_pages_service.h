// The IndexPages service: pages of package indexes that workers keep for each other.
#pragma once

#include "common/base/blob_store.h"
#include "common/base/clock.h"
#include "coordinator/rpc/authenticator.h"
#include "coordinator/storage/index_page_records.h"
#include "crossmill/v1/worker_service.grpc.pb.h"

namespace crossmill::coordinator {

// Thread safe. Role: worker.
class IndexPagesService final : public v1::IndexPages::Service {
 public:
  IndexPagesService(storage::IndexPageRecords& records, BlobStore& blobs, Clock& clock,
                    const Authenticator& authenticator)
      : records_(records), blobs_(blobs), clock_(clock), authenticator_(authenticator) {}

  grpc::Status Load(grpc::ServerContext* context, const v1::LoadIndexPageRequest* request,
                    v1::KeptIndexPage* response) override;
  // INVALID_ARGUMENT: no http or https URL.
  grpc::Status Save(grpc::ServerContext* context, const v1::KeptIndexPage* request,
                    v1::SaveIndexPageResponse* response) override;

 private:
  absl::Status LoadPage(const std::string& url, v1::KeptIndexPage* page);
  absl::Status SavePage(const v1::KeptIndexPage& page);

  storage::IndexPageRecords& records_;
  BlobStore& blobs_;
  Clock& clock_;
  const Authenticator& authenticator_;
};

}  // namespace crossmill::coordinator
