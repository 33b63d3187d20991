// Submitting a build, once, also when an answer is lost on the way.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "cli/session/session.h"
#include "crossmill/v1/client_service.pb.h"

namespace crossmill::cli {

// Random: the coordinator takes submissions with one key for one.
std::string NewIdempotencyKey();

// Asks again while the coordinator cannot be reached, three times at most: the key makes that safe. A request
// without a key gets one.
absl::StatusOr<v1::SubmitBuildResponse> SubmitOnce(Session& session, Farm& farm,
                                                   v1::SubmitBuildRequest& request);

}  // namespace crossmill::cli
