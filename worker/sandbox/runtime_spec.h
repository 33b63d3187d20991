// The OCI runtime configuration (config.json) of one RUN step.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/json.h"
#include "worker/sandbox/sandbox.h"
#include "worker/sandbox/step_limits.h"

namespace crossmill::worker {

// The name of the machine that steps see, unless the recipe asks for another.
inline constexpr std::string_view kStepHostName = "crossmill";
std::string HostNameOf(const v1::Run& run);
// That this execution sees.
std::string HostNameOf(const SandboxRun& run);

struct BindMount {
  std::string source;
  // Absolute in the step.
  std::string destination;
  bool folder = false;
  // Besides "bind".
  std::vector<std::string> options = {"ro", "nosuid", "nodev"};
  // See StepMount.
  bool takes_mode = false;
};

struct SpecOptions {
  // uname's machine of this host.
  std::string machine;
  // Base64 of the compiled filter, for runtimes that take it (crun); empty: the profile as JSON.
  std::string seccomp_bpf;
  // In the order in which they are mounted, after the runtime's own file systems. One at the place of such a
  // file system replaces it.
  std::vector<BindMount> binds;
  std::vector<StepLimit> limits;
  // On this machine: where the last process id that passed is written, if the run asks for other ones.
  std::string process_ids_file;
};

// Pure. Docker's capabilities, filter, masked and read-only paths; private pid, ipc, uts and mount
// namespaces, and unless the step's network is the host's, a network namespace: the run's, or one with only
// loopback.
Json MakeRuntimeSpec(const SandboxRun& run, const SpecOptions& options);

// Folders and files that the runtime mounts over by this configuration, in order; an empty source is a file
// system of its own making.
std::vector<BindMount> MountsInRoot(const SpecOptions& options);

}  // namespace crossmill::worker
