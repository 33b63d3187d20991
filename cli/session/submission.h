// Submitting a build, once, also when an answer is lost on the way.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "cli/session/session.h"
#include "crossmill/v1/client_service.pb.h"

namespace crossmill::cli {

// Random: the coordinator takes submissions with one key for one.
std::string NewIdempotencyKey();

// Again while the coordinator cannot be reached: it may have been taken. One that is being started is waited
// for. A request without a key gets one, which makes that safe.
absl::StatusOr<v1::SubmitBuildResponse> SubmitOnce(Session& session, Farm& farm,
                                                   v1::SubmitBuildRequest& request);

}  // namespace crossmill::cli
