#include "coordinator/rpc/worker_stream.h"

#include <deque>
#include <optional>
#include <utility>

#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/rpc/status_proto.h"

namespace crossmill::coordinator {
namespace {

absl::Status CheckName(const std::string& first, const std::string& now) {
  if (now == first) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("this stream is worker '{}'; it cannot become '{}': a worker's name is that of its first "
                  "message",
                  first, now));
}

}  // namespace

// Messages to the worker are queued by the engine and written one after the other, so that a slow worker
// never holds the engine up. The call is finished only between two writes.
class WorkerStream::Link final : public WorkerLink {
 public:
  explicit Link(WorkerStream* stream) : stream_(stream) {}

  void Send(const v1::SynchronizeResponse& message) override {
    MutexLock lock(mutex_);
    if (stream_ == nullptr || end_ || failed_) return;
    queue_.emplace_back(message);
    if (!writing_) WriteNext();
  }

  void Written(bool ok) {
    MutexLock lock(mutex_);
    writing_ = false;
    queue_.pop_front();
    // The connection is broken; reading will say so.
    if (!ok) failed_ = true;
    if (failed_) queue_.clear();
    if (end_) {
      Finish();
    } else if (!queue_.empty()) {
      WriteNext();
    }
  }

  // The call ends with `status`, once; what is not written yet is dropped.
  void End(const absl::Status& status) {
    MutexLock lock(mutex_);
    if (end_) return;
    end_ = status;
    if (!writing_) Finish();
  }

  // The call is done: the stream goes away.
  void Detach() {
    MutexLock lock(mutex_);
    stream_ = nullptr;
    queue_.clear();
  }

 private:
  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    writing_ = true;
    stream_->StartWrite(&queue_.front().content);
  }
  void Finish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { stream_->Finish(rpc::ToGrpc(*end_)); }

  Mutex mutex_;
  WorkerStream* stream_ ABSL_GUARDED_BY(mutex_);
  // The first is gRPC's while `writing_`.
  std::deque<WorkerMessage> queue_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool failed_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
};

WorkerStream::WorkerStream(Engine& engine, const absl::Status& allowed)
    : engine_(engine), link_(std::make_shared<Link>(this)) {
  if (allowed.ok()) {
    StartRead(&request_);
  } else {
    link_->End(allowed);
  }
}

void WorkerStream::OnReadDone(bool ok) {
  if (!ok) {
    Leave(absl::OkStatus());
    return;
  }
  const absl::Status taken = Take();
  if (!taken.ok()) {
    Leave(taken);
    return;
  }
  StartRead(&request_);
}

absl::Status WorkerStream::Take() {
  if (name_.empty()) {
    if (!request_.has_state() || request_.state().info().name().empty()) {
      return absl::InvalidArgumentError("the first message of a worker must be its state, with a name");
    }
    name_ = request_.state().info().name();
  }
  if (request_.has_load()) engine_.WorkerHeartbeat(name_, &request_.load());
  switch (request_.message_case()) {
    case v1::SynchronizeRequest::kState:
      RETURN_IF_ERROR(CheckName(name_, request_.state().info().name()));
      engine_.WorkerState(link_, request_.state());
      break;
    case v1::SynchronizeRequest::kReport:
      engine_.WorkerReport(name_, std::move(*request_.mutable_report()));
      break;
    case v1::SynchronizeRequest::kHeartbeat:
    case v1::SynchronizeRequest::MESSAGE_NOT_SET:
      engine_.WorkerHeartbeat(name_);
      break;
  }
  return absl::OkStatus();
}

void WorkerStream::Leave(const absl::Status& status) {
  if (!name_.empty()) engine_.WorkerGone(name_, link_);
  link_->End(status);
}

void WorkerStream::OnWriteDone(bool ok) { link_->Written(ok); }

void WorkerStream::OnDone() {
  link_->Detach();
  delete this;
}

}  // namespace crossmill::coordinator
