#include "coordinator/rpc/worker_stream.h"

#include <deque>
#include <optional>
#include <utility>

#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/rpc/status_proto.h"
#include "common/words/worker_labels.h"
#include "coordinator/rpc/peers/worker_names.h"

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
    EndLocked(status);
  }

  // Nothing is read from now on, until Resume.
  void Pause() {
    MutexLock lock(mutex_);
    paused_ = true;
    if (cancelled_) EndLocked(absl::CancelledError("the worker is gone"));
  }
  void Resume() {
    MutexLock lock(mutex_);
    if (!std::exchange(paused_, false) || stream_ == nullptr || end_) return;
    stream_->StartRead(&stream_->request_);
  }
  // Without a read that is on its way nothing else says that the worker is gone.
  void Cancelled() {
    MutexLock lock(mutex_);
    cancelled_ = true;
    if (paused_) EndLocked(absl::CancelledError("the worker is gone"));
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
  void EndLocked(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (end_) return;
    end_ = status;
    if (!writing_) Finish();
  }
  void Finish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { stream_->Finish(rpc::ToGrpc(*end_)); }

  Mutex mutex_;
  WorkerStream* stream_ ABSL_GUARDED_BY(mutex_);
  // The first is gRPC's while `writing_`.
  std::deque<WorkerMessage> queue_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool failed_ ABSL_GUARDED_BY(mutex_) = false;
  bool paused_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
};

WorkerStream::WorkerStream(Engine& engine, WorkerDoor door)
    : engine_(engine), door_(std::move(door)), link_(std::make_shared<Link>(this)) {
  const absl::Status allowed = door_.may_be("");
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
  // Before it is taken: there may be room again at once.
  link_->Pause();
  bool read_on = true;
  const absl::Status taken = Take(&read_on);
  if (!taken.ok()) {
    Leave(taken);
    return;
  }
  if (read_on) link_->Resume();
}

absl::Status WorkerStream::Introduce() {
  if (!request_.has_state() || request_.state().info().name().empty()) {
    return absl::InvalidArgumentError("the first message of a worker must be its state, with a name");
  }
  const std::string& name = request_.state().info().name();
  if (!IsWorkerName(name)) {
    return absl::InvalidArgumentError(
        "a worker's name is at most 100 letters, digits and . _ - @ +, the first a letter or a digit: start "
        "it "
        "with another --name");
  }
  RETURN_IF_ERROR(door_.may_be(name));
  const auto displaced = [link = std::weak_ptr<Link>(link_)] {
    const auto there = link.lock();
    if (there != nullptr) there->End(absl::AbortedError("the worker has another connection by now"));
  };
  RETURN_IF_ERROR(
      door_.connected.Claim(name, request_.state().session(), link_.get(), displaced, door_.clock.Now()));
  name_ = name;
  return absl::OkStatus();
}

absl::Status WorkerStream::CheckInfo(const v1::WorkerInfo& info) const {
  RETURN_IF_ERROR(CheckName(name_, info.name()));
  RETURN_IF_ERROR(CheckPoolName(info.pool()));
  RETURN_IF_ERROR(CheckWorkerLabels(info));
  return door_.may_be_in(name_, info.pool());
}

absl::Status WorkerStream::Take(bool* read_on) {
  if (name_.empty()) {
    RETURN_IF_ERROR(Introduce());
  } else {
    RETURN_IF_ERROR(door_.may_be(name_));
  }
  if (!door_.connected.Heard(name_, link_.get(), door_.clock.Now()))
    return absl::AbortedError("the worker has another connection by now");
  if (request_.has_load()) engine_.WorkerHeartbeat(name_, &request_.load());
  switch (request_.message_case()) {
    case v1::SynchronizeRequest::kState:
      RETURN_IF_ERROR(CheckInfo(request_.state().info()));
      engine_.WorkerState(link_, request_.state());
      break;
    case v1::SynchronizeRequest::kReport:
      *read_on = engine_.WorkerReport(name_, std::move(*request_.mutable_report()),
                                      [link = link_] { link->Resume(); });
      break;
    case v1::SynchronizeRequest::kHeartbeat:
    case v1::SynchronizeRequest::MESSAGE_NOT_SET:
      engine_.WorkerHeartbeat(name_);
      break;
  }
  return absl::OkStatus();
}

void WorkerStream::Leave(const absl::Status& status) {
  if (!name_.empty() && !std::exchange(left_, true)) {
    engine_.WorkerGone(name_, link_);
    // After that: whoever has the name next comes to the engine after this one went.
    door_.connected.Release(name_, link_.get());
  }
  link_->End(status);
}

void WorkerStream::OnWriteDone(bool ok) { link_->Written(ok); }

void WorkerStream::OnCancel() { link_->Cancelled(); }

void WorkerStream::OnDone() {
  // What ended while nothing was read.
  Leave(absl::OkStatus());
  link_->Detach();
  delete this;
}

}  // namespace crossmill::coordinator
