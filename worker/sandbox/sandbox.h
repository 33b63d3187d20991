// Executes one RUN step in a root file system, shut off from the machine.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::worker {

// A step's user, resolved in its root.
struct Identity {
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> groups;
  std::string home = "/";
};

// Something of the worker's that a step sees at a place in its root (RUN --mount).
struct StepMount {
  // Path on this machine.
  std::string source;
  // Absolute in the step.
  std::string target;
  // Else anything but a folder.
  bool folder = false;
  bool read_only = false;
  // The source gets the mode of what it is mounted on, if that existed (as runtimes do it for a tmpfs).
  bool takes_mode = false;
  // Nothing in it can be executed.
  bool no_programs = false;
};

// A file of the farm's own that a step sees while it runs, read-only.
struct SandboxFile {
  std::string content;
  // Absolute in the step.
  std::string target;
  // For its name outside of the step; each once.
  std::string name;
};

// What a step's network is: unspecified means recorded.
inline v1::NetworkMode NetworkOf(const v1::Run& run) {
  return run.network() == v1::NETWORK_MODE_UNSPECIFIED ? v1::NETWORK_MODE_RECORDED : run.network();
}

struct SandboxRun {
  // argv, cwd, network, files, extra_hosts, shm_size and ulimits are used; user, env and mounts as resolved
  // below.
  const v1::Run& run;
  v1::Platform platform;
  // Merged folder; the sandbox leaves no mount and no process in it.
  std::string root;
  Identity identity;
  // NAME=value: complete.
  std::vector<std::string> env;
  // In the order in which they are mounted, after everything else.
  std::vector<StepMount> mounts = {};
  // Mounted before `mounts`, read-only.
  std::vector<SandboxFile> files = {};
  // Of a step whose network is recorded: path of its network namespace, which belongs to the user namespace
  // that the sandbox works in.
  std::string network_namespace = {};
  // Empty: HostNameOf(run).
  std::string host_name = {};
  // How many processors its programs see and use; 0: all that this thread may.
  unsigned processors = 0;
  // Process ids of its children begin near this one; 0: where the kernel begins.
  unsigned process_ids = 0;
  // The step may read secrets: it leaves no core dumps.
  bool holds_secrets = false;
  // The most that it may use, and what of it the build and the farm asked for (the rest is the worker's own).
  v1::StepBounds bounds = {};
  v1::StepBounds asked = {};
  // Folder whose content is what it wrote into its root; empty: not known, so it is not limited.
  std::string written = {};
  absl::Duration timeout = absl::InfiniteDuration();
  // Called on the calling thread, in order per stream.
  std::function<void(v1::LogChunk::Stream, std::string_view)> on_output;
  // A stop request kills every process of the step.
  std::stop_token stop;
};

struct SandboxResult {
  // 128 + signal when killed by one; 127 and 126: the program could not be found or executed.
  int exit_code = 0;
  bool timed_out = false;
  bool stopped = false;
  // Of all processes of the step that ended within it.
  double cpu_seconds = 0;
  // The most memory, in bytes, that one of them had resident.
  uint64_t peak_memory = 0;
  v1::StepUse use;
  // A limit that it came to.
  std::optional<v1::BoundReached> bound;
  // The kernel counts whom it kills for want of memory, and of this step it killed none.
  bool not_killed_for_memory = false;
  // Lines for people.
  std::vector<std::string> warnings;
  // How many processors the runtime was started on; 0: not known.
  unsigned processors = 0;
  // The last process id that was given before the step's program began, if SandboxRun asked for others and
  // the step had them; else 0.
  unsigned process_ids = 0;
  // Why the program could not be executed, for people; empty if it was.
  std::string refusal;
  // Mount points that did not exist in the root before, without leading slash, parents first. They are
  // removed again unless the step put something there: what is left belongs to no layer.
  std::vector<std::string> stubs;
};

// Thread safe: steps of several tasks run at the same time.
class Sandbox {
 public:
  virtual ~Sandbox() = default;
  // A non-zero exit, a missing program, a time-out and a stop are results. Errors mean that the sandbox
  // itself failed: UNAVAILABLE, RESOURCE_EXHAUSTED.
  virtual absl::StatusOr<SandboxResult> Run(const SandboxRun& run) = 0;
};

}  // namespace crossmill::worker
