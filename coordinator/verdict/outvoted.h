// Which execution of a step the others outvote. Pure.
#pragma once

#include <vector>

#include "crossmill/v1/report.pb.h"

namespace crossmill::verdict {

// Marks the one witness that made other bytes than all others: at least two others agree, on places of their
// own (hosts; workers with `by_worker`) other than its own. Not where a recorded circumstance can explain it:
// the others have one in common that it has not (a processor model, a number of processors, an hour, day,
// weekend, month or year of the clock; with `may_be_time` (possible_times.h) a minute and any time of it),
// which is what a recipe that depends on it looks like, too. It is no proof of a lie: a difference that comes
// by chance once in a while looks the same, so it is said as what it is, and what was outvoted is used no
// further.
void MarkOutvoted(bool by_worker, bool may_be_time, std::vector<v1::Witness>* witnesses);

}  // namespace crossmill::verdict
