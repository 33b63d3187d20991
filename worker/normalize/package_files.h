// Which files the packages of a Debian system own: its lists below /var/lib/dpkg/info.
#pragma once

#include <map>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "worker/tree/lower_tree.h"

namespace crossmill::worker {

// Of `paths` (relative to the root), those that a package owns, with the package's name. `root`: the folders
// on disk that the root consists of, top first. A root without dpkg owns none. RESOURCE_EXHAUSTED: there are
// more lists, or longer ones, than are read.
absl::StatusOr<std::map<std::string, std::string>> FindPackageFiles(const MergedFolder& root,
                                                                    const std::set<std::string>& paths);

}  // namespace crossmill::worker
