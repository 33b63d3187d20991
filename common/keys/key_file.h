// The signing key of a coordinator or worker, in its data folder: made at the first start, kept for ever
// after.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/keys/ed25519.h"

namespace crossmill::keys {

// Reads `path`, or makes the key there (mode 0600) if there is no such file. Never replaces one: a file that
// is no key is INVALID_ARGUMENT, one that others may read or that is not this user's FAILED_PRECONDITION. Of
// two processes that begin at once one makes the key, and both have it. Errors name the path.
absl::StatusOr<SigningKey> LoadOrMakeKey(const std::string& path);

}  // namespace crossmill::keys
