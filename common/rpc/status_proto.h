// Errors on the wire: absl::Status to and from gRPC's status and google.rpc.Status. Codes are the
// same numbers in all three.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "google/rpc/status.pb.h"

namespace crossmill::rpc {

// The message travels in an HTTP/2 trailer: what is beyond 4 KiB is cut, and the cut is shown.
grpc::Status ToGrpc(const absl::Status& status);
absl::Status FromGrpc(const grpc::Status& status);

// As reported per blob by the batch calls of the Remote Execution API.
void StatusToProto(const absl::Status& status, google::rpc::Status* message);
absl::Status StatusFromProto(const google::rpc::Status& message);

}  // namespace crossmill::rpc
