// The system-call filter of RUN steps: Docker's default profile for Docker's default capabilities.
// The table is ours; its facts are those of Docker's published default (documentation, "Seccomp
// security profiles"). System calls newer than the table answer ENOSYS, never EPERM, so that libraries
// fall back to the older call.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/json.h"

namespace crossmill::worker {

// As `linux.seccomp` of an OCI runtime configuration. The filter is for the system calls of the
// machine: programs of a foreign architecture reach the kernel through the emulator, as the machine's.
// `machine` is uname's: "x86_64" or "aarch64".
Json SeccompJson(std::string_view machine);

// The same filter compiled for this machine: an array of `struct sock_filter`. Compiling takes longer
// than starting a container, so a process does it once.
absl::StatusOr<std::string> CompileSeccompFilter();

}  // namespace crossmill::worker
