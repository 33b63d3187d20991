// Matrices: one submission over combinations of build arguments as the builds that it is, and those as one.
// Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/matrix.pb.h"

namespace crossmill::coordinator {

// The submission of each combination, in their order, with its place. INVALID_ARGUMENT: there is none, two
// have the same arguments or a name of an image in common, an argument is there twice or has no name, the
// combinations do not vary the same arguments; RESOURCE_EXHAUSTED: more than `most`.
absl::StatusOr<std::vector<v1::BuildSubmission>> BuildsOfMatrix(const v1::SubmitMatrixRequest& request,
                                                                size_t most);

// `builds`: by combination, not empty.
v1::MatrixView MatrixViewOf(std::vector<v1::BuildView> builds);

}  // namespace crossmill::coordinator
