#include "coordinator/rpc/blob_places/blob_places_service.h"

#include "common/base/status.h"
#include "common/rpc/status_proto.h"

namespace crossmill::coordinator {
namespace {

// Long enough for a large layer over a slow line to begin and to go on after a break.
constexpr absl::Duration kUrlLife = absl::Minutes(15);

}  // namespace

grpc::Status BlobPlacesService::LocateBlob(grpc::ServerContext* context, const v1::LocateBlobRequest* request,
                                           v1::LocateBlobResponse* response) {
  const absl::Status allowed = authenticator_.Require(*context, v1::ACCESS_WORKER);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  if (bucket_ == nullptr) return rpc::ToGrpc(absl::UnimplementedError("the farm has no bucket"));
  const Digest digest = FromProto(request->digest());
  if (!IsSha256Hex(digest.hash)) return rpc::ToGrpc(absl::InvalidArgumentError("this is no digest"));
  const auto url = bucket_->UrlOf(digest, kUrlLife);
  // Whatever is wrong with the bucket: the coordinator is asked for the blob, and says so if it matters.
  if (!url.ok()) return grpc::Status::OK;
  response->set_url(*url);
  response->set_expires(UnixNanos(clock_.Now() + kUrlLife));
  return grpc::Status::OK;
}

}  // namespace crossmill::coordinator
