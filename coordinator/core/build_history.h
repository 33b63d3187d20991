// A build as one point in its recipe's history: what its cells say of the recipe, and what the recipe is
// found by. Pure; docs/formats.md, "Recipes over time", has the rules for readers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/history.pb.h"

namespace crossmill::core {

// Good: a reproducible verdict; of a rebuild also equal to what was recorded. Bad: unreproducible, flaky,
// failed by the recipe's fault; of a rebuild also different without other input that may explain it. All else
// says nothing.
v1::Standing StandingOf(const v1::CellView& cell);

// The cell of a build that has ended.
v1::BuildHistoryRow HistoryRowOf(const v1::BuildSubmission& submission, const v1::BuildView& view,
                                 const v1::CellView& cell);

// Image names as HistoryName writes them; where there are none, where the context came from and the last part
// of that, both to the letter. Empty for a submission that has no recipe identity.
std::vector<std::string> HistoryNames(const v1::BuildSubmission& submission);
// An image name without tag and digest, and without what Docker adds to short names. Not for what may be a
// folder or URL: the "@" and ":" of those part no tags, so that several repositories would have one name.
std::string HistoryName(std::string_view name);

// All its platforms were reproducible, it is no rebuild itself, and the farm can build it again without a
// client.
bool IsReverifiable(const v1::BuildSubmission& submission, const v1::BuildView& view);
// A rebuild that ended by itself: equal or not, or failed by the recipe's fault.
bool IsVerification(const v1::BuildView& rebuild);

// One of each recipe and platform, in the order of their first rows.
std::vector<v1::VerdictCounts> CountVerdicts(absl::Span<const v1::BuildHistoryRow> rows);

}  // namespace crossmill::core
