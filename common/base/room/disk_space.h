// How much room the disk has that a folder is on.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace crossmill {

struct DiskSpace {
  // Bytes that may still be written.
  uint64_t free = 0;
  uint64_t total = 0;
  // Files that can still be made, and all that there can be; 0 of 0 where the file system does not count
  // them.
  uint64_t files_free = 0;
  uint64_t files_total = 0;
};

// "12.3 MB", "4.56 GB".
std::string SpaceInWords(uint64_t bytes);

absl::StatusOr<DiskSpace> SpaceOf(const std::string& folder);

// Bytes that may still be written; 0 also where hardly a file can be made any more.
uint64_t UsableSpace(const DiskSpace& space);
// Below how many free bytes nothing new is begun, if nobody says: a gigabyte, or the twentieth part of a
// small disk.
uint64_t UsualLeastSpace(const DiskSpace& space);
// The same of files: a layer of a distribution has more. 0 where they are not counted.
uint64_t UsualLeastFiles(const DiskSpace& space);

// Why a command may have failed for want of room: less than `least` was free (0: the usual; a megabyte at
// least). Empty if not, or if it cannot be said.
std::string WhyFull(const absl::StatusOr<DiskSpace>& space, uint64_t least);
// The same of one that has succeeded, and may have written less than it had: nothing more could be written.
std::string WhyNothingFits(const absl::StatusOr<DiskSpace>& space);

}  // namespace crossmill
