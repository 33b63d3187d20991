// Where `crossmill login` keeps a farm: its address, the token and the authorities of one coordinator, in a
// folder of the user that nobody else reads.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/session/environment.h"

namespace crossmill::cli {

// $XDG_CONFIG_HOME/crossmill, else ~/.config/crossmill; empty without either variable.
std::string LoginFolder(Environment& env);

// Nothing when nobody is logged in. INVALID_ARGUMENT with the file and its line for one that is no login.
// `ca_file` of the result is the folder's own copy.
absl::StatusOr<std::optional<ConnectOptions>> ReadLogin(const std::string& folder);

// Replaces an earlier one. The text of `ca_file` is copied: the login does not need the file again. Only the
// user can read what is written.
absl::Status WriteLogin(const std::string& folder, const ConnectOptions& login);

// Also one that ReadLogin refuses. False when there was none.
absl::StatusOr<bool> RemoveLogin(const std::string& folder);

}  // namespace crossmill::cli
