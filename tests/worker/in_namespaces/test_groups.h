// The control groups that the steps of these tests get their own in: made as root, before the namespaces.
#pragma once

#include "worker/host/step_groups.h"

namespace crossmill::worker {

// Call once, before EnterNamespaces.
void MakeTestGroups();
const StepGroups& TestGroups();

}  // namespace crossmill::worker
