#include "coordinator/http/upload_call.h"

#include <utility>

#include "common/rpc/status_proto.h"

namespace crossmill::coordinator::door {

using google::protobuf::MessageLite;

// gRPC's side of a call. What it says is posted to the executor.
class UploadCall::Reactor final : public grpc::ClientBidiReactor<MessageLite, MessageLite> {
 public:
  Reactor(std::shared_ptr<UploadCall> call, std::shared_ptr<MessageLite> response)
      : call_(std::move(call)), response_(std::move(response)) {}

  void Begin() {
    // Writes are started from outside until there are no more.
    AddHold();
    StartRead(response_.get());
    StartCall();
  }
  void Send(const MessageLite& message) { StartWrite(&message); }
  void NoMoreWrites() {
    StartWritesDone();
    RemoveHold();
  }

  void OnWriteDone(bool ok) override {
    asio::post(call_->executor_, [call = call_, ok] {
      call->writing_ = false;
      call->taken_ = ok;
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
  const std::shared_ptr<UploadCall> call_;
  const std::shared_ptr<MessageLite> response_;
};

UploadCall::UploadCall(asio::any_io_executor executor) : executor_(executor), wake_(executor) {}

std::shared_ptr<UploadCall> UploadCall::Start(AnyStub& stub, const CallOptions& options,
                                              std::shared_ptr<MessageLite> response,
                                              asio::any_io_executor executor) {
  auto call = std::make_shared<UploadCall>(std::move(executor));
  PrepareContext(call->context_, options);
  call->reactor_ = new Reactor(call, std::move(response));
  stub.PrepareBidiStreamingCall(&call->context_, options.path, grpc::StubOptions(), call->reactor_);
  call->reactor_->Begin();
  return call;
}

Awaitable<bool> UploadCall::Write(const MessageLite& message) {
  writing_ = true;
  reactor_->Send(message);
  while (writing_) {
    wake_.expires_at(asio::steady_timer::time_point::max());
    (void)co_await wake_.async_wait(kAwait);
  }
  co_return taken_;
}

Awaitable<absl::Status> UploadCall::Finish() {
  if (!std::exchange(finishing_, true)) reactor_->NoMoreWrites();
  while (!over_) {
    wake_.expires_at(asio::steady_timer::time_point::max());
    (void)co_await wake_.async_wait(kAwait);
  }
  co_return status_;
}

void UploadCall::Cancel() { context_.TryCancel(); }

}  // namespace crossmill::coordinator::door
