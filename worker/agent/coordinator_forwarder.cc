#include "worker/agent/coordinator_forwarder.h"

#include <grpcpp/client_context.h>

#include <algorithm>

#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/rpc/status_proto.h"
#include "crossmill/v1/worker_service.grpc.pb.h"

namespace crossmill::worker {
namespace {

class CoordinatorStream final : public ForwardStream {
 public:
  explicit CoordinatorStream(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(v1::WorkerQueue::NewStub(channel)), stream_(stub_->Forward(&context_)) {}

  ~CoordinatorStream() override {
    context_.TryCancel();
    (void)Finish();
  }

  absl::Status Begin(uint64_t lease, const std::string& ssh_id) {
    v1::ForwardFrame frame;
    frame.set_lease(lease);
    frame.set_ssh_id(ssh_id);
    return Send(frame);
  }

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    while (rest_.empty() && !ended_) {
      v1::ForwardFrame frame;
      if (!stream_->Read(&frame)) {
        RETURN_IF_ERROR(Finish());
        break;
      }
      rest_ = std::move(*frame.mutable_data());
      ended_ = frame.end();
    }
    const size_t count = std::min(size, rest_.size());
    rest_.copy(buffer, count);
    rest_.erase(0, count);
    return count;
  }

  absl::Status Write(std::string_view bytes) override {
    v1::ForwardFrame frame;
    frame.set_data(std::string(bytes));
    return Send(frame);
  }

  absl::Status CloseWrite() override {
    v1::ForwardFrame frame;
    frame.set_end(true);
    const absl::Status sent = Send(frame);
    MutexLock lock(writing_);
    if (!std::exchange(closed_, true)) stream_->WritesDone();
    return sent;
  }

  void Cancel() override { context_.TryCancel(); }

 private:
  absl::Status Send(const v1::ForwardFrame& frame) {
    MutexLock lock(writing_);
    if (!closed_ && stream_->Write(frame)) return absl::OkStatus();
    return absl::UnavailableError("the connection to the coordinator's ssh forwarding broke");
  }

  absl::Status Finish() {
    {
      MutexLock lock(writing_);
      if (!std::exchange(closed_, true)) stream_->WritesDone();
    }
    if (!finished_) {
      finished_ = true;
      end_ = rpc::FromGrpc(stream_->Finish());
    }
    return end_;
  }

  grpc::ClientContext context_;
  const std::unique_ptr<v1::WorkerQueue::Stub> stub_;
  const std::unique_ptr<grpc::ClientReaderWriter<v1::ForwardFrame, v1::ForwardFrame>> stream_;
  Mutex writing_;
  bool closed_ ABSL_GUARDED_BY(writing_) = false;
  // Of the reading thread.
  std::string rest_;
  bool ended_ = false;
  bool finished_ = false;
  absl::Status end_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ForwardStream>> CoordinatorForwarder::Open(uint64_t lease,
                                                                          const std::string& ssh_id) {
  auto stream = std::make_unique<CoordinatorStream>(channel_);
  // A refusal fails the first write or is seen by the first read, which knows the reason.
  (void)stream->Begin(lease, ssh_id);
  return stream;
}

}  // namespace crossmill::worker
