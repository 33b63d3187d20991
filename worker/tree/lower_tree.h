// The layers below an upper directory as one tree, without mounting them: names are looked up from the
// top layer down, honouring whiteouts, opaque directories and removed parents.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/tree/file_metadata.h"

namespace crossmill::worker {

// A directory of the merged tree: the directories on disk that it consists of, top layer first. Empty:
// there is no such directory.
using MergedFolder = std::vector<std::string>;

struct LowerFile {
  FoundFile found;
  // Path on disk (of the topmost, for a directory).
  std::string file;
  // For a directory.
  MergedFolder folder;
};

// What the merged `folder` holds under `name`; nullopt for nothing.
absl::StatusOr<std::optional<LowerFile>> LookUp(const MergedFolder& folder, const std::string& name);

// Names in the merged folder.
absl::StatusOr<std::set<std::string>> ListMerged(const MergedFolder& folder);

// Names in a folder on disk, "." and ".." apart, sorted bytewise.
absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& folder);

}  // namespace crossmill::worker
