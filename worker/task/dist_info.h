// Facts about installed Python packages, read from the records that a step changed: *.dist-info, *.egg-info,
// eggs and *.egg-link.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::worker {

struct PackageFacts {
  // Sorted by path.
  std::vector<v1::DistInfo> infos;
  std::vector<v1::WheelFile> wheels;
};

// True if one of the changed paths may belong to a record or a wheel: worth a look into the root.
bool MayHoldPackages(absl::Span<const std::string> changed_paths);

// `root`: the step's root file system. `changed_paths`: paths of changed files inside it, without leading
// slash; every record above or at one of them that (still) names a package is read. `changed_times`: their
// mtimes, parallel to the paths, or empty where nobody knows them.
//
// The files are the image's, so nothing in them is trusted (root_reader.h), and each is read up to a fixed
// size. What cannot be read is left out; there is no error. Thread safe.
PackageFacts ReadPackages(const std::string& root, absl::Span<const std::string> changed_paths,
                          absl::Span<const int64_t> changed_times);

}  // namespace crossmill::worker
