// The recording forward proxy: HTTP requests with whole URLs, and CONNECT. It resolves names on this machine,
// checks the addresses, connects to the very address that it checked, and notes every fetch in the step's
// log.
//
// Bytes pass through as they come, in both directions at the same time; a connection holds two bounded
// buffers, however large a body is.
#pragma once

#include <chrono>
#include <functional>
#include <vector>

#include "common/base/clock.h"
#include "worker/network/io_threads.h"
#include "worker/network/name_resolver.h"
#include "worker/network/network_settings.h"
#include "worker/network/step_server.h"
#include "worker/network/step_service.h"

namespace crossmill::worker {

struct ForwardProxyOptions {
  NetworkSettings settings;
  ServerLimits limits;
  // For all addresses of a host together.
  std::chrono::milliseconds connect_time = std::chrono::seconds(30);
  // Connections to origins that a step keeps for its next requests.
  size_t idle_connections = 16;
  // This machine's addresses.
  std::function<std::vector<IpAddress>()> own_addresses;
};

// Thread safe. What it is given outlives it.
class ForwardProxy final : public StepService {
 public:
  ForwardProxy(IoThreads& threads, NameResolver& resolver, Clock& clock, ForwardProxyOptions options)
      : threads_(threads), resolver_(resolver), clock_(clock), options_(std::move(options)) {}

  uint16_t port() const override { return kForwardProxyPort; }
  absl::StatusOr<std::unique_ptr<StepSession>> Serve(UniqueFd listener, StepUse use) override;

 private:
  IoThreads& threads_;
  NameResolver& resolver_;
  Clock& clock_;
  const ForwardProxyOptions options_;
};

// Of all interfaces of this process's network namespace. Thread safe; looked up again after some seconds.
std::vector<IpAddress> OwnAddresses();

}  // namespace crossmill::worker
