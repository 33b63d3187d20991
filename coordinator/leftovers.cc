// What a killed coordinator left is removed, or told.
#include "coordinator/leftovers.h"

#include "absl/status/status.h"
#include "common/base/files.h"
#include "common/base/log.h"
#include "common/base/status.h"

namespace crossmill::coordinator {

void RemoveLeftovers(const std::string& folder) {
  if (const absl::Status removed = RemoveTree(folder); !removed.ok())
    LogWarning("what is left in {} cannot be removed; do it by hand: {}", folder, Sv(removed.message()));
}

}  // namespace crossmill::coordinator
