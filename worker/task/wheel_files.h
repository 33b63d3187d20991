// Wheels in a step's root that say where its packages came from.
#pragma once

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "crossmill/v1/result.pb.h"
#include "worker/task/root_reader.h"

namespace crossmill::worker {

// Wheels among the changed files, in folders and in the caches of pip and uv; and wheels of the packages in
// `infos` that lie in those caches since earlier. By path; at most 5000.
std::vector<v1::WheelFile> FindWheelFiles(const RootReader& root, absl::Span<const std::string> changed_paths,
                                          absl::Span<const v1::DistInfo> infos);

}  // namespace crossmill::worker
