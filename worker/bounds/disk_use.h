// What the files below a folder take on the disk.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace crossmill::worker {

// Blocks of all files and folders, those with several names once; of a folder that others change meanwhile
// about that. Follows no link and leaves the folder on no way. Ends early when more than `enough` are found.
// Nothing: the folder cannot be read.
std::optional<uint64_t> DiskUse(const std::string& folder, uint64_t enough = UINT64_MAX);

}  // namespace crossmill::worker
