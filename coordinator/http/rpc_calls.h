// Calls of the coordinator's own gRPC services out of coroutines. Callers authenticate as anybody does.
#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "coordinator/http/asio.h"

namespace crossmill::coordinator::door {

using AnyStub = grpc::TemplatedGenericStub<google::protobuf::MessageLite, google::protobuf::MessageLite>;

// What a call needs besides its messages.
struct CallOptions {
  // "/crossmill.v1.Builds/GetBuild".
  std::string path;
  // Of the caller, as in a request: "Bearer ..."; empty: none. Printable ASCII only.
  std::string authorization;
  // 0: none.
  std::chrono::milliseconds deadline{0};
};

void PrepareContext(grpc::ClientContext& context, const CallOptions& options);

// A call with one answer. `cancel` is given what ends the call early, from any thread, and null when it is
// over. The messages stay until it returns.
Awaitable<absl::Status> CallOnce(AnyStub& stub, const CallOptions& options,
                                 const google::protobuf::MessageLite& request,
                                 google::protobuf::MessageLite* response,
                                 const std::function<void(std::function<void()>)>& cancel);

// A call whose answer is a stream. One message is read ahead of whoever takes them, no more. Used on the
// thread of its executor, but for Cancel.
class StreamCall : public std::enable_shared_from_this<StreamCall> {
 public:
  enum class Item { kMessage, kNothing, kEnd };

  // `message`: what comes is read into it. It has to be awaited to kEnd.
  static std::shared_ptr<StreamCall> Start(AnyStub& stub, const CallOptions& options,
                                           std::shared_ptr<const google::protobuf::MessageLite> request,
                                           std::shared_ptr<google::protobuf::MessageLite> message,
                                           asio::any_io_executor executor);
  // The next message, good until the next call; nothing if none comes within `patience`.
  Awaitable<Item> Next(std::chrono::milliseconds patience);
  // After kEnd.
  const absl::Status& status() const { return status_; }
  // From any thread; the end comes soon.
  void Cancel();
  ~StreamCall();

  explicit StreamCall(asio::any_io_executor executor);

 private:
  class Reactor;

  const asio::any_io_executor executor_;
  asio::steady_timer wake_;
  // Owned by itself from the start to its end.
  Reactor* reactor_ = nullptr;
  grpc::ClientContext context_;
  bool reading_ = false;
  bool has_message_ = false;
  bool given_ = false;
  bool reads_over_ = false;
  bool over_ = false;
  absl::Status status_;
};

}  // namespace crossmill::coordinator::door
