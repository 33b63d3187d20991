// The view of a build is the sum of its events: this is how they add up. The coordinator restores a
// build from its event log with it after a restart, and every display can do the same.
#pragma once

#include "crossmill/v1/build.pb.h"

namespace crossmill::core {

// Applies one event. Events are applied in order of their numbers, each once.
void ApplyEvent(const v1::BuildEvent& event, v1::BuildView* view);

}  // namespace crossmill::core
