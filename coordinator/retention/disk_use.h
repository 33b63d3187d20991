// What takes room in the coordinator's data folder besides blobs, by kind.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace crossmill::coordinator {

struct KindUse {
  // "logs", "record", ...
  std::string kind;
  int64_t count = 0;
  // Blocks on disk, those of folders too: as `du` counts them.
  int64_t bytes = 0;
  // For people: when it goes.
  std::string reason;
};

// Everything below the folder but the files in content/blobs. Kinds of which there is nothing are left out.
absl::StatusOr<std::vector<KindUse>> OtherUses(const std::string& data_folder);

}  // namespace crossmill::coordinator
