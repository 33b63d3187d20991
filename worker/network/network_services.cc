#include "worker/network/network_services.h"

#include <algorithm>
#include <thread>

#include "common/base/status.h"
#include "worker/network/forward_proxy.h"
#include "worker/network/io_threads.h"
#include "worker/network/name_resolver.h"

namespace crossmill::worker {
namespace {

// More would only take processors from the steps.
constexpr unsigned kMostThreads = 4;

}  // namespace

NetworkServices::NetworkServices() = default;
NetworkServices::~NetworkServices() = default;

absl::StatusOr<std::unique_ptr<NetworkServices>> NetworkServices::Create(
    const std::string& folder, NetworkSettings settings, Clock& clock,
    const std::vector<StepService*>& more) {
  std::unique_ptr<NetworkServices> made(new NetworkServices);
  const unsigned processors = std::max(1u, std::thread::hardware_concurrency());
  made->threads_ = std::make_unique<IoThreads>(static_cast<int>(std::min(kMostThreads, processors)));
  made->resolver_ = std::make_unique<SystemResolver>(clock);
  ForwardProxyOptions options;
  options.settings = std::move(settings);
  options.own_addresses = OwnAddresses;
  made->proxy_ = std::make_unique<ForwardProxy>(*made->threads_, *made->resolver_, clock, std::move(options));
  std::vector<StepService*> services = {made->proxy_.get()};
  services.insert(services.end(), more.begin(), more.end());
  ASSIGN_OR_RETURN(made->networks_, PreparedNetworks::Create({.folder = folder}, std::move(services)));
  return made;
}

}  // namespace crossmill::worker
