// --user: a coordinator that root starts gives its data folder to a system user of its own and becomes that
// user.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "coordinator/server.h"

namespace crossmill::coordinator {

// Nothing to do where `user` is empty or the process is not root's. Before any thread. After an error the
// process must not go on. What only root can read of the files that `options` name is told by flag, with how
// to mend it.
absl::Status RunAs(const std::string& user, const ServerOptions& options);

}  // namespace crossmill::coordinator
