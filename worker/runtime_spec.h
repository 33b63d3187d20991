// The OCI runtime configuration (config.json) of one RUN step.
#pragma once

#include <sys/resource.h>

#include <string>
#include <string_view>
#include <vector>

#include "common/base/json.h"
#include "worker/sandbox.h"

namespace crossmill::worker {

// Every step sees this name.
inline constexpr std::string_view kStepHostName = "crossmill";

struct BindMount {
  std::string source;
  // Absolute in the step.
  std::string destination;
  bool folder = false;
};

struct SpecOptions {
  // uname's machine of this host.
  std::string machine;
  // Base64 of the compiled filter, for runtimes that take it (crun); empty: the profile as JSON.
  std::string seccomp_bpf;
  // Read-only.
  std::vector<BindMount> binds;
  // Largest hard limit of open files this process may give.
  rlim_t open_files = 0;
};

// Pure. Docker's capabilities, filter, masked and read-only paths; private pid, ipc, uts and mount
// namespaces, and a network namespace with only loopback unless the step's network is the host's.
Json MakeRuntimeSpec(const SandboxRun& run, const SpecOptions& options);

// Folders and files in the root that the runtime mounts over by this configuration.
std::vector<BindMount> MountsInRoot(const SpecOptions& options);

}  // namespace crossmill::worker
