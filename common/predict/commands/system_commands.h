// Commands that only change what the distribution keeps: its packages, its caches, users. What is in
// /usr/local and /opt stays as it is. Pure.
#pragma once

#include "crossmill/v1/plan.pb.h"

namespace crossmill::predict {

// All that the RUN starts is known to be of that kind, in all of its words. A package that the distribution
// installs may bring anything to /usr, /etc and /var, another Python included.
bool ChangesOnlyTheSystem(const v1::Run& run);

}  // namespace crossmill::predict
