// A submitted matrix until the end of its builds: watched, cancelled as one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/session/build_follow.h"
#include "crossmill/v1/matrix.pb.h"

namespace crossmill::cli {

// The display of one build among others: each line of text begins with its name; lines of JSON have its
// number. There is no live picture of several builds: what would be one is lines.
std::unique_ptr<Progress> MakeNamedProgress(Session& session, ProgressMode mode, const std::string& name);

// Asks again as SubmitOnce does. A request without a key gets one.
absl::StatusOr<v1::SubmitMatrixResponse> SubmitMatrixOnce(Session& session, Farm& farm,
                                                          v1::SubmitMatrixRequest& request);

// Follows all builds until their ends, each in its own `progress` (one for each build, not owned), and
// returns their models by combination. `submit` gives the matrix and its builds; what is told beside a build
// goes to `notes`. Errors as of FollowOffered: of builds of which several fail, the first's.
absl::StatusOr<std::vector<BuildModel>> FollowMatrix(
    Session& session, Farm& farm, Progress& notes, const std::vector<Progress*>& progress,
    const FollowOptions& options, const ClientOffers& offers,
    const std::function<absl::StatusOr<v1::SubmitMatrixResponse>()>& submit);

}  // namespace crossmill::cli
