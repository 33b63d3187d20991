// Sandbox by an OCI runtime: crun or runc, one container per step.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "worker/host_settings.h"
#include "worker/runtime_spec.h"
#include "worker/sandbox.h"

namespace crossmill::worker {

struct OciSandboxOptions {
  // "crun", "runc" or a path whose file name begins so; empty: crun if it is installed, else runc.
  std::string runtime;
  // For bundles and the runtime's state. Made if missing, and emptied: one sandbox per folder.
  std::string folder;
  HostSettings host_settings;
  // Given to steps on the host's network.
  std::string resolv_conf = "/etc/resolv.conf";
};

// Thread safe. Works as root of the worker's user namespace and as root of the machine.
class OciSandbox final : public Sandbox {
 public:
  // FAILED_PRECONDITION if the runtime is not installed or does not work.
  static absl::StatusOr<std::unique_ptr<OciSandbox>> Create(OciSandboxOptions options);

  absl::StatusOr<SandboxResult> Run(const SandboxRun& run) override;

  // "crun 1.8.1".
  const std::string& version() const { return version_; }

 private:
  struct Container;

  explicit OciSandbox(OciSandboxOptions options) : options_(std::move(options)) {}
  absl::Status Prepare();
  // Files of the step that are bound into it: hosts, resolver, host name, CA bundle, heredocs.
  absl::StatusOr<std::vector<BindMount>> WriteFiles(const SandboxRun& run, const std::string& folder) const;
  std::vector<std::string> Command(const Container& container,
                                   std::initializer_list<std::string> arguments) const;
  absl::StatusOr<SandboxResult> Execute(const SandboxRun& run, const Container& container) const;
  absl::StatusOr<SandboxResult> Explain(const SandboxRun& run, const std::string& message) const;
  // Kills what is left of a container and forgets it.
  absl::Status Destroy(const Container& container) const;

  const OciSandboxOptions options_;
  std::string runtime_;
  std::string version_;
  bool crun_ = false;
  std::string machine_;
  std::string seccomp_bpf_;
  rlim_t open_files_ = 0;
  std::atomic<uint64_t> next_container_ = 1;
};

}  // namespace crossmill::worker
