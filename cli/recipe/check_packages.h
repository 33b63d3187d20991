// What package indexes have for the bases of a recipe, asked of a farm for `crossmill check`: its
// predictions.
#pragma once

#include <map>
#include <vector>

#include "absl/types/span.h"
#include "cli/session/session.h"
#include "common/check/check.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::cli {

// The worst answer over the platforms. What the farm does not know within some seconds has none; that is no
// error.
std::map<check::MuslQuestion, check::MuslAnswer> AskForMuslWheels(
    Session& session, const std::vector<check::MuslQuestion>& questions,
    absl::Span<const v1::Platform> platforms);

}  // namespace crossmill::cli
