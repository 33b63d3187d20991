// A root file system as files in a folder.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/oci/flatten.h"

namespace crossmill::cli {

// Writes the tree below `folder`, which exists. As buildx does, everything belongs to who runs this; modes,
// times, hard links and symlinks are kept, extended attributes are not, nor, unlike there, setuid and setgid
// bits of files: they would be the rights of who runs this. What is there already is kept unless the tree has
// the path: files and symlinks are replaced, folders are written into. Nothing outside the folder is touched,
// whatever symlinks the tree or the folder hold. Returns notes for people: devices and those bits are left
// out. FAILED_PRECONDITION if a folder is where a file should be.
absl::StatusOr<std::vector<std::string>> WriteLocalTree(const oci::Flattener& tree,
                                                        const std::string& folder);

}  // namespace crossmill::cli
