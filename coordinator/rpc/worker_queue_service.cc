#include "coordinator/rpc/worker_queue_service.h"

#include <deque>
#include <thread>

#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/rpc/status_proto.h"
#include "coordinator/rpc/forward_call.h"

namespace crossmill::coordinator {
namespace {

using Stream = grpc::ServerReaderWriter<v1::SynchronizeResponse, v1::SynchronizeRequest>;

// Messages to one worker: queued by the engine, written by a thread of the stream's own, so that a slow
// worker never holds the engine up.
class StreamLink final : public WorkerLink {
 public:
  explicit StreamLink(Stream* stream) : stream_(stream), writer_([this] { Write(); }) {}

  void Send(const v1::SynchronizeResponse& message) override {
    MutexLock lock(mutex_);
    if (closed_) return;
    queue_.emplace_back(message);
    wake_.NotifyOne();
  }

  // No write happens after it returns.
  void Close() {
    {
      MutexLock lock(mutex_);
      closed_ = true;
      wake_.NotifyAll();
    }
    if (writer_.joinable()) writer_.join();
  }

 private:
  void Write() {
    while (true) {
      WorkerMessage message;
      {
        MutexLock lock(mutex_);
        while (queue_.empty() && !closed_) wake_.Wait(mutex_);
        if (closed_) return;
        message = std::move(queue_.front());
        queue_.pop_front();
      }
      if (!stream_->Write(message.content)) return;
    }
  }

  Stream* stream_;
  Mutex mutex_;
  CondVar wake_;
  std::deque<WorkerMessage> queue_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread writer_;
};

absl::Status CheckName(const std::string& first, const std::string& now) {
  if (now == first) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("this stream is worker '{}'; it cannot become '{}': a worker's name is that of its first "
                  "message",
                  first, now));
}

}  // namespace

grpc::Status WorkerQueueService::Synchronize(grpc::ServerContext* context, Stream* stream) {
  const absl::Status allowed = authenticator_.RequireRole(*context, Role::kWorker);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  v1::SynchronizeRequest request;
  if (!stream->Read(&request)) return grpc::Status::OK;
  if (!request.has_state() || request.state().info().name().empty()) {
    return rpc::ToGrpc(
        absl::InvalidArgumentError("the first message of a worker must be its state, with a name"));
  }
  // Fixed by the first message: with another name this stream could take another worker's leases, and end
  // them.
  const std::string name = request.state().info().name();
  auto link = std::make_shared<StreamLink>(stream);
  absl::Status refused;
  do {
    if (request.has_load()) engine_.WorkerHeartbeat(name, &request.load());
    switch (request.message_case()) {
      case v1::SynchronizeRequest::kState:
        refused = CheckName(name, request.state().info().name());
        if (!refused.ok()) break;
        engine_.WorkerState(link, request.state());
        break;
      case v1::SynchronizeRequest::kReport:
        engine_.WorkerReport(name, std::move(*request.mutable_report()));
        break;
      case v1::SynchronizeRequest::kHeartbeat:
      case v1::SynchronizeRequest::MESSAGE_NOT_SET:
        engine_.WorkerHeartbeat(name);
        break;
    }
  } while (refused.ok() && stream->Read(&request));
  engine_.WorkerGone(name, link);
  link->Close();
  return rpc::ToGrpc(refused);
}

grpc::ServerBidiReactor<v1::ForwardFrame, v1::ForwardFrame>* WorkerQueueService::Forward(
    grpc::CallbackServerContext* context) {
  // Deletes itself.
  return new ForwardCall(engine_, authenticator_.RequireRole(*context, Role::kWorker));
}

}  // namespace crossmill::coordinator
