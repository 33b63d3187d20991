// What the files below a folder take on the disk: the one place where folders are measured, so that what `df`
// says, what bounds a step and what ends a clone are the same number, the one of `du`.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace crossmill {

// Something in a folder, or the folder itself.
struct FolderEntry {
  // Below the folder; empty: the folder itself.
  const std::string& path;
  const struct stat& info;
  // Its blocks; 0 for a further name of a file that was seen before.
  int64_t bytes = 0;
};

enum class WalkOn {
  kYes,
  // Not into this folder.
  kPassBy,
  kEnd,
};

// Told of a folder below that is there and cannot be read: its path, and errno.
using UnreadFolder = std::function<void(const std::string& path, int error)>;

// Visits the folder and then all that is below, in no order; what goes meanwhile is passed over, and so is
// what cannot be read, of which `unread` is told. Follows no link but `folder` itself, whoever changes what
// is below, and holds few descriptors however deep it is. An error: the folder itself cannot be read;
// NOT_FOUND: it is not there.
absl::Status WalkFolder(const std::string& folder, const std::function<WalkOn(const FolderEntry&)>& visit,
                        const UnreadFolder& unread = {});

struct FolderSize {
  // Blocks, as `du` counts them: sparse files by what they have, those with several names once, folders too.
  int64_t bytes = 0;
  // Names below the folder.
  int64_t files = 0;
};

// Ends early when there are more bytes than `enough`. Of folders below that cannot be read nothing but they
// themselves counts.
absl::StatusOr<FolderSize> MeasureFolder(const std::string& folder, int64_t enough = INT64_MAX);

}  // namespace crossmill
