// Which execution of a step the others outvote. Pure.
#pragma once

#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "crossmill/v1/difference.pb.h"
#include "crossmill/v1/report.pb.h"

namespace crossmill::verdict {

// Whether what differs may be a matter of when the executions ran, as far as is known of its causes: replicas
// run side by side, so their clocks are alike more often than not.
bool MayBeTime(absl::Span<const v1::CauseGroup> causes, std::string_view causes_problem);

// Marks the one witness that made other bytes than all others: at least two others agree, on places of their
// own (hosts; workers with `by_worker`) other than its own. Not where a recorded circumstance can explain it:
// the others have one in common that it has not (a processor model, a number of processors, with
// `may_be_time` a time of the clock), which is what a recipe that depends on it looks like, too. It is no
// proof of a lie: a difference that comes by chance once in a while looks the same, so it is said as what it
// is, and what was outvoted is used no further.
void MarkOutvoted(bool by_worker, bool may_be_time, std::vector<v1::Witness>* witnesses);

}  // namespace crossmill::verdict
