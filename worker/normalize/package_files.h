// Which files the packages of a system own: dpkg's lists below /var/lib/dpkg/info, and apk's
// /lib/apk/db/installed.
#pragma once

#include <map>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "worker/tree/lower_tree.h"

namespace crossmill::worker {

// Of `paths` (relative to the root), those that a package owns, with the package's name. `root`: the folders
// on disk that the root consists of, top first. A root without packages owns none. FAILED_PRECONDITION: its
// packages are rpm's, whose record is not read; RESOURCE_EXHAUSTED: it is longer than what is read.
absl::StatusOr<std::map<std::string, std::string>> FindPackageFiles(const MergedFolder& root,
                                                                    const std::set<std::string>& paths);

}  // namespace crossmill::worker
