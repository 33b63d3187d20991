// What a step finds at a fixed port of its loopback: a service of the worker, which serves it from outside.
//
//   StepNetworks makes the namespace and a listening socket in it for each service, at 127.0.0.1:port()
//   └ StepService::Serve gets the socket when a step begins, and gives a StepSession
//     └ its death ends every connection of that step
//
// The forward proxy is one; others (a package index) are made the same way and given to StepNetworks beside
// it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/base/files.h"
#include "crossmill/v1/plan.pb.h"
#include "worker/network/fetch_log.h"
#include "worker/network/ip_address.h"

namespace crossmill::worker {

// Fixed on every host: what a step writes down about them is the same everywhere. Outside the range of ports
// that kernels give away, and of no well-known service.
inline constexpr std::string_view kServiceAddress = "127.0.0.1";
inline constexpr uint16_t kForwardProxyPort = 61180;
inline constexpr uint16_t kPackageIndexPort = 61181;

// What a build wants of package indexes.
struct IndexPolicy {
  // --offline: only what the farm has.
  bool offline = false;
  // --exclude-newer: files that were uploaded then or later, or nobody knows when, are not there.
  std::optional<absl::Time> exclude_newer = std::nullopt;
  // Wheels that are offered beside the archives that they were compiled from.
  std::vector<v1::FarmWheel> farm_wheels = {};
};

// The step that a session is for.
struct StepUse {
  // Where its fetches are noted; outlives the session.
  FetchLog& log;
  // Names that the recipe gives addresses (--add-host), normal (NormalHost).
  std::vector<std::pair<std::string, IpAddress>> hosts = {};
  IndexPolicy index = {};
};

// Its destructor closes the socket and all connections, and waits until nothing uses the step's log any more.
// That is soon: it waits for no peer.
class StepSession {
 public:
  virtual ~StepSession() = default;
};

// Thread safe. Outlives its sessions.
class StepService {
 public:
  virtual ~StepService() = default;
  virtual uint16_t port() const = 0;
  // `listener` listens in the step's network namespace and does not block. UNAVAILABLE when it cannot be
  // served.
  virtual absl::StatusOr<std::unique_ptr<StepSession>> Serve(UniqueFd listener, StepUse use) = 0;
};

}  // namespace crossmill::worker
