#include "coordinator/rpc/forward_call.h"

#include "common/base/status.h"
#include "common/base/threads.h"
#include "common/rpc/status_proto.h"

namespace crossmill::coordinator {
namespace {

constexpr auto kWaitForFrame = std::chrono::seconds(5);

}  // namespace

ForwardCall::ForwardCall(Engine& engine, std::function<absl::Status(std::string_view)> may_be)
    : engine_(engine), may_be_(std::move(may_be)) {
  const absl::Status allowed = may_be_("");
  if (!allowed.ok()) {
    End(allowed);
    return;
  }
  absl::StatusOr<std::jthread> thread = StartThread([this] {
    // Assigned before it runs: OnDone joins it.
    begun_.wait(false);
    TakeToWorker();
  });
  if (!thread.ok()) {
    End(thread.status());
    return;
  }
  StartRead(&in_);
  to_worker_ = *std::move(thread);
  begun_ = true;
  begun_.notify_all();
}

void ForwardCall::OnReadDone(bool ok) {
  MutexLock lock(mutex_);
  reading_ = ok ? Reading::kThere : Reading::kEnded;
  changed_.NotifyAll();
}

void ForwardCall::OnWriteDone(bool ok) {
  MutexLock lock(mutex_);
  writing_ = ok ? Writing::kIdle : Writing::kFailed;
  changed_.NotifyAll();
}

void ForwardCall::OnCancel() {
  std::shared_ptr<AgentChannel> channel;
  {
    MutexLock lock(mutex_);
    cancelled_ = true;
    channel = channel_;
    changed_.NotifyAll();
  }
  // Whoever waits for the agent waits in vain.
  if (channel != nullptr) channel->Close();
}

void ForwardCall::OnDone() {
  OnCancel();
  if (to_worker_.joinable()) to_worker_.join();
  delete this;
}

std::optional<v1::ForwardFrame> ForwardCall::NextFrame() {
  MutexLock lock(mutex_);
  while (reading_ == Reading::kOnTheWay && !cancelled_ && !finished_) changed_.Wait(mutex_);
  if (reading_ != Reading::kThere || cancelled_ || finished_) return std::nullopt;
  std::optional<v1::ForwardFrame> frame = std::move(in_);
  in_.Clear();
  reading_ = Reading::kOnTheWay;
  StartRead(&in_);
  return frame;
}

bool ForwardCall::Write(const v1::ForwardFrame& frame) {
  MutexLock lock(mutex_);
  if (cancelled_) return false;
  writing_ = Writing::kOnTheWay;
  // Also when cancelled: gRPC reads the frame until it has answered.
  StartWrite(&frame);
  while (writing_ == Writing::kOnTheWay) changed_.Wait(mutex_);
  return writing_ == Writing::kIdle;
}

void ForwardCall::End(const absl::Status& status) {
  MutexLock lock(mutex_);
  finished_ = true;
  changed_.NotifyAll();
  Finish(rpc::ToGrpc(status));
}

std::shared_ptr<AgentChannel> ForwardCall::Open() {
  std::optional<v1::ForwardFrame> first = NextFrame();
  if (!first) {
    End(absl::InvalidArgumentError("a Forward stream begins with a frame that names lease and ssh id"));
    return nullptr;
  }
  auto opened = engine_.OpenAgent(first->lease(), first->ssh_id(), may_be_);
  if (!opened.ok()) {
    End(opened.status());
    return nullptr;
  }
  // The channel is new: it has room.
  if (!first->data().empty()) (*opened)->Send(std::move(*first->mutable_data()));
  if (first->end()) (*opened)->SendEnd();
  bool cancelled = false;
  {
    MutexLock lock(mutex_);
    channel_ = *opened;
    cancelled = cancelled_;
  }
  if (cancelled) (*opened)->Close();
  return *std::move(opened);
}

void ForwardCall::TakeToWorker() {
  const std::shared_ptr<AgentChannel> channel = Open();
  if (channel == nullptr) return;
  absl::StatusOr<std::jthread> to_agent = StartThread([this] { TakeToAgent(); });
  if (!to_agent.ok()) {
    channel->Close();
    return End(to_agent.status());
  }
  to_agent_ = *std::move(to_agent);
  bool over = false;
  while (!over) {
    const std::optional<v1::ForwardFrame> frame = channel->Receive(kWaitForFrame, &over);
    if (frame && !Write(*frame)) break;
  }
  const absl::Status why = channel->status();
  // Wakes the other thread, if it waits for room.
  channel->Close();
  End(why);
  to_agent_.join();
}

void ForwardCall::TakeToAgent() {
  std::shared_ptr<AgentChannel> channel;
  {
    MutexLock lock(mutex_);
    channel = channel_;
  }
  while (std::optional<v1::ForwardFrame> frame = NextFrame()) {
    if (!frame->data().empty() && !channel->Send(std::move(*frame->mutable_data()))) return;
    if (frame->end()) channel->SendEnd();
  }
  // Half-closing the stream says the same as a frame with `end`.
  channel->SendEnd();
}

}  // namespace crossmill::coordinator
