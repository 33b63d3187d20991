// The trials of an attribution, really run.
#pragma once

#include "absl/status/status.h"
#include "cli/attribution/attribution.h"
#include "cli/session/session.h"
#include "cli/show/progress.h"

namespace crossmill::cli {

// Submits the baseline, then all single aspects at once, and waits for each. After an interrupt the others
// are cancelled, too: CANCELLED.
absl::Status RunTrials(Session& session, Farm& farm, Progress& progress, Attribution* attribution);

}  // namespace crossmill::cli
