// Whether what differs between executions may be a matter of when they ran. Pure.
#pragma once

#include <string_view>

#include "absl/types/span.h"
#include "crossmill/v1/difference.pb.h"
#include "crossmill/v1/report.pb.h"

namespace crossmill::verdict {

// False only if the causes exclude it: a field that is no time, a recorded fact of each side other than the
// clock, or plain words and numbers that stand in the example and are no part of a time. A checksum, or bytes
// of any other form, can be made of a time like of anything else; and so can what is not shown.
// `witnesses` are those of the step: the causes are of its first and of one that made another layer.
bool MayBeTime(absl::Span<const v1::CauseGroup> causes, std::string_view causes_problem,
               absl::Span<const v1::Witness> witnesses);

}  // namespace crossmill::verdict
