// The certificate and key with which the coordinator serves gRPC, read again while it runs: connections that
// are there stay, new ones get what was read last.
#pragma once

#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"

namespace crossmill::coordinator {

// Thread safe.
class TlsIdentity {
 public:
  struct Pair {
    std::string certificate_chain;
    std::string key;
  };

  // FAILED_PRECONDITION for files that are no PEM, or a key that is not the certificate's.
  static absl::StatusOr<std::unique_ptr<TlsIdentity>> Load(std::string certificate_file,
                                                           std::string key_file);

  // An error leaves what was read before.
  absl::Status Reload();
  // For one server, which this has to outlive.
  std::shared_ptr<grpc::ServerCredentials> MakeCredentials();

  // What was read since this was asked last; null: nothing.
  std::unique_ptr<const Pair> TakeNews();

 private:
  TlsIdentity(std::string certificate_file, std::string key_file)
      : certificate_file_(std::move(certificate_file)), key_file_(std::move(key_file)) {}

  const std::string certificate_file_;
  const std::string key_file_;
  Mutex mutex_;
  // Not asked for yet.
  std::unique_ptr<const Pair> news_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator
