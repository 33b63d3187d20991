// Results to a BuildKit client over its session: an archive as a stream of bytes (moby.filesync.v1.FileSend),
// blobs of an image into a store of the client (containerd.services.content.v1.Content).
#pragma once

#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "coordinator/buildkit/session/client_session.h"

namespace grpc {
class ClientContext;
}

namespace crossmill::coordinator::buildkit {

inline constexpr std::string_view kFileSendMethod = "/moby.filesync.v1.FileSend/DiffCopy";
// Clients take messages of four megabytes.
inline constexpr size_t kMostMessageBytes = 1 << 20;

// Which of the client's exporters a stream is for.
void AddExporter(grpc::ClientContext& context, int index);

// INVALID_ARGUMENT for a value that no header can hold (gRPC would end the process): `name` is in the
// message.
absl::Status CheckHeaderValue(std::string_view name, std::string_view value);

// One archive. Not thread safe. What was written and is not read yet waits in gRPC, which holds a message or
// two: a client that does not read holds up who writes, until it ends or `stop`.
class ClientArchive {
 public:
  // `metadata`: told to the client before the bytes. FAILED_PRECONDITION: the client takes no files.
  static absl::StatusOr<std::unique_ptr<ClientArchive>> Open(
      ClientSession& session, int exporter, const std::map<std::string, std::string>& metadata,
      std::stop_token stop);
  virtual ~ClientArchive() = default;

  // Errors are the client's. After any error there is nothing more to write: Finish says what it was.
  virtual absl::Status Write(std::string_view bytes) = 0;
  // Returns when the client has the whole archive. OK also if it had it already.
  virtual absl::Status Finish() = 0;
};

// Writes the blob to the client's store "export", unless it is there.
absl::Status WriteClientBlob(ClientSession& session, BlobStore& blobs, const Digest& blob,
                             std::stop_token stop);

}  // namespace crossmill::coordinator::buildkit
