// Which workers the holder of a token may be: the one that the token is for, or one of a pool, `ci-*`, whose
// workers share a token and so cannot be told from each other by anybody.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "coordinator/rpc/authenticator.h"

namespace crossmill::coordinator {

// A name that every table, log and command line shows as it is: at most 100 letters, digits and . _ - @ +,
// the first a letter or a digit.
bool IsWorkerName(std::string_view name);

// INVALID_ARGUMENT unless it is a worker's name, or the beginning of one (or nothing) and a star.
absl::Status CheckWorkerPattern(std::string_view pattern);

bool CoversWorker(std::string_view pattern, std::string_view name);

// PERMISSION_DENIED says what mends it. A peer on the socket may be any worker.
absl::Status CheckWorkerName(const Roles& roles, std::string_view name);

// A pool is bound to the names of its workers, and those to tokens: the workers of pool `arm` are called
// `arm` or `arm-NAME`, so that who has a token for `ci-*` cannot take the tasks of `arm`. No pool is
// everybody's; a peer on the socket may be in any. PERMISSION_DENIED.
absl::Status CheckWorkerPool(const Roles& roles, std::string_view name, std::string_view pool);

}  // namespace crossmill::coordinator
