// One Forward call: a connection of a step to an ssh agent of its build's client, from the worker's end.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>

#include "common/base/mutex.h"
#include "coordinator/engine/engine.h"
#include "crossmill/v1/worker_service.grpc.pb.h"

namespace crossmill::coordinator {

// A callback call, because only such a one can end with its reason while the worker might still say
// something. Its two threads move bytes; it deletes itself when the call is done. `engine` must outlive it.
class ForwardCall final : public grpc::ServerBidiReactor<v1::ForwardFrame, v1::ForwardFrame> {
 public:
  // `may_be`: whether the caller is a worker, and may be the one of that name ("": of whatever name).
  ForwardCall(Engine& engine, std::function<absl::Status(std::string_view name)> may_be);

 private:
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  // Opens the channel that the first frame names and takes what the agent says to the worker.
  void TakeToWorker();
  // Takes what the worker says to the agent; first the rest of its first frame.
  void TakeToAgent();
  std::shared_ptr<AgentChannel> Open();
  bool Write(const v1::ForwardFrame& frame);
  // Waits for the next frame; nothing at the end.
  std::optional<v1::ForwardFrame> NextFrame();
  void End(const absl::Status& status);

  Engine& engine_;
  const std::function<absl::Status(std::string_view)> may_be_;
  // Belongs to gRPC from StartRead to OnReadDone.
  v1::ForwardFrame in_;
  Mutex mutex_;
  CondVar changed_;
  enum class Reading { kOnTheWay, kThere, kEnded };
  Reading reading_ ABSL_GUARDED_BY(mutex_) = Reading::kOnTheWay;
  enum class Writing { kIdle, kOnTheWay, kFailed };
  Writing writing_ ABSL_GUARDED_BY(mutex_) = Writing::kIdle;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<AgentChannel> channel_ ABSL_GUARDED_BY(mutex_);
  std::atomic<bool> begun_ = false;
  std::jthread to_agent_;
  std::jthread to_worker_;
};

}  // namespace crossmill::coordinator
