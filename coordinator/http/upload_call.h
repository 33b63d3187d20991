// A call of the coordinator's own gRPC services that takes a stream and answers once. Callers authenticate as
// anybody does.
#pragma once

#include <google/protobuf/message_lite.h>
#include <grpcpp/client_context.h>

#include <memory>

#include "absl/status/status.h"
#include "coordinator/http/asio.h"
#include "coordinator/http/rpc_calls.h"

namespace crossmill::coordinator::door {

// One message is on its way at a time, so that who sends faster than the service takes waits. Used on the
// thread of its executor, but for Cancel.
class UploadCall : public std::enable_shared_from_this<UploadCall> {
 public:
  // `response` is filled in before Finish returns OK. Finish has to be awaited.
  static std::shared_ptr<UploadCall> Start(AnyStub& stub, const CallOptions& options,
                                           std::shared_ptr<google::protobuf::MessageLite> response,
                                           asio::any_io_executor executor);
  // False: the service takes nothing more; Finish says why. The message stays until it returns.
  Awaitable<bool> Write(const google::protobuf::MessageLite& message);
  // Nothing more comes; what the service says.
  Awaitable<absl::Status> Finish();
  // The service has said what it says, and takes nothing more.
  bool over() const { return over_; }
  // From any thread.
  void Cancel();

  explicit UploadCall(asio::any_io_executor executor);

 private:
  class Reactor;

  const asio::any_io_executor executor_;
  asio::steady_timer wake_;
  // Owned by itself from the start to its end.
  Reactor* reactor_ = nullptr;
  grpc::ClientContext context_;
  bool writing_ = false;
  bool taken_ = false;
  bool finishing_ = false;
  bool over_ = false;
  absl::Status status_;
};

}  // namespace crossmill::coordinator::door
