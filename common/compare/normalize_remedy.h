// Which rule of --normalize takes a difference out, by the table in common/words/normalize_rules. Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "crossmill/v1/difference.pb.h"

namespace crossmill::compare {

// Names the rule in `cause` and in its remedy, if there is one and the step was executed without it: what is
// there in spite of a rule is not taken out by it. `difference`: what the cause was found in; null: not in a
// content.
void AddNormalizeRemedy(std::string_view path, const v1::ContentDifference* difference,
                        absl::Span<const std::string> applied, v1::Cause* cause);

}  // namespace crossmill::compare
