// Sandbox by an OCI runtime: crun or runc, one container per step.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "worker/host/mounting.h"
#include "worker/host/step_groups.h"
#include "worker/sandbox/bounded_step.h"
#include "worker/sandbox/host_settings.h"
#include "worker/sandbox/mount_points.h"
#include "worker/sandbox/runtime_spec.h"
#include "worker/sandbox/sandbox.h"

namespace crossmill::worker {

struct OciSandboxOptions {
  // "crun", "runc" or a path whose file name begins so; empty: crun if it is installed, else runc.
  std::string runtime;
  // For bundles and the runtime's state. Made if missing, and emptied: one sandbox per folder. A tmpfs is
  // mounted over it, because a step's config.json holds its environment, and with it secrets: nothing of it
  // reaches the disk, and a worker's death ends it.
  std::string folder;
  HostSettings host_settings;
  // Given to steps on the host's network.
  std::string resolv_conf = "/etc/resolv.conf";
  // Each step gets a control group of its own in these; nullptr: none. They outlive the sandbox.
  const StepGroups* groups = nullptr;
};

// Thread safe. Works as root of the worker's user namespace and as root of the machine.
class OciSandbox final : public Sandbox {
 public:
  // FAILED_PRECONDITION if the runtime is not installed or does not work.
  static absl::StatusOr<std::unique_ptr<OciSandbox>> Create(OciSandboxOptions options);

  absl::StatusOr<SandboxResult> Run(const SandboxRun& run) override;

  // "crun 1.8.1".
  const std::string& version() const { return version_; }
  // OK, or why steps are not in the groups.
  const absl::Status& groups_problem() const { return groups_problem_; }

 private:
  struct Container;

  explicit OciSandbox(OciSandboxOptions options) : options_(std::move(options)) {}
  absl::Status Prepare();
  // Everything that is bound into the step: hosts, resolver, host name, heredocs, the recipe's mounts, CA
  // bundle.
  absl::StatusOr<std::vector<BindMount>> MakeBinds(const SandboxRun& run, const std::string& folder) const;
  // Makes the places of all mounts. FAILED_PRECONDITION is the recipe's fault.
  // The step's config.json, which holds its environment and so may hold secrets.
  static absl::Status WriteConfig(const SandboxRun& run, const SpecOptions& spec, const std::string& path);
  static absl::Status MakeMountPoints(const SpecOptions& spec, MountPoints* points);
  std::vector<std::string> Command(const Container& container,
                                   std::initializer_list<std::string> arguments) const;
  absl::StatusOr<SandboxResult> Execute(const SandboxRun& run, const Container& container,
                                        BoundedStep& bounded) const;
  absl::StatusOr<SandboxResult> Explain(const SandboxRun& run, const std::string& message) const;
  // Kills what is left of a container and forgets it.
  absl::Status Destroy(const Container& container) const;

  OciSandboxOptions options_;
  absl::Status groups_problem_;
  std::string runtime_;
  std::string version_;
  bool crun_ = false;
  std::string machine_;
  std::string seccomp_bpf_;
  std::map<std::string, rlimit, std::less<>> limits_;
  Mount memory_;
  std::atomic<uint64_t> next_container_ = 1;
};

}  // namespace crossmill::worker
