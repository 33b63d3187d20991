// The namespaces that a worker lives in: one user, mount and pid namespace in which it is root over
// itself and its subordinate ids. Everything it starts and mounts ends with it.
//
//   outer process    waits; forwards SIGTERM, SIGINT and SIGHUP; its death ends everything
//   └ pid 1          a reaper without threads; its death ends everything
//     └ worker       the caller of EnterNamespaces; its end ends everything
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace crossmill::worker {

struct NamespaceOptions {
  // When started as root: the system user to become first. Root has no subordinate ids of its own,
  // and a bug in the worker should not be root's.
  std::string user = "crossmill";
};

// Call once, before any thread exists. Returns twice:
//   in the outer process, when everything has ended, with the worker's exit code (128 + signal)
//   in the worker, with nullopt, as uid 0 of the new namespaces, with all subordinate ids of the
//     user as 1..N (subordinate_ids.h)
// FAILED_PRECONDITION says what the machine lacks and the command that supplies it. An error in the
// worker half is returned in the worker half, which should print it and exit.
absl::StatusOr<std::optional<int>> EnterNamespaces(const NamespaceOptions& options);

// The part of it that is done inside: private propagation, a fresh /proc, and, where cgroups are hybrid,
// the unified hierarchy over /sys/fs/cgroup (crun 1.8 accepts nothing else). For tests, which enter
// namespaces by other ways.
absl::Status SetUpMounts();

}  // namespace crossmill::worker
