#include "coordinator/rpc/worker_queue_service.h"

#include <deque>
#include <thread>

#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/rpc/status_proto.h"

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
    queue_.push_back(message);
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
      v1::SynchronizeResponse message;
      {
        MutexLock lock(mutex_);
        while (queue_.empty() && !closed_) wake_.Wait(mutex_);
        if (closed_) return;
        message = std::move(queue_.front());
        queue_.pop_front();
      }
      const bool written = stream_->Write(message);
      for (v1::DesiredLease& lease : *message.mutable_leases()) {
        for (v1::Secret& secret : *lease.mutable_secrets()) Wipe(&secret);
      }
      if (!written) return;
    }
  }

  Stream* stream_;
  Mutex mutex_;
  CondVar wake_;
  std::deque<v1::SynchronizeResponse> queue_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread writer_;
};

constexpr auto kPatience = std::chrono::milliseconds(200);
// How long a worker may take to close a connection whose other end is gone.
constexpr auto kFarewell = std::chrono::seconds(5);

// The way of one connection to the worker, on a thread of its own.
class ForwardWriter {
 public:
  ForwardWriter(grpc::ServerContext* context, grpc::ServerReaderWriter<v1::ForwardFrame, v1::ForwardFrame>* stream,
                AgentChannel& channel)
      : context_(context), stream_(stream), channel_(channel), thread_([this] { Run(); }) {}
  // The reader has come to its end.
  ~ForwardWriter() {
    MutexLock lock(mutex_);
    read_ = true;
    wake_.NotifyAll();
  }

 private:
  void Run() {
    bool over = false;
    while (!over && !context_->IsCancelled()) {
      const std::optional<v1::ForwardFrame> frame = channel_.Receive(kPatience, &over);
      if (!frame) continue;
      if (!stream_->Write(*frame) || frame->end()) break;
    }
    // A broken stream: whoever waits to send something to the agent waits in vain.
    if (context_->IsCancelled()) channel_.Close();
    if (channel_.status().ok()) return;
    // The status can be sent only once the worker says nothing more: it is told that there will be no answer.
    v1::ForwardFrame end;
    end.set_end(true);
    stream_->Write(end);
    const auto deadline = std::chrono::steady_clock::now() + kFarewell;
    MutexLock lock(mutex_);
    while (!read_ && std::chrono::steady_clock::now() < deadline) wake_.WaitFor(mutex_, kPatience);
    if (!read_) context_->TryCancel();
  }

  grpc::ServerContext* context_;
  grpc::ServerReaderWriter<v1::ForwardFrame, v1::ForwardFrame>* stream_;
  AgentChannel& channel_;
  Mutex mutex_;
  CondVar wake_;
  bool read_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

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
  const std::string name = request.state().info().name();
  auto link = std::make_shared<StreamLink>(stream);
  do {
    switch (request.message_case()) {
      case v1::SynchronizeRequest::kState:
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
  } while (stream->Read(&request));
  engine_.WorkerGone(name, link);
  link->Close();
  return grpc::Status::OK;
}

grpc::Status WorkerQueueService::Forward(grpc::ServerContext* context,
                                         grpc::ServerReaderWriter<v1::ForwardFrame, v1::ForwardFrame>* stream) {
  const absl::Status allowed = authenticator_.RequireRole(*context, Role::kWorker);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  v1::ForwardFrame frame;
  if (!stream->Read(&frame)) return grpc::Status::OK;
  const auto opened = engine_.OpenAgent(frame.lease(), frame.ssh_id());
  if (!opened.ok()) return rpc::ToGrpc(opened.status());
  AgentChannel& channel = **opened;
  {
    const ForwardWriter writer(context, stream, channel);
    bool ended = false;
    do {
      if (!frame.data().empty() && !channel.Send(std::move(*frame.mutable_data()))) break;
      ended = frame.end();
    } while (!ended && stream->Read(&frame));
    // Half-closing the stream says the same as a frame with `end`; the writer notices a stream that broke.
    channel.SendEnd();
  }
  const absl::Status why = channel.status();
  channel.Close();
  return rpc::ToGrpc(why);
}

}  // namespace crossmill::coordinator
