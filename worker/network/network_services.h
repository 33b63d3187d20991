// Everything about the networks of a worker's steps, put together.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "worker/network/network_settings.h"
#include "worker/network/step_networks.h"

namespace crossmill::worker {

class ForwardProxy;
class IoThreads;
class SystemResolver;

// Thread safe. Create after the worker's namespaces are entered: it starts threads.
class NetworkServices {
 public:
  // `folder` is made if missing, and emptied. `more`: services besides the forward proxy, which outlive it.
  // `clock` outlives it.
  static absl::StatusOr<std::unique_ptr<NetworkServices>> Create(const std::string& folder,
                                                                 NetworkSettings settings, Clock& clock,
                                                                 const std::vector<StepService*>& more = {});
  ~NetworkServices();

  StepNetworks& networks() { return *networks_; }
  // For further services: what serves sockets, and whom to ask for addresses.
  IoThreads& threads() { return *threads_; }

 private:
  NetworkServices();

  // In order of dependency.
  std::unique_ptr<IoThreads> threads_;
  std::unique_ptr<SystemResolver> resolver_;
  std::unique_ptr<ForwardProxy> proxy_;
  std::unique_ptr<PreparedNetworks> networks_;
};

}  // namespace crossmill::worker
