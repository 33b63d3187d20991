// Mounts whose content only the client has: secrets and ssh agents. Pure.
#pragma once

#include <set>
#include <string>

#include "absl/status/status.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator {

// Ids that steps mount.
struct ClientMounts {
  std::set<std::string> secrets;
  std::set<std::string> agents;
  bool empty() const { return secrets.empty() && agents.empty(); }
};

ClientMounts ClientMountsOf(const v1::Step& step);
ClientMounts ClientMountsOf(const v1::Task& task);

// Takes out of the plan the mounts of secrets and agents that the build was not given, so that such a step
// has another cache key than one that sees the secret. The variable of such a secret is set, but empty, as in
// Docker's builder. INVALID_ARGUMENT with FILE:LINE for the first that is
// required.
absl::Status LeaveOutMissing(const v1::BuildOptions& options, v1::BuildPlan* plan);

}  // namespace crossmill::coordinator
