// Settings of the operator's machine that pass into RUN steps while they execute, and never into an image or
// a cache key: proxies, names in the hosts file, the bundle of certificate authorities, the address of a
// package index. All of it only for steps with a network, proxies and names only for those on the host's.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "crossmill/v1/plan.pb.h"
#include "worker/sandbox/sandbox.h"

namespace crossmill::worker {

// Where steps find the operator's certificate authorities.
inline constexpr std::string_view kCaBundleInStep = "/run/crossmill/ca.pem";
inline constexpr std::string_view kJavaTrustStoreInStep = "/run/crossmill/ca.jks";

struct HostSettings {
  // Variables with values, in the order of the allow-list.
  std::vector<std::pair<std::string, std::string>> variables;
  // PEM; empty: steps use what is in their image.
  std::string ca_bundle;
  // The same authorities for Java; empty when there is no bundle, or no certificate in it.
  std::string java_trust_store;
  // Lines of the hosts file: an address and its names.
  std::vector<std::string> hosts;
};

struct HostSettingsSource {
  // The worker's own environment.
  std::function<std::optional<std::string>(const std::string& name)> environment;
  std::string hosts_file = "/etc/hosts";
  std::string host_name;
  // Names the operator lets through besides the allow-list.
  std::vector<std::string> pass_env;
  // Replaces the bundle the environment announces; "none" passes nothing.
  std::string ca_bundle;
};

// INVALID_ARGUMENT for a pass_env name that is not set or a given bundle that cannot be read. A bundle
// that only the environment announces and that cannot be read is left out with a warning in the log.
absl::StatusOr<HostSettings> DetectHostSettings(const HostSettingsSource& source);

// Lines of a hosts file that say something other than "localhost" and the machine's own name.
std::vector<std::string> ForeignHosts(std::string_view hosts_file, std::string_view own_name);

// The complete environment of a step: the recipe's, then what is missing of PATH and HOME, then what
// holds only while it executes: what its recorded network announces, and the settings, of which the proxies
// are only for steps on the host's network. The recipe's variables are never replaced; of proxies one in
// either case counts.
std::vector<std::string> StepEnvironment(
    const v1::Run& run, const Identity& identity, std::optional<int64_t> source_date_epoch,
    const HostSettings& settings, const std::vector<std::pair<std::string, std::string>>& announced = {});

}  // namespace crossmill::worker
