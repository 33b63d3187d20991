#include "coordinator/http/rpc_calls.h"

#include <utility>

#include "common/rpc/status_proto.h"

namespace crossmill::coordinator::door {
void PrepareContext(grpc::ClientContext& context, const CallOptions& options) {
  if (!options.authorization.empty()) context.AddMetadata("authorization", options.authorization);
  if (options.deadline.count() > 0) context.set_deadline(std::chrono::system_clock::now() + options.deadline);
}

Awaitable<absl::Status> CallOnce(AnyStub& stub, const CallOptions& options,
                                 const google::protobuf::MessageLite& request,
                                 google::protobuf::MessageLite* response,
                                 const std::function<void(std::function<void()>)>& cancel) {
  grpc::ClientContext context;
  PrepareContext(context, options);
  cancel([&context] { context.TryCancel(); });
  const auto start = [&](auto handler) {
    const auto executor = asio::get_associated_executor(handler);
    // The callback has to be copyable.
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    stub.UnaryCall(&context, options.path, grpc::StubOptions(), &request, response,
                   [executor, shared](grpc::Status status) {
                     asio::post(executor,
                                [shared, status = std::move(status)] { std::move (*shared)(status); });
                   });
  };
  const grpc::Status status =
      co_await asio::async_initiate<const asio::use_awaitable_t<>, void(grpc::Status)>(start,
                                                                                       asio::use_awaitable);
  cancel(nullptr);
  co_return rpc::FromGrpc(status);
}

// gRPC's side of a call. What it says is posted to the executor.
class StreamCall::Reactor final
    : public grpc::ClientBidiReactor<google::protobuf::MessageLite, google::protobuf::MessageLite> {
 public:
  Reactor(std::shared_ptr<StreamCall> call, std::shared_ptr<const google::protobuf::MessageLite> request,
          std::shared_ptr<google::protobuf::MessageLite> message)
      : call_(std::move(call)), request_(std::move(request)), message_(std::move(message)) {}

  void Begin() {
    // Reads are started from outside until the last one failed.
    AddHold();
    StartWriteLast(request_.get(), grpc::WriteOptions());
    StartCall();
  }
  void Read() { StartRead(message_.get()); }
  void NoMoreReads() { RemoveHold(); }

  void OnReadDone(bool ok) override {
    asio::post(call_->executor_, [call = call_, ok] {
      call->reading_ = false;
      call->has_message_ = ok;
      if (!ok) {
        call->reads_over_ = true;
        call->reactor_->NoMoreReads();
      }
      call->wake_.cancel();
    });
  }
  void OnDone(const grpc::Status& status) override {
    asio::post(call_->executor_, [call = call_, status] {
      call->over_ = true;
      call->status_ = rpc::FromGrpc(status);
      call->wake_.cancel();
    });
    delete this;
  }

 private:
  const std::shared_ptr<StreamCall> call_;
  const std::shared_ptr<const google::protobuf::MessageLite> request_;
  const std::shared_ptr<google::protobuf::MessageLite> message_;
};

StreamCall::StreamCall(asio::any_io_executor executor) : executor_(executor), wake_(executor) {}
StreamCall::~StreamCall() = default;

std::shared_ptr<StreamCall> StreamCall::Start(AnyStub& stub, const CallOptions& options,
                                              std::shared_ptr<const google::protobuf::MessageLite> request,
                                              std::shared_ptr<google::protobuf::MessageLite> message,
                                              asio::any_io_executor executor) {
  auto call = std::make_shared<StreamCall>(std::move(executor));
  PrepareContext(call->context_, options);
  call->reactor_ = new Reactor(call, std::move(request), std::move(message));
  stub.PrepareBidiStreamingCall(&call->context_, options.path, grpc::StubOptions(), call->reactor_);
  call->reactor_->Begin();
  return call;
}

Awaitable<StreamCall::Item> StreamCall::Next(std::chrono::milliseconds patience) {
  // One that came while nobody waited is still to be given.
  if (given_) has_message_ = given_ = false;
  if (!has_message_ && !reading_ && !reads_over_) {
    reading_ = true;
    reactor_->Read();
  }
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!has_message_ && !over_) {
    wake_.expires_at(until);
    (void)co_await wake_.async_wait(kAwait);
    if (!has_message_ && !over_ && std::chrono::steady_clock::now() >= until) co_return Item::kNothing;
  }
  given_ = has_message_;
  co_return has_message_ ? Item::kMessage : Item::kEnd;
}

void StreamCall::Cancel() { context_.TryCancel(); }

}  // namespace crossmill::coordinator::door
