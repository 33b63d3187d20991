// Finds secrets that a step left in its layer.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/mounts/task_secrets.h"

namespace crossmill::worker {

struct LeakedSecret {
  std::string id;
  // Relative to the root.
  std::string path;
};

// Values shorter than this are found everywhere.
inline constexpr size_t kShortestSearched = 8;

// Looks for the values of `ids` and those inside them (secret_values.h; of lines only those that look like a
// token) in regular files below `root`, byte by byte, also in the form that they have in URLs: what was
// compressed or encoded otherwise is not found. Each id once per file. `paths` are relative to the root; what
// is no regular file is skipped.
absl::StatusOr<std::vector<LeakedSecret>> FindSecrets(const std::string& root,
                                                      const std::vector<std::string>& paths,
                                                      const TaskSecrets& secrets,
                                                      const std::vector<std::string>& ids);

}  // namespace crossmill::worker
