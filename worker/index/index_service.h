// The package index at a fixed port of a step's loopback: HTTP in front of the index proxy.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "worker/index/index_proxy.h"
#include "worker/network/io_threads.h"
#include "worker/network/step_server.h"
#include "worker/network/step_service.h"

namespace crossmill::worker {

struct IndexServiceOptions {
  ServerLimits limits;
  // Requests of one step that are answered at the same time; others wait. Each has a thread while it is
  // answered.
  int requests = 24;
};

// Thread safe. What it is given outlives it.
class IndexService final : public StepService {
 public:
  IndexService(IoThreads& threads, IndexProxy& proxy, IndexServiceOptions options = {})
      : threads_(threads), proxy_(proxy), options_(options) {}

  uint16_t port() const override { return kPackageIndexPort; }
  absl::StatusOr<std::unique_ptr<StepSession>> Serve(UniqueFd listener, StepUse use) override;

 private:
  IoThreads& threads_;
  IndexProxy& proxy_;
  const IndexServiceOptions options_;
};

// The record of a request to the index.
v1::Fetch FetchOf(const IndexFetch& fetch);

}  // namespace crossmill::worker
