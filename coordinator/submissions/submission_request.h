// What a request with files says, as the submission that the engine takes. Pure.
#pragma once

#include "absl/status/statusor.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/submission.pb.h"

namespace crossmill::coordinator {

// Everything but what is read from the context. INVALID_ARGUMENT names the field.
absl::StatusOr<v1::BuildSubmission> SubmissionOf(const v1::SubmitFilesRequest& request);

}  // namespace crossmill::coordinator
