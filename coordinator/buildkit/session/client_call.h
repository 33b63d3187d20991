// One call to a client over its session: it has a deadline, and ends with the session and with whoever waits.
#pragma once

#include <grpcpp/client_context.h>

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string_view>

#include "absl/status/status.h"
#include "common/base/stop.h"
#include "coordinator/buildkit/session/client_session.h"

namespace crossmill::coordinator::buildkit {

// Not thread safe.
class ClientCall {
 public:
  // 0: no deadline. `session` outlives it.
  ClientCall(ClientSession& session, std::chrono::milliseconds patience, std::stop_token stop);

  grpc::ClientContext& context() { return context_; }
  // Adds metadata that gRPC can send: it ends the process for anything else. INVALID_ARGUMENT: it cannot be
  // sent; `what` is for the message.
  absl::Status AddMetadata(const std::string& name, std::string_view value, std::string_view what);
  // An answer of the client as an error of ours: CANCELLED when `stop` was it, UNAVAILABLE when the client
  // has gone, else the client's own code and words.
  absl::Status StatusOf(const grpc::Status& status, std::string_view what) const;

 private:
  ClientSession& session_;
  const std::stop_token stop_;
  grpc::ClientContext context_;
  const StopOfEither either_;
  // Last: it cancels the context.
  const std::stop_callback<std::function<void()>> cancel_;
};

}  // namespace crossmill::coordinator::buildkit
