// The TLS of the door, ended here and not by gRPC: buildx says nothing of ALPN, which gRPC insists upon, and
// buildctl wants it answered.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "coordinator/buildkit/door/connection_callers.h"

struct ssl_ctx_st;
struct ssl_st;

namespace crossmill::coordinator::buildkit {

struct DoorTlsFiles {
  // PEM, of the coordinator itself.
  std::string certificate, key;
  // PEM; whose certificates name tokens by their common name. Empty: none.
  std::string client_authorities;
  // The farm's own authority in PEM, whose certificates name tokens by their hash. Empty: there is none.
  std::string farm_authority_pem;
};

// Thread safe.
class DoorTls {
 public:
  // FAILED_PRECONDITION: files that are no PEM, or a key that is not the certificate's, or no authority that
  // clients' certificates could be from.
  static absl::StatusOr<std::unique_ptr<DoorTls>> Load(DoorTlsFiles files);

  // For handshakes from now on; an error leaves what was read before.
  absl::Status Reload();
  // For one connection, which keeps it.
  std::shared_ptr<ssl_ctx_st> Context() const;
  // Whose certificate a connection has shown, whose handshake is over. UNAUTHENTICATED: one of the farm's
  // authority that is not for clients (a worker's), or without a name.
  absl::StatusOr<ShownCertificate> ShownBy(ssl_st* connection) const;

 private:
  explicit DoorTls(DoorTlsFiles files) : files_(std::move(files)) {}

  const DoorTlsFiles files_;
  // Of the farm's authority; empty: there is none. Constant after Load.
  std::string farm_fingerprint_;
  mutable Mutex mutex_;
  std::shared_ptr<ssl_ctx_st> context_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator::buildkit
