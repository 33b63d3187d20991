// Facts about installed Python packages, read from the *.dist-info folders that a step changed.
#pragma once

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::worker {

// `root`: the step's root file system. `changed_paths`: paths of changed files inside it, without leading
// slash; every folder *.dist-info above one of them that (still) has METADATA is read.
//
// The files are the image's, so nothing in them is trusted: paths are resolved inside `root` only, links to
// files are not followed, only regular files are read, each up to a fixed size. What cannot be read is
// left out; there is no error. Sorted by path. Thread safe.
std::vector<v1::DistInfo> ReadDistInfos(const std::string& root, absl::Span<const std::string> changed_paths);

}  // namespace crossmill::worker
