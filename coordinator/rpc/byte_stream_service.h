// google.bytestream.ByteStream over a BlobStore: large blobs in both directions, raw or as zstd, with
// resumable raw uploads. Resource names: common/rpc/resource_names.h.
#pragma once

#include <stop_token>
#include <thread>

#include "common/base/blob_store.h"
#include "common/base/clock.h"
#include "common/rpc/resource_names.h"
#include "coordinator/rpc/authenticator.h"
#include "coordinator/rpc/upload_sessions.h"
#include "google/bytestream/bytestream_service.grpc.pb.h"

namespace crossmill::coordinator {

// Thread safe.
class ByteStreamService final : public google::bytestream::ByteStream::Service {
 public:
  // `of_clients` as in CasService.
  ByteStreamService(BlobStore& blobs, const Authenticator& authenticator, Clock& clock,
                    BlobStore* of_clients = nullptr, const UploadLimits& limits = {})
      : blobs_(blobs),
        of_clients_(of_clients == nullptr ? blobs : *of_clients),
        authenticator_(authenticator),
        sessions_(clock, limits) {}

  // NOT_FOUND; OUT_OF_RANGE for an offset outside the blob; INVALID_ARGUMENT for a limit on zstd data.
  grpc::Status Read(grpc::ServerContext* context, const google::bytestream::ReadRequest* request,
                    grpc::ServerWriter<google::bytestream::ReadResponse>* writer) override;
  // Ends at once when the store has the blob, with committed_size its size (-1 for zstd). A stream that ends
  // without finish_write, or breaks, can be continued at the size that QueryWriteStatus tells; OUT_OF_RANGE
  // for any other offset than that and 0. INVALID_ARGUMENT when the bytes do not have the digest, or a
  // message holds too much. RESOURCE_EXHAUSTED: the client has too many streams, or there is no room.
  // CANCELLED: nothing was sent for too long.
  grpc::Status Write(grpc::ServerContext* context,
                     grpc::ServerReader<google::bytestream::WriteRequest>* reader,
                     google::bytestream::WriteResponse* response) override;
  grpc::Status QueryWriteStatus(grpc::ServerContext* context,
                                const google::bytestream::QueryWriteStatusRequest* request,
                                google::bytestream::QueryWriteStatusResponse* response) override;

 private:
  using Reader = grpc::ServerReader<google::bytestream::WriteRequest>;

  // One call of Write.
  struct Incoming;

  absl::StatusOr<int64_t> WriteRaw(const rpc::ResourceName& name, Incoming& incoming);
  absl::StatusOr<int64_t> WriteZstd(const rpc::ResourceName& name, Incoming& incoming);
  // Appends the stream's messages to the upload. True when the client said that it was finished.
  absl::StatusOr<bool> Receive(const rpc::ResourceName& name, Incoming& incoming,
                               UploadSessions::Upload& upload);
  void SweepNowAndThen(const std::stop_token& stop);

  BlobStore& blobs_;
  BlobStore& of_clients_;
  const Authenticator& authenticator_;
  UploadSessions sessions_;
  // Last: it uses the sessions.
  std::jthread sweeper_{[this](const std::stop_token& stop) { SweepNowAndThen(stop); }};
};

}  // namespace crossmill::coordinator
