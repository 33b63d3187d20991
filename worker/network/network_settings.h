// What an operator says about the network of steps.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/network/address_rules.h"
#include "worker/network/proxy_request.h"

namespace crossmill::worker {

// An HTTP proxy through which this machine goes out.
struct UpstreamProxy {
  HostAndPort at;
  // Value of Proxy-Authorization; empty: none.
  std::string authorization;
};

struct NetworkSettings {
  AddressRules rules;
  // For http:// and for everything else.
  std::optional<UpstreamProxy> http_proxy;
  std::optional<UpstreamProxy> https_proxy;
  // Reached without them.
  std::vector<HostPattern> no_proxy;
};

struct NetworkFlags {
  // "http://[USER:PASSWORD@]HOST:PORT", "none", or empty: what the environment says.
  std::string upstream_proxy;
  std::vector<std::string> allow;
  std::vector<std::string> deny;
  std::vector<std::string> allow_local;
};

// INVALID_ARGUMENT names the flag or variable.
absl::StatusOr<NetworkSettings> ReadNetworkSettings(
    const NetworkFlags& flags,
    const std::function<std::optional<std::string>(const std::string& name)>& environment);

// The proxy on the way to a host; nullptr: straight.
const UpstreamProxy* ProxyFor(const NetworkSettings& settings, const HostAndPort& to, bool tunnel);

}  // namespace crossmill::worker
