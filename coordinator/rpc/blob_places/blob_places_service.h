// The BlobPlaces service: where a worker reads a large blob without the coordinator.
#pragma once

#include "common/base/clock.h"
#include "coordinator/bucket/bucket_blob_store.h"
#include "coordinator/rpc/authenticator.h"
#include "crossmill/v1/bucket_service.grpc.pb.h"

namespace crossmill::coordinator {

// Thread safe. Role: worker, who may read every blob anyway.
class BlobPlacesService final : public v1::BlobPlaces::Service {
 public:
  // `bucket` may be nullptr: nothing is anywhere else.
  BlobPlacesService(BucketBlobStore* bucket, Clock& clock, const Authenticator& authenticator)
      : bucket_(bucket), clock_(clock), authenticator_(authenticator) {}

  // UNIMPLEMENTED: the farm has no bucket; do not ask again.
  grpc::Status LocateBlob(grpc::ServerContext* context, const v1::LocateBlobRequest* request,
                          v1::LocateBlobResponse* response) override;

 private:
  BucketBlobStore* const bucket_;
  Clock& clock_;
  const Authenticator& authenticator_;
};

}  // namespace crossmill::coordinator
