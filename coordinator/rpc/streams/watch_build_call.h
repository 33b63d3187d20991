// One WatchBuild call: what happens to a build, on its way to a client.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "coordinator/engine/engine.h"
#include "coordinator/rpc/streams/pooled_call.h"
#include "crossmill/v1/client_service.pb.h"

namespace crossmill::coordinator {

// `engine` outlives it; `request` is the call's.
class WatchBuildCall final : public PooledCall<v1::WatchBuildResponse> {
 public:
  WatchBuildCall(StreamPool& pool, Engine& engine, const v1::WatchBuildRequest& request)
      : PooledCall(pool), engine_(engine), request_(request) {}

 private:
  Next Produce(v1::WatchBuildResponse* response) override;
  void Over() override;

  Engine& engine_;
  const v1::WatchBuildRequest request_;
  std::shared_ptr<Watcher> watcher_;
  // Taken, and not told yet.
  std::optional<Watched> item_;
  bool ended_ = false;
  // Events that come until then are told together.
  std::chrono::steady_clock::time_point quiet_until_;
};

}  // namespace crossmill::coordinator
