// The build that a caller means and may change.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "coordinator/engine/farm_reader.h"
#include "coordinator/rpc/authenticator.h"

namespace crossmill::coordinator {

// Of 0 the latest that the caller sees. NOT_FOUND: it sees none; PERMISSION_DENIED as CheckOwner.
absl::StatusOr<int64_t> FindOwnBuild(FarmReader& reader, const Roles& roles, int64_t build);

}  // namespace crossmill::coordinator
