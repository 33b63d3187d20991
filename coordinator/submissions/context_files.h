// A folder of this machine, which an archive or a checkout filled, becomes the context of a recipe.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/base/blob_store.h"
#include "common/base/clock.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator {

struct ContextFiles {
  std::string folder;
  // The Dockerfile's path in it; empty: Dockerfile.
  std::string file;
  // The ignore file holds, as for a folder of the user's own machine.
  bool ignore = false;
  bool keep_times = false;
  // Not read from the folder.
  std::optional<std::string> dockerfile;
};

// Dockerfile, ignore file and root go into the recipe, and the blobs into the store: what `crossmill build`
// does with the same files. Nothing is read outside of the folder. NOT_FOUND: the Dockerfile;
// INVALID_ARGUMENT: a link out of the folder, or the ignore file with its line; CANCELLED: `stop` did.
absl::Status TakeContext(const ContextFiles& files, BlobStore& blobs, Clock& clock,
                         const std::stop_token& stop, v1::Recipe* recipe, std::vector<std::string>* notes);

}  // namespace crossmill::coordinator
