// A coordinator from its start to its end, as a process: signals, and what the service manager hears.
//
//   SIGTERM, SIGINT  readiness says no, watchers are told, and it ends in a few seconds; builds and the
//   leases of
//                    workers stay, and go on when it is started again. A second one ends it at once.
//   SIGHUP           settings, certificates and what else can change at run time are read again
#pragma once

#include <functional>
#include <string>

#include "absl/time/time.h"
#include "coordinator/server.h"

namespace crossmill::coordinator {

struct RunOptions {
  // Whom a process of root's becomes; empty: it stays root.
  std::string user;
  // How long it still serves while readiness says no: for what sends requests here by that.
  absl::Duration stop_delay;
  // At SIGHUP.
  std::function<void(Server& server)> reload;
};

// What the process ends with: 0 when it was asked to, 2 when it cannot be what it is told to
// be, 5 when it could not start or go on. Before any thread.
int RunCoordinator(ServerOptions options, const RunOptions& run);

}  // namespace crossmill::coordinator
