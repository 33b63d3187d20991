// Facts about the machine a worker runs on: what it can execute, and what a record says of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "crossmill/v1/worker.pb.h"

namespace crossmill::worker {

struct ProbeSources {
  std::string cpu_info = "/proc/cpuinfo";
  std::string boot_id = "/proc/sys/kernel/random/boot_id";
  // The kernel's table of foreign program formats. It is visible here only before the worker enters its
  // namespaces.
  std::string binfmt = "/proc/sys/fs/binfmt_misc";
  // uname's machine; empty: asked.
  std::string machine;
};

// host_id, host_name, kernel, cpu_model, cpus, version and platforms; the rest is for the caller to fill
// in. Call before EnterNamespaces.
absl::StatusOr<v1::WorkerInfo> ProbeMachine(const ProbeSources& sources = {});

// One registration of binfmt_misc: a file of its folder.
struct BinfmtEntry {
  bool enabled = false;
  std::string interpreter;
  // 'F': the interpreter is opened at registration, so it works in any root. 'C': setuid counts.
  std::string flags;
  // Architecture of the programs, as in platforms ("arm64"); empty: none we know.
  std::string architecture;
  std::string variant;
};
BinfmtEntry ParseBinfmtEntry(std::string_view text);

// The model in /proc/cpuinfo's text, of either architecture; "unknown" if it says none.
std::string CpuModel(std::string_view cpu_info);

// "ext4", "tmpfs", ...: the file system `folder` is on.
absl::StatusOr<std::string> FileSystemOf(const std::string& folder);

// True if `platforms` has this one; whether it is emulated goes to `emulated` when not null.
bool Supports(const std::vector<v1::PlatformSupport>& platforms, const v1::Platform& platform,
              bool* emulated);

}  // namespace crossmill::worker
